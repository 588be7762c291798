"""Vega-Lite charts as pictures, without a browser and without a network."""

from __future__ import annotations

import copy
import struct
from typing import Any

import pytest

from modeling.core.errors import RemoteData
from modeling.core.reporting import drawing

SPEC: dict[str, Any] = {
    "data": {"values": [{"a": 1, "b": 2, "url": "https://example.org"}, {"a": 2, "b": 5, "url": ""}]},
    "width": "container",
    "height": 100,
    "mark": "line",
    "encoding": {
        "x": {"field": "a", "type": "quantitative", "title": "A (mm)"},
        "y": {"field": "b", "type": "quantitative"},
    },
}


def test_a_chart_becomes_svg_with_its_titles_and_is_not_changed() -> None:
    before = copy.deepcopy(SPEC)
    picture = drawing.svg(SPEC)
    assert picture.startswith("<svg")
    assert "A (mm)" in picture
    assert before == SPEC


def test_equal_charts_give_equal_pictures() -> None:
    assert drawing.svg(SPEC) == drawing.svg(copy.deepcopy(SPEC))


def test_a_width_of_the_container_becomes_pixels() -> None:
    narrow, wide = (float(drawing.svg(SPEC, width=w).split('width="', 1)[1].split('"', 1)[0]) for w in (200, 400))
    assert wide - narrow == 200


def test_a_png_has_the_pixels_that_are_asked_for() -> None:
    small, large = (drawing.png(SPEC, width=200, scale=scale) for scale in (1.0, 2.0))
    assert small.startswith(b"\x89PNG")
    assert struct.unpack(">I", large[16:20])[0] == 2 * struct.unpack(">I", small[16:20])[0]


def test_names_inside_a_picture_can_be_told_apart_from_those_of_another() -> None:
    clipped = {**SPEC, "mark": {"type": "line", "clip": True}}
    one, two = (drawing.svg(clipped, prefix=prefix) for prefix in ("one-", "two-"))
    assert 'id="one-1"' in one
    assert "url(#one-1)" in one
    assert "one-" not in two
    assert drawing.svg(clipped) == drawing.svg(clipped)


def test_text_from_data_cannot_become_markup() -> None:
    hostile = {
        "data": {"values": [{"t": "<script>x</script>"}]},
        "mark": "text",
        "encoding": {"text": {"field": "t"}},
    }
    assert "<script" not in drawing.svg(hostile)


@pytest.mark.parametrize(
    "part",
    [
        {"data": {"url": "https://example.org/data.csv"}},
        {"data": {"url": "file:///etc/passwd"}},
        {"layer": [{"mark": "line", "data": {"url": "x.csv"}}]},
        {"mark": {"type": "image", "url": "x.png"}},
        {"transform": [{"lookup": "a", "from": {"data": {"url": "x.csv"}, "key": "a", "fields": ["b"]}}]},
    ],
)
def test_a_chart_that_names_an_address_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(RemoteData, match="names something to load"):
        drawing.svg({**SPEC, **part})
