"""Clinical stage of lung cancer from cT, cN and cM, by the table of the stated edition of the TNM.

The 8th and the 9th edition have the same T; the 9th divides N2 (one or several stations) and M1c (one or several
organ systems) and moves T1 N1, T1 N2a and T3 N2a down and T2 N2b up. A stage without its edition can therefore mean two things.

References
----------
8th edition: Goldstraw et al., J Thorac Oncol 2016;11:39-51. 9th edition: Rami-Porta et al., J Thorac Oncol
2024;19:1007-1027.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from cohorts.core.errors import Finding, gettext_noop

EDITIONS = (8, 9)
#: T1 and T2 without a letter: the subcategory is not stated; so is N2 in the 9th edition, and M1.
CT_CHOICES = ("cTX", "cT0", "cTis", "cT1", "cT1mi", "cT1a", "cT1b", "cT1c", "cT2", "cT2a", "cT2b", "cT3", "cT4")
CN_CHOICES = ("cNX", "cN0", "cN1", "cN2", "cN2a", "cN2b", "cN3")
CM_CHOICES = ("cM0", "cM1", "cM1a", "cM1b", "cM1c", "cM1c1", "cM1c2")

_T1 = ("T1a", "T1b", "T1c")
#: Edition → the columns of its table.
_N_OF: Mapping[int, tuple[str, ...]] = {8: ("N0", "N1", "N2", "N3"), 9: ("N0", "N1", "N2a", "N2b", "N3")}
#: Edition → T → stage for each N of the columns, all with M0.
_ROWS: Mapping[int, Mapping[str, tuple[str, ...]]] = {
    8: {
        "T1a": ("IA1", "IIB", "IIIA", "IIIB"),
        "T1b": ("IA2", "IIB", "IIIA", "IIIB"),
        "T1c": ("IA3", "IIB", "IIIA", "IIIB"),
        "T2a": ("IB", "IIB", "IIIA", "IIIB"),
        "T2b": ("IIA", "IIB", "IIIA", "IIIB"),
        "T3": ("IIB", "IIIA", "IIIB", "IIIC"),
        "T4": ("IIIA", "IIIA", "IIIB", "IIIC"),
    },
    9: {
        "T1a": ("IA1", "IIA", "IIB", "IIIA", "IIIB"),
        "T1b": ("IA2", "IIA", "IIB", "IIIA", "IIIB"),
        "T1c": ("IA3", "IIA", "IIB", "IIIA", "IIIB"),
        "T2a": ("IB", "IIB", "IIIA", "IIIB", "IIIB"),
        "T2b": ("IIA", "IIB", "IIIA", "IIIB", "IIIB"),
        "T3": ("IIB", "IIIA", "IIIA", "IIIB", "IIIC"),
        "T4": ("IIIA", "IIIA", "IIIB", "IIIB", "IIIC"),
    },
}
#: Of both editions, with N0 and M0 only: no stage stands in either table for these with another N.
_N0_ONLY = {"TX": "occult", "Tis": "0", "T1mi": "IA1"}
#: Any T, any N. M1c1 and M1c2 are of the 9th edition.
_M1: Mapping[int, Mapping[str, str]] = {
    8: {"M1a": "IVA", "M1b": "IVA", "M1c": "IVB"},
    9: {"M1a": "IVA", "M1b": "IVA", "M1c1": "IVB", "M1c2": "IVB"},
}
#: Edition → category → the categories of its table that it may be: several where the subcategory is not stated, one
#: where the 8th edition does not divide what the 9th does.
_MAY_BE: Mapping[int, Mapping[str, tuple[str, ...]]] = {
    8: {
        "T1": _T1,
        "T2": ("T2a", "T2b"),
        "N2a": ("N2",),
        "N2b": ("N2",),
        "M1": ("M1a", "M1b", "M1c"),
        "M1c1": ("M1c",),
        "M1c2": ("M1c",),
    },
    9: {
        "T1": _T1,
        "T2": ("T2a", "T2b"),
        "N2": ("N2a", "N2b"),
        "M1": ("M1a", "M1b", "M1c1", "M1c2"),
        "M1c": ("M1c1", "M1c2"),
    },
}
_NINTH_ONLY = frozenset({"cN2a", "cN2b", "cM1c1", "cM1c2"})
_STAGE = re.compile(r"(?P<group>0|IV|I{1,3})(?P<part>[ABC]?\d?)")


@dataclass(frozen=True)
class ClinicalTNM:
    """Clinical T, N and M before treatment, as ``cT2a``; empty or None where not stated.

    ``stage`` is the stage that a person typed, such as ``IIIA``.
    """

    t: str = ""
    n: str = ""
    m: str = ""
    edition: int | None = None
    stage: str = ""


def stage_table(edition: int) -> dict[tuple[str, str, str], str]:
    """Return the whole stage table of one edition.

    Parameters
    ----------
    edition : {8, 9}

    Returns
    -------
    dict
        (T, N, M) without prefix → stage; ``*`` stands for any T or N beside M1.

    References
    ----------
    8th edition: Goldstraw et al., J Thorac Oncol 2016;11:39-51. 9th edition: Rami-Porta et al., J Thorac Oncol
    2024;19:1007-1027.
    """
    with_nodes = {
        (t, n, "M0"): stage for t, row in _ROWS[edition].items() for n, stage in zip(_N_OF[edition], row, strict=True)
    }
    without = {(t, "N0", "M0"): stage for t, stage in _N0_ONLY.items()}
    return without | with_nodes | {("*", "*", m): stage for m, stage in _M1[edition].items()}


def derived_stage(tnm: ClinicalTNM) -> str:
    """Return the stage that T, N and M mean by the stated edition.

    Parameters
    ----------
    tnm : ClinicalTNM
        Without an edition, the stage is that on which both editions agree.

    Returns
    -------
    str
        Such as ``IIB``; empty where a category is missing, a subcategory that decides is not stated, the table has no such
        line, or the editions differ and none is stated. ``IA`` where only its subdivision stays open.
    """
    editions = EDITIONS if tnm.edition is None else (tnm.edition,)
    found = {_stage_by(tnm, edition) for edition in editions}
    return found.pop() if len(found) == 1 else ""


def _stage_by(tnm: ClinicalTNM, edition: int) -> str:
    table, may_be = stage_table(edition), _MAY_BE[edition]
    bare = [category.removeprefix("c") for category in (tnm.t, tnm.n, tnm.m)]
    if not all(bare):
        return ""
    ts, ns, ms = (may_be.get(category, (category,)) for category in bare)
    stages = {table.get((t, n, m)) or table.get(("*", "*", m), "") for t, n, m in product(ts, ns, ms)}
    if stages == {"IA1", "IA2", "IA3"}:
        return "IA"
    return stages.pop() if len(stages) == 1 else ""


def check_stage(tnm: ClinicalTNM) -> tuple[Finding, ...]:
    """Apply the rules on the clinical stage: W12, W19 and W20.

    Parameters
    ----------
    tnm : ClinicalTNM

    Returns
    -------
    tuple of Finding
        Warnings only: nobody but a clinician can tell which of two entries is right.
    """
    return tuple(_doubts(tnm))


def _doubts(tnm: ClinicalTNM) -> Iterator[Finding]:
    if tnm.edition == 8 and (later := sorted({tnm.n, tnm.m} & _NINTH_ONLY)):
        template = gettext_noop("{category} belongs to the 9th edition of the TNM, but the 8th is stated.")
        yield Finding("W12", "clinical_tnm_edition", template, {"category": ", ".join(later)})
    values = {"tnm": f"{tnm.t} {tnm.n} {tnm.m}", "typed": tnm.stage.strip()}
    stage = derived_stage(tnm)
    eighth, ninth = (_stage_by(tnm, edition) for edition in EDITIONS)
    if stage and values["typed"] and not _agree(values["typed"].upper(), stage):
        template = gettext_noop("{tnm} means stage {stage}, but {typed} is entered: which of them is right?")
        yield Finding("W19", "clinical_stage", template, values | {"stage": stage})
    elif tnm.edition is None and eighth and ninth and eighth != ninth:
        template = gettext_noop(
            "{tnm} means stage {eighth} by the 8th edition of the TNM and {ninth} by the 9th: state the edition."
        )
        yield Finding("W20", "clinical_tnm_edition", template, values | {"eighth": eighth, "ninth": ninth})


def _agree(typed: str, stage: str) -> bool:
    """Return whether a typed stage is the derived one or says less: III for IIIA, IA for IA2."""
    ours, theirs = _STAGE.fullmatch(stage), _STAGE.fullmatch(typed)
    if ours is None or theirs is None:
        return typed == stage.upper()
    parts = sorted((ours["part"], theirs["part"]), key=len)
    return ours["group"] == theirs["group"] and parts[1].startswith(parts[0])
