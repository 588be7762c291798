"""The tag that explains a word where it stands."""

from __future__ import annotations

import secrets
from typing import Any

from django import template

from cohorts.glossary import TERMS

register = template.Library()


@register.inclusion_tag("cohorts/_term.html")
def term(key: str, words: str = "") -> dict[str, Any]:
    """Write a word of the glossary, or other words for it, with a button that opens what it means.

    Parts of a page arrive one by one, so the button finds its note by a name that no other part can have made.
    """
    found = TERMS[key]
    before, space, last = str(words or found.name).rpartition(" ")  # the button stays on the line of the last word
    return {"term": found, "before": before + space, "last": last, "place": f"term-{secrets.token_hex(4)}"}
