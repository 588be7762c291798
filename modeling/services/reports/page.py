"""A document as one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from modeling.core.reporting import drawing
from modeling.core.reporting.documents import Document

_START, _END = "<!--report-->", "<!--/report-->"


def html(document: Document) -> str:
    """Write a document as a page with its style and its figures inside."""
    pictures = {
        figure.key: mark_safe(drawing.svg(figure.spec, prefix=f"{figure.key}-"))  # noqa: S308 - we drew it
        for figure in document.figures
    }
    context = {"document": document, "pictures": pictures, "style": mark_safe(_style())}  # noqa: S308 - our own file
    return render_to_string("modeling/report_file.html", context)


def body_of(page: str) -> str:
    """Give the part of a written page that stands between header and footer, to show it inside the site."""
    return page.split(_START, 1)[1].split(_END, 1)[0]


def _style() -> str:
    found = finders.find("modeling/report.css")
    assert isinstance(found, str)  # noqa: S101 - it is part of the application
    return Path(found).read_text()
