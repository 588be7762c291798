"""Names of the segments in the header of a 3D Slicer segmentation (``.seg.nrrd``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEADER_BYTES = 2**20
_FIELD = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer):=(.*)")


@dataclass(frozen=True)
class Segment:
    """One segment: its name, the layer of the file that holds it, and its value there."""

    name: str
    layer: int
    value: int


def segments_of(path: Path) -> list[Segment]:
    """Return the segments that the header of an NRRD file names, in their order; none for other files.

    A segment without a value has 1, one without a layer lies in the first, as the format defines them.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(b"NRRD"):
        return []
    lines = head.replace(b"\r", b"").split(b"\n\n")[0].decode("utf-8", "replace").split("\n")
    stated: dict[int, dict[str, str]] = {}
    for line in lines:
        if found := _FIELD.fullmatch(line.strip()):
            stated.setdefault(int(found[1][:6]), {})[found[2]] = found[3].strip()
    return [
        Segment(
            fields.get("Name", "") or f"Segment {number + 1}",
            _whole(fields.get("Layer"), 0),
            _whole(fields.get("LabelValue"), 1),
        )
        for number, fields in sorted(stated.items())
    ]


def _whole(written: str | None, default: int) -> int:
    return int(written) if written is not None and re.fullmatch(r"\d{1,9}", written) else default
