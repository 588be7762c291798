"""The plan of the demo cohort: who responds, and how strongly that shows in which part of the images.

A latent response decides the pathologist's reading. Three signals share a planted part with it:
shrinkage (tumour volume), texture (fine texture of the whole tumour) and mixing (arrangement of the
habitats). Nothing else in an image knows the response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from imaging.core.phantom.clinical import draw_clinical
from imaging.core.phantom.fields import generator
from imaging.core.phantom.pathology import draw_pathology
from imaging.core.phantom.truth import (
    NOTICE,
    Centre,
    Location,
    PatientTruth,
    ScanTruth,
    patient_documents,
)

#: Half of the patients come from centre A, where models are trained.
CENTRE_PATTERN: tuple[Centre, ...] = ("A", "B", "C", "A")

#: Patients in a centre from which on its draws are balanced.
_ENOUGH = 12


@dataclass(frozen=True)
class Planted:
    """The planted strengths.

    Parameters
    ----------
    mpr_rate : float
        Part of the patients with a major pathological response, in each centre.
    shrinkage_r, texture_r, mixing_r : float
        Correlation of each signal with the latent response; given the response they are independent.
    log_volume_mean, log_volume_sd : float
        Of the natural logarithm of volume after over volume before treatment, at minus the shrinkage.
    log_texture_sd : float
        Change of the logarithm of the texture's correlation length per unit of the texture signal.
    mixing_before, mixing_after : float
        Part of the mixing signal that shows before treatment, and the change it makes until after.
    """

    mpr_rate: float = 0.45
    shrinkage_r: float = 0.40
    texture_r: float = 0.60
    mixing_r: float = 0.65
    log_volume_mean: float = -0.65
    log_volume_sd: float = 0.42
    log_texture_sd: float = 0.45
    mixing_before: float = 0.06
    mixing_after: float = 0.24


PLANTED = Planted()


def plan_cohort(n_patients: int, *, seed: int, planted: Planted = PLANTED) -> tuple[PatientTruth, ...]:
    """Plan a synthetic cohort: equal arguments give equal patients.

    Parameters
    ----------
    n_patients : int
        Number of patients; they are dealt to the centres as A, B, C, A.
    seed : int
        Seed of everything that is drawn.
    planted : Planted
        Strength of the planted signals.
    """
    centres = [CENTRE_PATTERN[i % len(CENTRE_PATTERN)] for i in range(n_patients)]
    signals = np.zeros((n_patients, 4))
    is_mpr = np.zeros(n_patients, dtype=bool)
    for centre in sorted(set(centres)):
        members = np.flatnonzero([c == centre for c in centres])
        signals[members], is_mpr[members] = _draw_signals(members.size, planted, seed=seed, centre=centre)
    return tuple(_patient(i, centres[i], seed, signals[i], bool(is_mpr[i]), planted) for i in range(n_patients))


def _draw_signals(
    n: int, planted: Planted, *, seed: int, centre: Centre
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Draw response, shrinkage, texture and mixing of one centre's patients, and who has MPR.

    Responses are the normal scores in random order. In a centre of enough patients the rest of each
    signal is made exactly uncorrelated with the response, the classes and the other rests, so the
    planted correlations hold there to the digit and a demonstration does not depend on luck.
    """
    rng = generator(seed, "cohort", centre, n)
    scores = special.ndtri((np.arange(n) + 0.5) / max(n, 1))
    response = rng.permutation(scores / scores.std() if n >= _ENOUGH else scores)
    is_mpr = np.zeros(n, dtype=bool)
    is_mpr[np.argsort(-response, kind="stable")[: round(planted.mpr_rate * n)]] = True
    rests = rng.standard_normal((n, 3))
    if n >= _ENOUGH:
        rests = _uncorrelated(rests, given=(np.ones(n), response, is_mpr.astype(np.float64)))
    r = np.array([planted.shrinkage_r, planted.texture_r, planted.mixing_r])
    return np.column_stack([response, r * response[:, None] + np.sqrt(1 - r**2) * rests]), is_mpr


def _uncorrelated(columns: NDArray[np.float64], *, given: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Make columns orthogonal to given vectors and to each other, of unit mean square (Gram-Schmidt)."""
    basis: list[NDArray[np.float64]] = []
    for column in (*given, *columns.T):
        rest = column.copy()
        for unit in basis:
            rest -= np.sum(rest * unit) * unit
        basis.append(rest / np.sqrt(np.sum(rest**2)))
    return np.asarray(np.column_stack(basis[len(given) :]) * np.sqrt(len(columns)))


def _patient(
    i: int, centre: Centre, seed: int, signals: NDArray[np.float64], is_mpr: bool, planted: Planted
) -> PatientTruth:
    code = f"EC-{i + 1:04d}"
    rng = generator(seed, code, "patient")
    response, shrinkage, texture, mixing = (float(v) for v in signals)
    location: Location = "central" if rng.random() < 0.5 else "peripheral"
    pre, post = _scans(rng, planted, shrinkage=shrinkage, texture=texture, mixing=mixing)
    pathology = draw_pathology(rng, is_mpr=is_mpr, response=response, bed_mm=post.diameter_mm)
    return PatientTruth(
        code=code,
        centre=centre,
        seed=seed,
        response=response,
        shrinkage=shrinkage,
        texture=texture,
        mixing=mixing,
        is_mpr=is_mpr,
        location=location,
        pre=pre,
        post=post,
        clinical=draw_clinical(rng, is_mpr=is_mpr, location=location, diameter_mm=pre.diameter_mm),
        pathology=pathology,
    )


def _scans(
    rng: np.random.Generator, planted: Planted, *, shrinkage: float, texture: float, mixing: float
) -> tuple[ScanTruth, ScanTruth]:
    diameter = float(rng.uniform(26, 43))
    log_volume = np.clip(planted.log_volume_mean - planted.log_volume_sd * shrinkage, -1.9, 0.25)
    log_length = np.log(1.9) + rng.normal(0, 0.06)
    mixing_pre = 0.5 + planted.mixing_before * mixing + rng.normal(0, 0.06)
    mixing_post = mixing_pre + planted.mixing_after * mixing + rng.normal(0, 0.02)
    parts = np.array([0.30, 0.38, 0.32]) + rng.normal(0, 0.02, size=3)
    post_length = log_length + planted.log_texture_sd * texture
    return (
        _scan(rng, diameter, log_length, mixing_pre, parts),
        _scan(rng, float(diameter * np.exp(log_volume / 3)), post_length, mixing_post, parts),
    )


def _scan(
    rng: np.random.Generator, diameter_mm: float, log_length: float, mixing: float, parts: NDArray[np.float64]
) -> ScanTruth:
    """Draw what differs from scan to scan without knowing the response: parts, contrast phase and halo."""
    parts = np.clip(parts + rng.normal(0, 0.02, size=3), 0.18, 0.5)
    low, soft, dense = (float(part) for part in parts / parts.sum())
    phase = float(rng.normal(0, 1))
    hu = (-50 + float(rng.normal(0, 10)), 25 + 5 * phase, 140 + 14 * phase)
    length, mixed = float(np.exp(log_length)), float(np.clip(mixing, 0, 1))
    return ScanTruth(diameter_mm, length, mixed, (low, soft, dense), hu, float(rng.uniform(0.0, 0.75)))


def truth_document(truths: Sequence[PatientTruth], *, planted: Planted = PLANTED) -> dict[str, Any]:
    """Give all that is planted in a cohort, JSON-ready, to keep beside its images."""
    return {"notice": NOTICE, "planted": asdict(planted), "patients": patient_documents(truths)}
