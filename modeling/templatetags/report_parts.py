"""Tags that the parts of a report need."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

from modeling.core.reporting.documents import Block

register = template.Library()


@register.filter
def part_template(block: Block) -> str:
    """Give the template that shows a block."""
    return f"modeling/report_parts/{block.kind}.html"


@register.filter
def picture(pictures: Mapping[str, str], key: str) -> str:
    """Give the drawing of a figure."""
    return pictures[key]


@register.filter
def is_level(cell: str) -> bool:
    """Tell whether a cell is indented: the level of a characteristic above it."""
    return cell.startswith(" ")
