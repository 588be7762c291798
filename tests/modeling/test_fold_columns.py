"""What each fold learns for itself: exactly what the slow way gives, from the fold's patients and nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from imaging import storage
from imaging.core.habitats import Codebook, assign, fit_codebook, habitat_features
from imaging.core.perturb import DIGEST, ROWS
from imaging.core.supervoxels import pack_supervoxels, unpack_supervoxels
from imaging.core.transitions import transition_features, transitions
from imaging.models import PerturbedFeatures, Segmentation, SupervoxelMap
from imaging.services import habitats, stability
from imaging.services.extraction import schema_of
from imaging.services.protocols import protocol_named
from modeling.services.columns import image_columns, transition_columns
from modeling.services.fold_columns import FoldHabitats, FoldStability, fold_sources
from modeling.services.snapshots import Case, gather, table_of
from tests.study import NAMES, Study, build_study, register_at_rest

pytestmark = pytest.mark.django_db
SEED = 5


@pytest.fixture
def study(data_folder: Any, queue: Any) -> Study:
    return build_study(n=10, without_outcome=0)


def cases_of(study: Study) -> tuple[Case, ...]:
    return gather(study.cohort, protocol_named("standard")).cases


def learned(study: Study) -> FoldHabitats:
    return FoldHabitats(cases_of(study), protocol_named("standard"), SEED)


def codes(*numbers: int) -> tuple[str, ...]:
    return tuple(f"S-{number:02d}" for number in numbers)


def give_other_tissue(code: str) -> None:
    """Move some of both kinds of supervoxels far from all others, which makes four kinds."""
    for row in SupervoxelMap.objects.filter(segmentation__timepoint__patient__code=code):
        parts = unpack_supervoxels(storage.get(row.sha256))
        moved = parts.descriptors.copy()
        moved[:6] += 12.0
        row.sha256 = storage.put(pack_supervoxels(replace(parts, descriptors=moved)))
        row.save()


def slow_codebook(cases: tuple[Case, ...], chosen: tuple[str, ...]) -> Codebook:
    digests = sorted(one for case in cases if case.code in chosen for one in case.supervoxels.values())
    scans = [unpack_supervoxels(storage.get(sha256)) for sha256 in digests]
    return fit_codebook(scans, seed=SEED, n_init=10, most_per_scan=20, stability_resamples=0)


def test_columns_are_those_of_the_maps_under_the_fold_s_own_codebook(study: Study) -> None:
    cases, chosen = cases_of(study), codes(0, 1, 2, 5, 6, 7)
    registered = register_at_rest(study.patient("S-03"))
    found = learned(study).columns(chosen)
    codebook = slow_codebook(cases, chosen)
    for case in cases:
        maps = {
            kind: assign(unpack_supervoxels(storage.get(sha256)), codebook)
            for kind, sha256 in case.supervoxels.items()
        }
        vectors = {k: habitat_features(one, neighbourhood=codebook.neighbourhood) for k, one in maps.items()}
        expected = image_columns("habitat", vectors["pre"], vectors["post"])
        if case.code == "S-03":
            expected |= transition_columns(transition_features(transitions(maps["pre"], maps["post"], registered)))
        assert found.loc[case.code, list(expected)].to_dict() == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
    others = [name for name in found if name.startswith("transitions|")]
    assert len(others) == 2 * ((codebook.k + 2) ** 2 - 4) + 10
    assert found.drop("S-03")[others].isna().all(axis=None)
    assert list(found.index) == [case.code for case in cases]


def test_without_registrations_there_is_no_column_of_transitions(study: Study) -> None:
    assert {name.split("|")[0] for name in learned(study).columns(codes(0, 1, 2))} == {"habitat"}


def test_a_held_out_patient_does_not_move_what_the_others_see(study: Study) -> None:
    chosen = codes(0, 1, 2, 3, 4)
    before = learned(study).columns(chosen)
    give_other_tissue("S-09")
    after = learned(study).columns(chosen)
    pd.testing.assert_frame_equal(before.drop("S-09"), after.drop("S-09"), check_exact=True)
    assert not before.loc["S-09"].equals(after.loc["S-09"])


def test_another_fold_may_have_more_habitats(study: Study) -> None:
    for code in codes(7, 8, 9):
        give_other_tissue(code)
    one, other = (learned(study).columns(chosen) for chosen in (codes(0, 1, 2), codes(7, 8, 9)))
    assert [sum("|pre|fraction_" in name for name in found) for found in (one, other)] == [2, 4]


def test_the_order_of_codes_does_not_matter(study: Study) -> None:
    one, other = (learned(study).columns(chosen) for chosen in (codes(0, 1, 2), codes(2, 0, 1)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_same_fold_is_fitted_once(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    fit = habitats.fit_codebook
    monkeypatch.setattr(habitats, "fit_codebook", lambda *given, **more: fits.append(1) or fit(*given, **more))
    first = learned(study).columns(codes(0, 1, 2, 3))
    again = learned(study).columns(codes(0, 1, 2, 3))
    assert len(fits) == 1
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    learned(study).columns(codes(0, 1, 2, 4))
    assert len(fits) == 2


def test_a_codebook_whose_file_was_altered_is_fitted_again(study: Study, data_folder: Any) -> None:
    first = learned(study).columns(codes(0, 1, 2, 3))
    (file,) = (data_folder / "artefacts" / "remembered").glob("*/*")
    file.write_bytes(file.read_bytes().replace(b'"k": ', b'"k": 1'))
    pd.testing.assert_frame_equal(first, learned(study).columns(codes(0, 1, 2, 3)), check_exact=True)


def test_a_fold_of_all_patients_has_the_columns_of_its_table(study: Study) -> None:
    cases = cases_of(study)
    codebook = slow_codebook(cases, codes(*range(10)))
    labelled = {
        case.segmentations[kind].pk: habitats.label(sha256, codebook).features
        for case in cases
        for kind, sha256 in case.supervoxels.items()
    }
    y = pd.Series({case.code: int(study.responder[case.code]) for case in cases})
    X = table_of(cases, labelled, y=y, split=pd.Series("training", index=y.index)).X
    found = fold_sources(cases, protocol_named("standard"), seed=SEED, icc_limit="estimate").habitats(
        codes(*range(10))
    )
    pd.testing.assert_frame_equal(found, X[[name for name in X if name.startswith("habitat|")]], check_exact=True)


# Reproducibility.


@pytest.fixture
def measured(data_folder: Any, queue: Any) -> Study:
    """Forty patients; both scans of the first 32, and the first scan of three more, were measured again."""
    study = build_study(n=40, without_outcome=0)
    for case in cases_of(study):
        number = int(case.code[2:])
        kinds = ("pre", "post") if number < 32 else ("pre",) if number < 35 else ()
        for kind in kinds:
            store_perturbed(case.segmentations[kind], number, noise=0.05 if kind == "pre" else 3.0)
    return study


def store_perturbed(segmentation: Segmentation, seed: int, *, noise: float) -> None:
    random = np.random.default_rng([seed, 3])
    own = random.normal(size=len(NAMES))
    matrix = own + noise * random.normal(size=(len(ROWS), len(NAMES)))
    matrix[:, 0] = 7.0  # nothing varies: no coefficient
    PerturbedFeatures.objects.create(
        segmentation=segmentation,
        protocol=protocol_named("standard"),
        digest=DIGEST,
        perturbations=list(ROWS),
        schema=schema_of(NAMES),
        matrix=matrix.astype("<f8").tobytes(),
    )


def test_coefficients_are_those_of_the_fold_s_patients(measured: Study) -> None:
    cases, chosen = cases_of(measured), codes(*range(1, 32))
    found = FoldStability(cases, protocol_named("standard"), "estimate").coefficients(chosen)
    for kind in ("pre", "post"):
        scans = [case.segmentations[kind] for case in cases if case.code in chosen]
        expected = stability.reliability(scans, protocol_named("standard"))
        for name, value in zip(expected.names[1:], expected.icc[1:], strict=True):
            assert found[f"whole_tumour|{kind}|{name}"] == value
    assert found[f"whole_tumour|pre|{NAMES[1]}"] > 0.95 > 0.5 > found[f"whole_tumour|post|{NAMES[1]}"]


def test_a_recipe_that_asks_for_the_lower_limits_gets_them(measured: Study) -> None:
    cases, protocol, chosen = cases_of(measured), protocol_named("standard"), codes(*range(32))
    estimates, lower = (
        fold_sources(cases, protocol, seed=SEED, icc_limit=limit).icc(chosen) for limit in ("estimate", "lower")
    )
    scans = [case.segmentations["post"] for case in cases if case.code in chosen]
    expected = stability.reliability(scans, protocol)
    assert lower.keys() == estimates.keys()
    assert all(lower[name] < estimates[name] for name in lower)
    for name, value in zip(expected.names[1:], expected.lower[1:], strict=True):
        assert lower[f"whole_tumour|post|{name}"] == value


def test_what_has_no_coefficient_is_absent(measured: Study) -> None:
    found = FoldStability(cases_of(measured), protocol_named("standard"), "estimate").coefficients(codes(*range(32)))
    assert f"whole_tumour|pre|{NAMES[0]}" not in found
    assert not [name for name in found if "|delta|" in name or not name.startswith("whole_tumour|")]


def test_fewer_than_thirty_measured_patients_give_no_coefficient(measured: Study) -> None:
    sources = fold_sources(cases_of(measured), protocol_named("standard"), seed=SEED, icc_limit="estimate")
    assert sources.icc is not None
    assert sources.icc(codes(*range(29), *range(35, 40))) == {}
    timepoints = {name.split("|")[1] for name in sources.icc(codes(*range(5, 40)))}
    assert timepoints == {"pre"}, "30 were measured before treatment, 27 after"
