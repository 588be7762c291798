"""What templates of patients and readings need: sentences of the rules, fields in words, the course to scale."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.db.models import Model
from django.utils.translation import gettext

from cohorts import wording
from cohorts.core import response
from cohorts.core.course import Course, draw_course
from cohorts.core.errors import Finding, Reason
from cohorts.core.timeline import Timeline
from cohorts.models import PathologyOutcome
from cohorts.selectors.history import shown

register = template.Library()


@register.filter
def said(sentence: Finding | Reason) -> str:
    """Say a finding or a reason in the person's language."""
    return wording.said(sentence)


@register.filter
def translated(words: str) -> str:
    """Say words of the pure core in the person's language."""
    return gettext(words)


@register.filter
def stored(value: Any, name: str) -> Any:
    """Write lists as text; leave any other value as the history holds it."""
    if name == "stations":
        return shown(name, value)
    return ", ".join(map(str, value)) if isinstance(value, list) else value


@register.filter
def field_value(record: Model, name: str) -> str:
    """Write a field of a patient or a reading as people read it; empty where there is nothing."""
    return shown(name, getattr(record, name))


@register.filter
def why_mpr(outcome: PathologyOutcome, threshold_percent: float) -> str:
    """Say the comparison that makes a response major or not."""
    return wording.said(response.why_mpr(outcome.reading, threshold_percent=threshold_percent))


@register.filter
def why_pcr(outcome: PathologyOutcome) -> str:
    """Say what makes a response complete, denies it or leaves it open."""
    return wording.said(response.why_pcr(outcome.reading))


@register.simple_tag
def drawn_course(timeline: Timeline, findings: Iterable[Finding]) -> Course | None:
    """Lay out a patient's dates to scale."""
    return draw_course(timeline, findings)
