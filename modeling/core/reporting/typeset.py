"""Documents as PDF; the only module that imports typst.

The template reads the document as JSON, so a word of it is a value and never markup. No date, no name of a
machine and no font of the system enters the file: equal documents give equal bytes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from modeling.core.reporting import drawing
from modeling.core.reporting.documents import Document, Figure, Note

_TEMPLATE = Path(__file__).parent / "typst" / "report.typ"
_FONT = "Libertinus Serif"
#: A width of all text, in the CSS pixels of a figure.
_TEXT_WIDTH = 640
#: The moment that the file states; none is taken from a clock.
_TIMESTAMP = 0


def pdf(document: Document) -> bytes:
    """Set a document on A4 pages, numbered, each with "Research use only".

    Raises
    ------
    RemoteData
        If a figure names an address.
    """
    return bytes(_compiled(document, "pdf", ppi=None))


def pages(document: Document, *, ppi: float = 90.0) -> list[bytes]:
    """Give the pages of the PDF as PNG, `ppi` dots an inch."""
    found = _compiled(document, "png", ppi=ppi)
    return [bytes(found)] if isinstance(found, bytes) else [bytes(page) for page in found]


def _compiled(document: Document, form: Literal["pdf", "png"], *, ppi: float | None) -> Any:
    import typst

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "report.typ").write_bytes(_TEMPLATE.read_bytes())
        (folder / "document.json").write_text(json.dumps(_written(document, folder)))
        return typst.compile(
            str(folder / "report.typ"),
            root=name,
            font_paths=[],
            ignore_system_fonts=True,
            format=form,
            ppi=ppi,
            timestamp=_TIMESTAMP,
        )


def _written(document: Document, folder: Path) -> dict[str, Any]:
    """Give what the template reads, and write the figures beside it."""
    found: dict[str, Any] = document.as_dict()
    for section, read in zip(document.sections, found["sections"], strict=True):
        for block, values in zip(section.blocks, read["blocks"], strict=True):
            if isinstance(block, Figure):
                values.update(_draw(block, folder))
                del values["spec"]
            elif values["kind"] == "table":
                values["widths"] = _widths(values)
            elif values["kind"] == "checklist":
                for item in values["items"]:
                    item["weight_text"] = "" if item["weight"] is None else f"{item['weight']:.4f}"
    found["synthetic"] = any(
        isinstance(block, Note) and block.tone == "synthetic" for s in document.sections for block in s.blocks
    )
    return found


def _draw(figure: Figure, folder: Path) -> dict[str, Any]:
    picture = drawing.svg(figure.spec, font=_FONT)
    file = f"figure-{len(list(folder.glob('*.svg'))) + 1}.svg"
    (folder / file).write_text(picture)
    return {"file": file, "width_percent": min(100, round(100 * _pixels(picture) / _TEXT_WIDTH))}


def _pixels(picture: str) -> float:
    return float(picture.split('width="', 1)[1].split('"', 1)[0])


def _widths(table: Mapping[str, Any]) -> list[float]:
    """Give each column its share: numbers should not wrap, words may."""
    shares = []
    for i, heading in enumerate(table["columns"]):
        cells = [row[i] for row in table["rows"]]
        cell = max((len(cell) for cell in cells), default=0)
        word = max((len(part) for text in [heading, *cells] for part in text.split()), default=0)
        share = max(cell, word) if i in table["numeric"] else max(word, 0.5 * min(cell, 90))
        shares.append(2.5 + min(share, 45))
    return shares
