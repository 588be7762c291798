"""Sentences of the pure core, said in the language of the person who reads."""

from __future__ import annotations

from django.utils.translation import gettext

from cohorts.core.errors import Finding, Reason


def said(sentence: Finding | Reason) -> str:
    """Give a finding or a reason in the language of the request; words that stand in it are translated, too."""
    words = {name: gettext(text) if text else "" for name, text in sentence.values.items()}
    return gettext(sentence.template).format(**words)
