"""The bench measures what it says: tumours of the stated sizes, equal files for all, and honest rows."""

from __future__ import annotations

import io
import json
import math
import platform
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pytest
import SimpleITK as sitk
from rich.console import Console
from scipy.special import expit

from bench import coverage, rows
from bench.__main__ import parse
from bench.agreement import compare, compare_maps
from bench.cases import CHEST_ZYX, SIZES, Source, phantom_source, synthetic_source, write_cases
from bench.ours import ONE_IMAGE, UNRESAMPLED, WHOLE, read, read_dicom
from bench.peers import pictologics, pyradiomics
from bench.peers.environment import PeerAbsent, find_python
from bench.report import HEADER, Aim, Row, as_json, machine, markdown, notes_of, stage_table, table
from bench.scan import mix
from bench.study import measure_cross_validation, synthetic_study
from bench.timing import CLOCK, now, race, repeat
from imaging.core.features import feature_names
from imaging.core.masks import read_mask
from imaging.core.resample import resample_around
from modeling.core.performance.discrimination import auc
from modeling.core.recipes import REFERENCE
from tests.scans import GRID, small_scan

#: Voxels at 1 mm of the tumours that the aims of the engine were set on.
STATED_VOXELS = {"M": 12_654, "L": 58_104, "XL": 359_664}


@pytest.fixture
def small_source() -> Source:
    scan = small_scan()
    return Source("small", scan.volume, dict.fromkeys(SIZES, scan.mask))


def a_run(source: Source, folder: Path, said: list[str]) -> rows.Run:
    return rows.Run(
        write_cases(source, folder), folder, repeats=1, peer_repeats=1, peers=True, full=False, say=said.append
    )


@pytest.mark.realdata
def test_tumours_have_the_stated_sizes_in_a_chest_size_volume(shared_data: Path) -> None:
    source = phantom_source(shared_data / "ibsi" / "ibsi_1_ct_radiomics_phantom")
    assert source.volume.array.shape == CHEST_ZYX
    assert source.tumours["XL"].voxels == 125_256  # the whole GTV, as its publisher counts it
    for size, mask in source.tumours.items():
        _, region = resample_around(source.volume, mask, spacing_mm=1.0, pad_voxels=10)
        assert region.voxels == pytest.approx(STATED_VOXELS[size], rel=1e-3)


@pytest.mark.realdata
def test_the_tumour_is_that_of_the_phantom(shared_data: Path) -> None:
    folder = shared_data / "ibsi" / "ibsi_1_ct_radiomics_phantom"
    source = phantom_source(folder)
    image = sitk.ReadImage(str(folder / "nifti" / "image" / "phantom.nii.gz"))
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "nifti" / "mask" / "mask.nii.gz"))) > 0
    np.testing.assert_array_equal(
        source.volume.array[source.tumours["XL"].array], sitk.GetArrayFromImage(image)[mask].astype(np.int16)
    )
    first = np.argwhere(source.tumours["XL"].array)[0]
    z, y, x = np.argwhere(mask)[0].tolist()
    position = image.TransformIndexToPhysicalPoint((x, y, z))
    np.testing.assert_allclose(source.volume.grid.position(first), position, atol=1e-6)


def test_without_the_phantom_a_synthetic_chest_of_the_same_size_is_measured_and_said() -> None:
    source = synthetic_source()
    assert source.volume.array.shape == CHEST_ZYX
    assert "synthetic chest" in source.note
    cm3 = {size: mask.volume_mm3 / 1000 for size, mask in source.tumours.items()}
    assert cm3["M"] == pytest.approx(12.5, rel=0.02)
    assert cm3["L"] == pytest.approx(58, rel=0.02)
    assert cm3["XL"] > 250  # the chest ends before the sphere does


def test_every_format_holds_the_same_image_and_tumour(small_source: Source, tmp_path: Path) -> None:
    case = write_cases(small_source, tmp_path)["M"]
    volume, mask = read(case.image, case.mask)
    np.testing.assert_array_equal(volume.array, small_source.volume.array)
    assert b"encoding: gzip" in case.image.read_bytes()[:500]
    scanned, from_seg = read_dicom(case)
    assert scanned.grid.matches(volume.grid)
    np.testing.assert_array_equal(scanned.array, volume.array)
    for found in (mask, from_seg, read_mask(case.rtstruct, scanned).mask):
        np.testing.assert_array_equal(found.array, small_source.tumours["M"].array)


def test_files_are_written_once(small_source: Source, tmp_path: Path) -> None:
    case = write_cases(small_source, tmp_path)["M"]
    case.image.write_bytes(b"kept")
    assert write_cases(small_source, tmp_path)["M"].image.read_bytes() == b"kept"


def test_protocols_ask_for_what_their_rows_say() -> None:
    names = feature_names(WHOLE)
    images = {name.split("_")[0] for name in names}
    assert len(names) == 107 + 11 * 93
    assert sum(image.startswith("wavelet") for image in images) == 8
    assert sum(image.startswith("log-sigma") for image in images) == 3
    assert feature_names(UNRESAMPLED) == names
    assert UNRESAMPLED.radiomics.resampled_spacing_mm is None
    assert len(feature_names(ONE_IMAGE)) == 107


