"""Which timepoint of treatment the words of a path name, if any.

Exports are named after contrast, phase, stage, sequence and surgery far more often than after treatment: "post contrast",
"pre c.m.", "stage T1", "post-op". A word of time counts only in a folder or file name that says nothing of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Literal

TimepointKind = Literal["pre", "post"]

#: Words that mean a timepoint of treatment when nothing in the same name says what else they belong to.
TIMEPOINT_WORDS: dict[TimepointKind, frozenset[str]] = {
    "pre": frozenset({"pre", "baseline", "before", "pretreatment", "pretherapy", "prenac", "t0"}),
    "post": frozenset({"post", "followup", "after", "posttreatment", "posttherapy", "postnac", "t1"}),
}

#: Chinese names carry no spaces, so they are searched for as they are.
_CHINESE: dict[TimepointKind, tuple[str, ...]] = {
    "pre": ("治疗前", "新辅助前", "用药前", "基线"),
    "post": ("治疗后", "新辅助后", "用药后", "随访"),
}
_CHINESE_OTHER = ("增强", "平扫", "造影", "对比剂", "动脉期", "静脉期", "延迟", "术前", "术后", "分期")

#: Contrast, phase, stage, sequence, surgery and processing: beside these, "pre" and "post" mean something else.
_OTHER = re.compile(
    r"contrast\w*|contr|kontrast\w*|km|cm|ce|cect|nce?ct|iv|gad\w*|gd|inj\w*|bolus|monitor\w*|premonitoring|smartprep|"
    r"phase|arterial|art|venous|ven|portal\w*|pv|delay\w*|late|nativ\w*|plain|enhanced|unenhanced|"
    r"stage|staging|stadium|grade|tnm|[cpy]{1,2}[tnm][0-4x][abc]?(?:mi)?|[tnm][0-4x](?:[abc]|mi)|t[2-4x]|[nm][0-3x]|"
    r"sequence|seq|weighted|w|t[12]w|flair|dwi|adc|stir|vibe|mri?|"
    r"op|operative|operativ|surg\w*|resect\w*|lobectomy|biops\w*|radiation|rt|mortem|"
    r"process\w*|proc|recon\w*|\d+(?:s|sec|min)"
)


def timepoint_of_name(name: str) -> TimepointKind | None:
    """Return the timepoint of treatment that one folder or file name states, None where it states none or both.

    Parameters
    ----------
    name : str
        One component of a path, with or without its suffix.
    """
    tokens = [token for token in re.split(r"[^a-z0-9]+", name.lower()) if token]
    found = {timepoint for timepoint, words in TIMEPOINT_WORDS.items() if words & set(tokens)}
    found |= {timepoint for timepoint, words in _CHINESE.items() if any(word in name for word in words)}
    if len(found) != 1 or any(word in name for word in _CHINESE_OTHER):
        return None
    return None if _says_something_else(tokens) else next(iter(found))


def timepoint_of_path(parts: Iterable[str]) -> TimepointKind | None:
    """Return the timepoint that the parts of a path state together, None where none does or they contradict each other."""
    found = {timepoint for part in parts if (timepoint := timepoint_of_name(part))}
    return next(iter(found)) if len(found) == 1 else None


def timepoint_words(name: str) -> list[str]:
    """Return the words by which a file's name states its timepoint, in a fixed order; empty where it states none."""
    timepoint = timepoint_of_name(PurePosixPath(name).name)
    if timepoint is None:
        return []
    tokens = set(re.split(r"[^a-z0-9]+", name.lower()))
    return sorted(TIMEPOINT_WORDS[timepoint] & tokens) or [timepoint]


def _says_something_else(tokens: list[str]) -> bool:
    """Return whether a name speaks of contrast, stage or sequence, so that its words of time belong to these."""
    # "c.m." and "i.v." fall into single letters.
    pairs = {"".join(pair) for pair in pairwise(tokens) if max(map(len, pair)) == 1}
    return any(_OTHER.fullmatch(token) for token in {*tokens, *pairs})
