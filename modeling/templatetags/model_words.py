"""Filters that write what models use in words."""

from __future__ import annotations

from django import template

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
