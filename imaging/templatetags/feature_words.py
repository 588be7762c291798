"""Words and bars of features."""

from __future__ import annotations

import math
from typing import Any

from django import template
from django.utils.translation import gettext as _

from cohorts.selectors.summary import NO_OUTCOME
from cohorts.templatetags.quantities import compact, number
from imaging.services.cohort_cases import MPR, NO_MPR
from imaging.wording import FAMILY_WORDS, MOMENT_WORDS, VERDICT_WORDS

register = template.Library()


@register.filter
def family_words(key: str) -> Any:
    """Give what a family of features is called."""
    return FAMILY_WORDS.get(key, key)


@register.filter
def moment_words(key: str) -> Any:
    """Give what a moment is called within a sentence."""
    return MOMENT_WORDS.get(key, key)


@register.filter
def verdict_words(verdict: str) -> Any:
    """Give the words for a verdict on stability."""
    return VERDICT_WORDS.get(verdict, verdict)


@register.filter
def figure(value: float | None) -> str:
    """Write a value of any size with four significant digits, and a power of ten only where it must be."""
    if value is None or value == 0 or not 1e-4 <= abs(value) < 1e7:
        return compact(value)
    return number(value, max(0, 3 - math.floor(math.log10(abs(value)))))


@register.filter
def area_left(auc: float) -> str:
    """Give where the bar of an area begins, in percent: it grows from the middle, a coin, to either side."""
    return f"{100 * min(auc, 0.5):.1f}"


@register.filter
def area_width(auc: float) -> str:
    """Give how long the bar of an area is, in percent."""
    return f"{100 * abs(auc - 0.5):.1f}"


@register.filter
def response_words(name: str) -> str:
    """Give the words for a response; any other name stays as it is."""
    words = {MPR: _("MPR"), NO_MPR: _("No MPR"), NO_OUTCOME: _("No outcome yet")}
    return words.get(name, name)
