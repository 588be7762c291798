"""Filters that write what models use in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django import template
from django.utils.translation import gettext, gettext_lazy

from cohorts.templatetags.quantities import DASH, number, percent
from modeling.models import Evaluation
from modeling.wording import classifier_in_words, comparator_in_words, feature_in_words, kind_of_patients_in_words

register = template.Library()


@register.filter
def in_words(column: str) -> str:
    """Write a column of the feature table in words."""
    return feature_in_words(column)


@register.filter
def classifier(name: str) -> str:
    """Write the name of a classifier in words."""
    return classifier_in_words(name)


@register.filter
def split(name: str) -> str:
    """Write the name of a split in words."""
    return str(dict(Evaluation.Split.choices).get(name, name))


#: Splits of a table in which training patients are not cross-validated.
_TABLE_SPLITS = {"training": gettext_lazy("Training")}


@register.filter
def table_split(name: str) -> str:
    """Write the name of a split of a table, or of an evaluation, in words."""
    return str(_TABLE_SPLITS.get(name) or split(name))


@register.filter
def comparator(name: str) -> str:
    """Write the name of what a clinic goes by in words."""
    return comparator_in_words(name)


@register.filter
def kind_of_patients(kind: str) -> str:
    """Write a kind of patients, modelled or left out, in words."""
    return kind_of_patients_in_words(kind)


@register.filter
def share_interval(value: float | None, limits: Sequence[float] | None) -> str:
    """Write a share in percent with its interval; a dash where there is none."""
    if value is None or limits is None:
        return DASH
    words = {"value": percent(100 * value, 0), "low": number(100 * limits[0]), "high": number(100 * limits[1])}
    return gettext("%(value)s (%(low)s to %(high)s)") % words


@register.filter
def rate_interval(row: Mapping[str, float]) -> str:
    """Write the MPR rate of one kind of patients with its interval."""
    return share_interval(row["rate"], (row["low"], row["high"]))


@register.filter
def p_value(value: float | None) -> str:
    """Write a p with three decimals; one that would read 0.000 as ``< 0.001``."""
    return "<\N{NO-BREAK SPACE}0.001" if value is not None and value < 0.0005 else number(value, 3)


#: A slope beyond this says one thing only: the probabilities of all patients are nearly the same.
_STEEPEST = 10


@register.filter
def slope(value: float | None) -> str:
    """Write a calibration slope; one that is out of all bounds as such."""
    if value is None or value != value:
        return DASH
    if abs(value) <= _STEEPEST:
        return number(value, 2)
    return f"{'>' if value > 0 else '<'}\N{NO-BREAK SPACE}{number(_STEEPEST if value > 0 else -_STEEPEST)}"