def test_a_peer_that_is_not_there_leaves_a_row_and_a_line(
    small_source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object, **__: object) -> None:
        raise PeerAbsent("no Python 3.12 or newer")

    expected = dict.fromkeys(feature_names(ONE_IMAGE), 1.0)
    monkeypatch.setattr(rows.ours, "in_memory", lambda *_: expected)
    monkeypatch.setattr(rows.pyradiomics, "one_image", lambda *_: expected)
    monkeypatch.setattr(rows.pictologics, "measure", absent)
    monkeypatch.setattr(rows.flash, "measure", absent)
    found = rows.memory(a_run(small_source, tmp_path, said := []))
    assert [row.peer for row in found] == [pyradiomics.NAME, pictologics.NAME, rows.flash.NAME] * 2
    assert [row.ratio is None for row in found] == [False, True, True] * 2
    assert any("one image, in memory" in line for line in said)
    lines = notes_of(found)
    assert any(line.endswith("pictologics 0.9.0: skipped, no Python 3.12 or newer.") for line in lines)


def test_a_python_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerAbsent, match=r"no Python 3\.97 or newer"):
        find_python((3, 97), (3, 98))


def test_our_own_python_serves_a_peer_that_runs_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(find_python((3, 11), (3, 11))).is_file()


def test_rows_show_ratio_aim_and_agreement() -> None:
    found = [
        Row("fast", 0.5, "peer 1", 10.0, Aim(ratio=15.0), "107 of 107 within 1e-6, worst 1.0e-12"),
        Row("slow", 3.0, aim=Aim(seconds=2.0), note="measured on a busy machine."),
        Row("untold", None, "peer 2", None, Aim(ratio=1.0), note="skipped, no Python 3.12 or newer."),
    ]
    assert [row.reached for row in found] == [True, False, None]
    assert Row("map", 0.0107, "peer", 12.52).cells()[1:5] == ("0.0107", "peer", "12.5", "1,170×")
    console = Console(file=io.StringIO(), width=200)
    console.print(table(found))
    console.print(stage_table({"read": [0.3, 0.1, 0.2]}))
    printed = console.file.getvalue()
    for part in (*HEADER, "20×", "≥ 15× (reached)", "≤ 2 s (missed)", "107 of 107 within 1e-6", "0.200"):
        assert part in printed
    page = markdown(found, {"read": [0.3, 0.1, 0.2]}, "2 cores.")
    assert "| fast | 0.5 | peer 1 | 10 | 20× | ≥ 15× (reached) | 107 of 107 within 1e-6, worst 1.0e-12 |" in page
    assert "- untold, peer 2: skipped, no Python 3.12 or newer." in page
    assert "| read | 0.200 | 0.100 | 0.300 | 3 |" in page
    document = json.loads(json.dumps(as_json(found, {}, "2 cores.")))
    assert document["rows"][0]["ratio"] == 20
    assert document["rows"][2]["ratio"] is None


def test_the_machine_is_described_without_its_name() -> None:
    about = machine()
    assert "cores" in about
    assert "pyradiomics 3.0.1" in about
    assert str(Path.cwd()) not in about
    assert platform.node() not in about.split()


def test_agreement_counts_values_and_names_the_worst() -> None:
    ours = {"a": 1.0, "b": 2.0, "c": math.nan, "d": math.nan, "zero": 1e-13, "own": 5.0}
    peer = {"a": 1.0 + 5e-7, "b": 2.0004, "c": math.nan, "d": 1.0, "zero": 0.0, "theirs": 1.0}
    found = compare(ours, peer)
    assert (found.compared, found.within, found.absent) == (5, 3, 1)
    assert (found.worst, found.worst_name) == (math.inf, "d")
    del ours["d"]
    found = compare(ours, peer)
    assert found.worst == pytest.approx(2e-4, rel=1e-3)
    assert str(found) == "3 of 4 within 1e-6, worst 2.0e-04 (b), 1 of ours absent there"


def test_maps_are_compared_inside_the_region_only() -> None:
    inside = np.zeros((2, 2, 2), dtype=bool)
    inside[0] = True
    ours = {"m": np.ones((2, 2, 2)), "n": np.full((2, 2, 2), np.nan)}
    peer = {"m": np.ones((2, 2, 2)), "n": np.full((2, 2, 2), np.nan)}
    peer["m"][1] = 9
    assert compare_maps(ours, peer, inside).within == 8
    peer["m"][0, 0, 0] = 1.001
    found = compare_maps(ours, peer, inside)
    assert (found.compared, found.within, found.worst_name) == (8, 7, "m")


def test_contestants_take_turns_and_warm_up() -> None:
    order: list[str] = []
    own, _, peer, _ = race(
        lambda: order.append("ours"), lambda: order.append("peer"), ours_repeats=4, peer_repeats=2, warm_peer=True
    )
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer", "ours", "ours"]
    assert (len(own.seconds), len(peer.seconds)) == (4, 2)
    order.clear()
    alone, result = repeat(lambda: order.append("ours") or len(order), 3)
    assert (len(alone.seconds), result) == (3, 4)


