"""Pictures of Vega-Lite charts without a browser; the only module that imports vl_convert.

The version of Vega-Lite is fixed, data stand in the specification, and nothing is fetched: a chart that
names an address is refused, and the library may load from nowhere.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from modeling.core.errors import RemoteData

VEGA_LITE = "6.4"
#: Sizes in which a report sets its figures, in CSS pixels.
WIDTH = 520
_INK, _MUTED, _LINE = "#15211f", "#52625f", "#dbe3e1"
#: Keys under which Vega-Lite names something to load.
_ADDRESSES = {"url", "href"}


def svg(
    spec: Mapping[str, Any], *, width: int = WIDTH, font: str = "Helvetica, Arial, sans-serif", prefix: str = "part-"
) -> str:
    """Draw a chart as SVG.

    Parameters
    ----------
    spec : mapping
        Vega-Lite with its data inline; not changed.
    width : int
        Pixels in place of a width of "container".
    font : str
        Font family of all text.
    prefix : str
        Begins the names inside the picture, so that several can stand in one page.

    Raises
    ------
    RemoteData
        If the chart names an address.
    """
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(_prepared(spec, width), VEGA_LITE, config=_look(font), allowed_base_urls=[])
    return _renamed(str(drawn), prefix)


def png(spec: Mapping[str, Any], *, width: int = WIDTH, scale: float = 2.0) -> bytes:
    """Draw a chart as PNG, `scale` pixels a CSS pixel; raises what `svg` raises."""
    import vl_convert

    prepared = _prepared(spec, width)
    look = _look("Helvetica, Arial, sans-serif")
    return bytes(vl_convert.vegalite_to_png(prepared, VEGA_LITE, scale=scale, config=look, allowed_base_urls=[]))


def _renamed(picture: str, prefix: str) -> str:
    """Number the names inside a picture from one: the library counts on from picture to picture."""
    names = {name: f"{prefix}{i}" for i, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', picture)), 1)}
    return re.sub(r'(\bid="|url\(#)([^")]+)', lambda m: m[1] + names.get(m[2], m[2]), picture)


def _prepared(spec: Mapping[str, Any], width: int) -> dict[str, Any]:
    _require_inline(spec)
    own: dict[str, Any] = copy.deepcopy(dict(spec))
    own["width"] = width if own.get("width", "container") == "container" else own["width"]
    return own


def _require_inline(part: Any) -> None:
    if isinstance(part, Mapping):
        if named := sorted(_ADDRESSES & set(part)):
            raise RemoteData(f"A chart names something to load ({', '.join(named)}); its data must stand in it.")
        for key, value in part.items():
            # Rows of data may have columns of any name; Vega-Lite loads nothing because of them.
            if key != "values":
                _require_inline(value)
    elif isinstance(part, list | tuple):
        for one in part:
            _require_inline(one)


def _look(font: str) -> dict[str, Any]:
    text = {"labelColor": _MUTED, "titleColor": _MUTED, "labelFontSize": 11, "titleFontSize": 11}
    return {
        "font": font,
        "background": "white",
        "view": {"stroke": None},
        "axis": {**text, "titleFontWeight": 500, "gridColor": _LINE, "domainColor": _MUTED, "tickColor": _MUTED},
        "legend": {**text, "labelColor": _INK, "titleFontWeight": 500, "symbolType": "square"},
        "header": text,
        "text": {"color": _INK, "fontSize": 11},
        "rule": {"color": _INK},
    }
