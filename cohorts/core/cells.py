"""One cell of a table that people bring: what is missing, what is no number and why, which codes are nearly equal."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from cohorts.core.errors import Reason, gettext_noop

#: Words that say that a value is not known, compared without case. Clinical tables, REDCap and own tables share them.
MISSING_WORDS = frozenset(
    {
        *("", "na", "n/a", "n.a.", "n.a", "<na>", "nan", "null", "none", "nil", "missing", "unknown", "unk"),
        *("not known", "not stated", "not_stated", "not available", "not done", "nd", "n.d.", "?", "??", "."),
        *("..", "-", "--", "---", "\u2013", "\u2014", "\u2212", "未知", "不详", "缺失", "未查", "未说明"),
    }
)
#: What a spreadsheet shows instead of a result.
ERROR_WORDS = frozenset(
    {"#N/A", "#DIV/0!", "#VALUE!", "#NUM!", "#REF!", "#NAME?", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA"}
)
#: Numbers that stand for "not known" in many data sets.
SENTINELS = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
#: Zero-width and direction marks, which nobody sees and which make two equal words differ.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
#: One sign of a number format: quoted text, an escaped sign, a width or a fill, a condition, or any other.
_FORMAT_SIGN = re.compile(r'"[^"]*"?|\\.?|[_*].|\[[^\]]*\]?|.', re.DOTALL)
_LIMIT = re.compile(r"^(<|>|≤|≥|<=|>=|~|≈)\s*[+-]?\d+([.,]\d+)?\s*%?$")
_PERCENT = re.compile(r"^([+-]?\d+(\.\d+)?)\s*[%\uff05]$")
_COMMA = re.compile(r"^[+-]?\d+,\d+$")
_ERROR = gettext_noop("The cell shows the error “{error}”. Correct it, or leave the cell empty.")
_NO_NUMBER = gettext_noop("“{text}” is no number. Write one number with a decimal point, or leave the cell empty.")
_IS_LIMIT = gettext_noop(
    "“{text}” is a limit, not a number. Write the number that your protocol states for it, or leave the cell empty."
)
_HAS_PERCENT = gettext_noop("“{text}” has a percent sign. Write {number}.")
_HAS_COMMA = gettext_noop("“{text}” has a comma. Write {number} if it is decimal; leave it out between thousands.")


def visible(text: str) -> str:
    """Return a text without its outer blanks and the signs that nobody sees."""
    return _INVISIBLE.sub("", text).strip()


def is_missing(text: str) -> bool:
    """Return whether a cell says that its value is not known."""
    return visible(text).casefold() in MISSING_WORDS


def known_text(text: str) -> str:
    """Return a cell without its outer blanks; empty where it says that the value is not known."""
    return "" if is_missing(text) else text.strip()


def likeness(code: str) -> str:
    """Return a key that is equal for codes which differ only by case, blanks, leading zeros or invisible signs."""
    plain = "".join(visible(unicodedata.normalize("NFKC", code)).casefold().split())
    whole = re.sub(r"^(\d+)\.0+$", r"\1", plain)  # a spreadsheet or pandas made a number of it
    return re.sub(r"(?<!\d)0+(?=\d)", "", whole)


def spelling(word: str) -> str:
    """Return a key that is equal for words which differ only by case, blanks, width or invisible signs."""
    return " ".join(visible(unicodedata.normalize("NFKC", word)).casefold().split())


def why_error(text: str) -> Reason:
    """Return why a cell that shows a spreadsheet's error is refused."""
    return Reason(_ERROR, {"error": text})


def why_no_number(text: str) -> Reason:
    """Return why a cell is not read as a number, and what would be."""
    if _LIMIT.match(text):
        return Reason(_IS_LIMIT, {"text": text})
    if percent := _PERCENT.match(text):
        return Reason(_HAS_PERCENT, {"text": text, "number": percent.group(1)})
    if _COMMA.match(text):
        return Reason(_HAS_COMMA, {"text": text, "number": text.replace(",", ".")})
    return Reason(_NO_NUMBER, {"text": text})


def is_percent(number_format: str) -> bool:
    """Return whether a number format shows hundredths: an unquoted, unescaped ``%`` in its first section."""
    for sign in _FORMAT_SIGN.findall(number_format):
        if sign == ";":
            return False
        if sign == "%":
            return True
    return False


def number_text(value: float, number_format: str) -> str:
    """Return a number of a workbook as a person would type it: 8 for 8 %, codes with their leading zeros."""
    exact = Decimal(repr(value))
    if not exact.is_finite():
        return str(value)
    if is_percent(number_format):
        exact = round(exact * 100, 6)
    if re.fullmatch("0+", number_format) and exact == exact.to_integral_value():
        return str(int(exact)).zfill(len(number_format))
    plain = f"{exact:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