def test_processor_time_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLOCK, "processor")
    before, read_at, after = process_time(), now(), process_time()
    assert before <= read_at <= after
    monkeypatch.setenv(CLOCK, "wall")
    before, read_at, after = perf_counter(), now(), perf_counter()
    assert before <= read_at <= after


def test_codes_of_ibsi_are_used_once_and_name_our_features() -> None:
    codes = [code for names in pictologics.CODES.values() for code in names.values()]
    assert max(Counter(codes).values()) == 1
    given = {f"something_{code}": float(index) for index, code in enumerate(codes)}
    assert set(pictologics.renamed(given)) <= set(feature_names(ONE_IMAGE))
    assert pictologics.renamed({"mean_intensity_Q4LE": 7.0, "other_ABCD": 1.0}) == {"original_firstorder_Mean": 7.0}


@pytest.mark.parametrize("scans", [20, 788])
def test_the_mix_of_a_cohort_is_as_stated_and_always_the_same(scans: int) -> None:
    found = mix(scans)
    assert len(found) == scans
    counts = Counter(found)
    for size, part in {"M": 0.65, "L": 0.30, "XL": 0.05}.items():
        assert abs(counts[size] - part * scans) <= 1
    assert found == mix(scans)
    assert found != sorted(found)


def test_both_sides_of_a_map_row_get_the_same_small_region(
    small_source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def fake(image: object, mask: object, *, kind: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        seen.append(mask.voxels)
        return {name: mask.array.astype(float) for name in names}

    monkeypatch.setattr(rows.ours, "voxel_maps", fake)
    monkeypatch.setattr(rows.pyradiomics, "voxel_maps", fake)
    found = rows.maps(a_run(small_source, tmp_path, []))
    assert [row.aim for row in found] == [Aim(ratio=500.0), Aim(ratio=150.0), Aim(ratio=15.0)]
    assert f"{seen[0]:,} voxels" in found[0].job
    assert "a box of M" in found[0].note
    assert seen[0] <= 12**3 < GRID.voxel_volume_mm3 * small_source.tumours["M"].voxels


def test_a_synthetic_study_has_the_size_that_was_asked_for_and_is_always_the_same() -> None:
    cohort = synthetic_study(24, 60)
    X = cohort.table.X
    groups = Counter(str(name).split("|")[0] for name in X)
    assert (len(X), groups["whole_tumour"]) == (24, 60)
    assert groups["habitat"] > 0
    assert X.equals(synthetic_study(24, 60).table.X)
    assert len(cohort.graphs) == 48
    assert set(cohort.table.split) == {"training", "internal_test", "external"}


def test_plain_and_shared_cross_validation_see_the_same_folds() -> None:
    recipe = replace(
        REFERENCE, views=("volume_change",), cv_folds=3, cv_repeats=1, bootstraps=0, selection_bootstraps=0
    )
    found = measure_cross_validation(synthetic_study(60, 30), recipe)
    assert found.folds == 3
    assert min(found.shared_s, found.plain_s) > 0


def test_a_cohort_row_needs_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--only", "cohort"])
    assert "--cohort N" in capsys.readouterr().err
    assert parse(["--only", "cohort", "--cohort", "20"]).cohort == 20


# Coverage.


def test_the_simulated_patients_have_the_area_and_the_probabilities_that_are_claimed() -> None:
    random = np.random.default_rng(3)
    X = random.normal(size=(200_000, coverage.FEATURES))
    log_odds = X @ coverage.BETA + coverage.INTERCEPT
    y = (random.random(len(X)) < expit(log_odds)).astype(int)
    assert auc(y, log_odds) == pytest.approx(0.80, abs=0.005)
    everything = range(coverage.FEATURES)
    assert coverage.probability_given(X[:5], everything) == pytest.approx(expit(log_odds[:5]))
    # Of whom nothing is known the probability is the share of responders; of one feature, the mean of those alike.
    assert coverage.probability_given(X[:1], []) == pytest.approx(y.mean(), abs=0.005)
    alike = np.abs(X[:, 0] - 1) < 0.05
    assert coverage.probability_given(np.ones((1, coverage.FEATURES)), [0]) == pytest.approx(
        y[alike].mean(), abs=0.02
    )


def test_one_replicate_answers_every_question_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    shorter = replace(coverage.RECIPE, cv_repeats=1, cv_folds=3, selection_bootstraps=30)
    monkeypatch.setattr(coverage, "RECIPE", shorter)
    found = coverage.simulate(40, 1)
    assert set(found) == {
        *(f"{name}, {target}" for name in coverage.ASKED_OF.values() for target in ("true", "best")),
        *(f"{name}, {target}" for name in ("nested", "LeDell alone") for target in ("its models", "final")),
    }
    assert all(text.startswith(tuple("0123456789")) for text in found.values())
