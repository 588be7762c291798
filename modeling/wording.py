"""Feature columns in words."""

from __future__ import annotations

_GROUPS = {"whole_tumour": "Whole tumour", "habitat": "Habitats", "clinical": "Clinical"}
_TIMES = {"pre": "before", "post": "after", "delta": "change"}


def feature_in_words(column: str) -> str:
    """Turn ``group|time|name`` into words: ``Whole tumour, change: original shape MeshVolume``."""
    parts = column.split("|")
    group = _GROUPS.get(parts[0], parts[0])
    if len(parts) == 3:
        return f"{group}, {_TIMES.get(parts[1], parts[1])}: {_plain(parts[2])}"
    return f"{group}: {_plain(parts[-1])}"


def _plain(name: str) -> str:
    return name.replace("msi_", "interaction ").replace("_", " ")
