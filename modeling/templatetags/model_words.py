"""Filters that write what models use in words."""

from __future__ import annotations

from django import template

from cohorts.templatetags.quantities import DASH, number
from modeling.models import Evaluation
from modeling.wording import classifier_in_words, feature_in_words

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
