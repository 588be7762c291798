"""Filters that write numbers and dates for people: true minus signs, units, a dash where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django import template
from django.apps import apps
from django.utils.formats import date_format, get_format
from django.utils.timezone import now
from django.utils.translation import get_language, gettext, gettext_lazy

register = template.Library()

DASH = "–"
MINUS = "\N{MINUS SIGN}"
#: Names that are no plain words.
_NAMES = {
    "ypt": "ypT",
    "ypn": "ypN",
    "pdl1": "PD-L1",
    "ypm": "ypM",
    "clinical t": "cT",
    "clinical n": "cN",
    "clinical m": "cM",
    "clinical tnm edition": gettext_lazy("TNM edition of the clinical stage"),
    "tnm edition": gettext_lazy("TNM edition"),
    "reported mpr": gettext_lazy("Reported MPR"),
    "reported pcr": gettext_lazy("Reported pCR"),
    "n": gettext_lazy("Patients"),
    "auc": "AUC",
    "icc": "ICC",
    "fpr": gettext_lazy("1 − specificity"),
    "tpr": gettext_lazy("Sensitivity"),
    "mean abs log odds": gettext_lazy("Mean change of the log-odds"),
}
#: Keeps a number and its unit on one line.
NBSP = "\N{NO-BREAK SPACE}"
#: Up to here a value of unknown size is written out.
_WRITTEN_OUT = 1e6
_UNITS = {
    "_percent": "%",
    "_years": gettext_lazy("years"),
    "_days": gettext_lazy("days"),
    "_mm3": "mm³",
    "_mm": "mm",
    "_ml": "mL",
    "_hu": "HU",
}


def _as_float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number else None  # NaN means undefined


def _written(text: str) -> str:
    """Write the decimal point as the person's language does."""
    return text.replace(".", str(get_format("DECIMAL_SEPARATOR"))).replace("-", MINUS)


def _is_not_zero(text: str) -> bool:
    return any(character in "123456789" for character in text)


@register.filter
def number(value: Any, digits: int = 0) -> str:
    """Write a number with so many decimals; a dash where there is none."""
    found = _as_float(value)
    if found is None:
        return DASH
    text = _written(f"{abs(found):.{digits}f}")
    return MINUS + text if found < 0 and _is_not_zero(text) else text


@register.filter
def signed(value: Any, digits: int = 1) -> str:
    """Write a change with its sign."""
    text = number(value, digits)
    return f"+{text}" if text[0].isdigit() and _is_not_zero(text) else text


@register.filter
def compact(value: Any, digits: int = 4) -> str:
    """Write a value of unknown size with so many significant digits."""
    found = _as_float(value)
    if found is None:
        return DASH
    if 10**digits - 0.5 <= abs(found) < _WRITTEN_OUT:  # where `g` would turn to powers of ten
        return number(found)
    return _written(f"{found:.{digits}g}")


@register.filter
def unit(value: str, name: str) -> str:
    """Add a unit to a written number, unless there is none."""
    return value if value == DASH else f"{value}{NBSP}{name}"


@register.filter
def percent(value: Any, digits: int = 0) -> str:
    """Write a percentage (0 to 100)."""
    return unit(number(value, digits), "%")


@register.filter
def share(value: Any, digits: int = 0) -> str:
    """Write a fraction (0 to 1) as a percentage."""
    found = _as_float(value)
    return percent(None if found is None else 100 * found, digits)


@register.filter
def known(value: Any) -> Any:
    """Give a value, or a dash where it is empty."""
    return DASH if value in (None, "") else value


@register.filter
def listed(value: Any) -> Any:
    """Write a list with commas; give anything else as `known` does."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else known(value)


@register.filter
def spacing(zyx_mm: Sequence[float] | None) -> str:
    """Write a voxel size, stored (z, y, x), in the order that people read: x × y × z."""
    if not zyx_mm:
        return DASH
    z, y, x = (number(value, 2) for value in zyx_mm)
    return f"{x} × {y} × {z}{NBSP}mm"


@register.filter
def extent(zyx: Sequence[int] | None) -> str:
    """Write a matrix size, stored (z, y, x), as x × y × z."""
    return " × ".join(str(n) for n in reversed(zyx)) if zyx else DASH


@register.filter
def scaled(value: Any, factor: float) -> float | None:
    """Multiply: cubic millimetres to millilitres, fractions to percent."""
    found = _as_float(value)
    return None if found is None else found * factor


@register.filter
def cell(row: Mapping[str, Any], column: str) -> Any:
    """Give one cell of a table of dictionaries, written for people."""
    value = row.get(column)
    return compact(value) if isinstance(value, float) else known(value)


@register.filter
def heading(column: str) -> str:
    """Turn a column's name into words with its unit: ``age_years`` → ``Age (years)``."""
    for suffix, symbol in _UNITS.items():
        if column.endswith(suffix):
            return f"{heading(column.removesuffix(suffix))} ({symbol})"
    words = column.replace("_", " ").strip()
    return str(_NAMES.get(words) or (words and gettext(words[:1].upper() + words[1:])))


@register.filter
def sentence(text: str) -> str:
    """Start with a capital, unless the first word has its own spelling: ypT, pCR."""
    first, *_ = str(text).split(maxsplit=1) or [""]
    return str(text) if first != first.lower() else str(text)[:1].upper() + str(text)[1:]


@register.filter
def elapsed(start: datetime | None, end: datetime | None) -> str:
    """Write how long something took, or has taken until now."""
    if start is None:
        return DASH
    seconds = max(0, round(((end or now()) - start).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours}{NBSP}h {minutes:02d}{NBSP}min"
    return f"{minutes}{NBSP}min {seconds:02d}{NBSP}s" if minutes else f"{seconds}{NBSP}s"


def _date_pattern() -> str:
    return "j M Y" if (get_language() or "en").startswith("en") else str(get_format("DATE_FORMAT"))


@register.filter(expects_localtime=True)
def day(value: date | None) -> str:
    """Write a day as the person's language does: 10 Jun 2024."""
    return date_format(value, _date_pattern()) if value else DASH


@register.filter(expects_localtime=True)
def moment(value: datetime | None, clock: str = "H:i") -> str:
    """Write a day and the time of day in the person's time zone: 10 Jun 2024, 14:02."""
    if not value:
        return DASH
    comma = "," if _date_pattern() == "j M Y" else ""
    return date_format(value, f"{_date_pattern()}{comma} {clock}")


@register.filter
def record_name(object_type: str) -> str:
    """Give the words for a kind of record in the history: ``pathologyoutcome`` → ``pathology outcome``."""
    models = {model._meta.model_name: str(model._meta.verbose_name) for model in apps.get_models()}
    return models.get(object_type, object_type)
