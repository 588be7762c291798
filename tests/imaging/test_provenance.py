"""What every stored result says of where it came from, and that it can be computed again to equal bytes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from cohorts import jobs
from cohorts.models import Cohort, Job, Patient
from imaging import storage
from imaging.core.codec import pack_labels, pack_mask, pack_volume, unpack_mask, unpack_volume
from imaging.core.features import extract
from imaging.core.habitats import Codebook, assign, fit_codebook, habitat_features
from imaging.core.provenance import ECOTONE_VERSION, digest_of, traced, versions
from imaging.core.spec import BUILT_IN
from imaging.core.supervoxels import pack_supervoxels, supervoxels, unpack_supervoxels
from imaging.models import ExtractionProtocol, FeatureSet, HabitatMap, HabitatModel, ImageSeries, SupervoxelMap
from imaging.services import extraction, habitats
from imaging.services.extraction import enqueue_missing
from imaging.services.protocols import protocol_named
from tests.scans import POST_SCAN_ON, PRE_SCAN_ON, small_scan, store_scan, write_scan
from tests.trial import Trial

PROTOCOL = "light"
DIGESTS = ("volume_sha256", "mask_sha256", "protocol_sha256")


@pytest.fixture
def analysed(trial: Trial) -> Cohort:
    """A patient whose two scans have features, supervoxels, habitats and habitat features."""
    pre = store_scan(trial.patient, "pre", small_scan(0), scanned_on=PRE_SCAN_ON)
    post = store_scan(trial.patient, "post", small_scan(1, radius_mm=7.0), scanned_on=POST_SCAN_ON)
    batch = enqueue_missing(trial.cohort, protocol_name=PROTOCOL, user=None)
    assert batch is not None
    for case in batch.children.order_by("pk"):
        jobs.execute(case.pk, extraction.run)
    maps = {row.segmentation_id: row.sha256 for row in SupervoxelMap.objects.all()}
    parts = [unpack_supervoxels(storage.get(maps[scan.pk])) for scan in (pre, post)]
    codebook = fit_codebook(parts, seed=1, k_range=(2, 3), stability_resamples=3)
    protocol = protocol_named(PROTOCOL)
    model = habitats.save_model(trial.cohort, codebook, protocol=protocol, fitted_on=Patient.objects.all())
    habitats.save_maps({pk: habitats.label(sha256, codebook) for pk, sha256 in maps.items()}, model=model)
    assert Job.objects.exclude(state=Job.State.DONE).count() == 0
    return trial.cohort


# What is said


def test_every_result_says_from_what_by_what_and_under_which_protocol(analysed: Cohort) -> None:
    rows = [*FeatureSet.objects.all(), *SupervoxelMap.objects.all(), *HabitatMap.objects.all()]
    assert len(rows) == 2 + 2 + 2 + 2
    for row in rows:
        said = row.provenance
        assert [said[name] for name in DIGESTS] == [
            row.segmentation.series.volume_sha256,
            row.segmentation.mask_sha256,
            protocol_named(PROTOCOL).digest,
        ]
        assert said["engine"]
        assert set(versions()) <= set(said["versions"])
        assert said["versions"]["ecotone"] == ECOTONE_VERSION
        json.dumps(said)


def test_habitats_name_their_codebook_and_their_supervoxels(analysed: Cohort) -> None:
    model = HabitatModel.objects.get()
    labelled = [*HabitatMap.objects.all(), *FeatureSet.objects.filter(region=FeatureSet.Region.HABITATS)]
    assert len(labelled) == 4
    for row in labelled:
        parts = SupervoxelMap.objects.get(segmentation=row.segmentation)
        assert row.provenance["codebook_sha256"] == model.digest
        assert row.provenance["habitat_model"] == model.version
        assert row.provenance["supervoxels_sha256"] == parts.sha256
    whole = FeatureSet.objects.filter(region=FeatureSet.Region.WHOLE_TUMOUR)
    assert all("codebook_sha256" not in row.provenance for row in whole)


def test_versions_are_those_that_are_installed() -> None:
    said = versions()
    project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())["project"]
    assert said["ecotone"] == project["version"]
    libraries = set(said) - {"ecotone", "python"}
    assert {"numpy", "numba", "SimpleITK", "scikit-image", "scikit-learn", "pydicom"} <= libraries
    assert all(said[name] == importlib.metadata.version(name) for name in libraries)


def test_what_an_engine_says_of_itself_is_kept_but_what_is_installed_wins() -> None:
    said = traced({"engine": "x", "versions": {"numpy": "its own", "engine": "3"}}, mask_sha256="m")
    assert (said["engine"], said["mask_sha256"]) == ("x", "m")
    assert said["versions"] == versions() | {"engine": "3"}


def test_a_digest_is_the_name_under_which_the_value_is_stored() -> None:
    scan = small_scan()
    assert digest_of(scan.volume) == storage.put(pack_volume(scan.volume))
    assert digest_of(scan.mask) == storage.put(pack_mask(scan.mask))
    assert digest_of(unpack_volume(pack_volume(scan.volume))) == digest_of(scan.volume)
    assert digest_of(small_scan(1).volume) != digest_of(scan.volume)
    assert digest_of(small_scan(0, radius_mm=7.0).mask) != digest_of(scan.mask)


def test_files_on_a_desk_and_the_same_files_imported_have_equal_digests_and_features(
    trial: Trial, tmp_path: Path, capsys: Any
) -> None:
    folder = write_scan(tmp_path / "in", small_scan())
    call_command("features", str(folder / "ct"), str(folder / "tumour.dcm"), protocol=PROTOCOL, as_json=True)
    on_the_desk = json.loads(capsys.readouterr().out)
    call_command("import_dicom", str(folder), cohort="trial", patient="P-1", timepoint="pre")
    batch = enqueue_missing(trial.cohort, protocol_name=PROTOCOL, user=None)
    assert batch is not None
    jobs.execute(batch.children.get().pk, extraction.run)
    stored = FeatureSet.objects.get()
    assert ImageSeries.objects.get().volume_sha256 == on_the_desk["provenance"]["volume_sha256"]
    # Where the scan lies on a disk is no part of it, so that the whole of the provenance is the same.
    assert stored.provenance == on_the_desk["provenance"]
    assert dict(zip(stored.schema.names, stored.values.tolist(), strict=True)) == on_the_desk["features"]


# Computing it again


def scan_of(row: Any) -> Any:
    provenance = row.provenance
    return (
        unpack_volume(storage.get(provenance["volume_sha256"])),
        unpack_mask(storage.get(provenance["mask_sha256"])),
    )


def spec_of(row: Any) -> Any:
    return ExtractionProtocol.objects.get(digest=row.provenance["protocol_sha256"]).spec


def test_features_are_computed_again_to_equal_bytes_from_their_provenance_alone(analysed: Cohort) -> None:
    for row in FeatureSet.objects.filter(region=FeatureSet.Region.WHOLE_TUMOUR):
        again = extract(*scan_of(row), spec_of(row))
        assert np.asarray(again.values, dtype="<f8").tobytes() == bytes(row.vector)
        assert (tuple(row.schema.names), row.undefined) == (again.names, dict(again.undefined))


def test_supervoxels_are_computed_again_to_equal_bytes_from_their_provenance_alone(analysed: Cohort) -> None:
    for row in SupervoxelMap.objects.all():
        again = pack_supervoxels(supervoxels(*scan_of(row), spec_of(row).habitats))
        assert hashlib.sha256(again).hexdigest() == row.sha256


def test_habitats_are_computed_again_to_equal_bytes_from_their_provenance_alone(analysed: Cohort) -> None:
    for row in HabitatMap.objects.all():
        codebook = Codebook.from_dict(HabitatModel.objects.get(digest=row.provenance["codebook_sha256"]).codebook)
        labels = assign(unpack_supervoxels(storage.get(row.provenance["supervoxels_sha256"])), codebook)
        assert hashlib.sha256(pack_labels(labels.array, labels.grid)).hexdigest() == row.sha256
        again = habitat_features(labels, neighbourhood=codebook.neighbourhood)
        stored = FeatureSet.objects.get(segmentation=row.segmentation, region=FeatureSet.Region.HABITATS)
        assert np.asarray(again.values, dtype="<f8").tobytes() == bytes(stored.vector)


# The command that does it for a cohort


def verified(capsys: Any, **options: Any) -> dict[str, Any]:
    capsys.readouterr()
    call_command("verify", cohort="trial", as_json=True, **options)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_a_cohort_is_verified_result_by_result(analysed: Cohort, capsys: Any) -> None:
    report = verified(capsys)
    assert report["compared"] == 8
    assert all(row["equal"] and row["detail"] == "" for row in report["results"])
    assert [(row["timepoint"], row["result"]) for row in report["results"]] == [
        (timepoint, result)
        for timepoint in ("pre", "post")
        for result in ("features", "supervoxels", "habitat map", "habitat features")
    ]
    assert {(row["patient"], row["protocol"]) for row in report["results"]} == {("P-1", PROTOCOL)}
    assert verified(capsys, limit=1)["compared"] == 4


def test_a_value_that_was_changed_is_found_and_fails_the_command(analysed: Cohort, capsys: Any) -> None:
    row = FeatureSet.objects.filter(region=FeatureSet.Region.WHOLE_TUMOUR).earliest("pk")
    values = row.values.copy()
    values[7] = np.nextafter(values[7], np.inf)  # the last bit
    then = row.provenance | {"versions": row.provenance["versions"] | {"numpy": "1.0"}}
    FeatureSet.objects.filter(pk=row.pk).update(vector=values.tobytes(), provenance=then)
    with pytest.raises(CommandError, match="1 of 8 results"):
        call_command("verify", cohort="trial")
    said = capsys.readouterr().out
    assert "8 results computed again, 7 equal to the byte." in said
    assert f"1 of 386 values, the first is {row.schema.names[7]}; since then changed: numpy 1.0 → " in said


def test_maps_and_names_that_were_changed_are_found(analysed: Cohort, capsys: Any) -> None:
    parts, habitat_map = SupervoxelMap.objects.earliest("pk"), HabitatMap.objects.earliest("pk")
    other = unpack_supervoxels(storage.get(parts.sha256))
    SupervoxelMap.objects.filter(pk=SupervoxelMap.objects.latest("pk").pk).update(sha256=parts.sha256)
    HabitatMap.objects.filter(pk=habitat_map.pk).update(
        sha256=storage.put(pack_labels(np.zeros_like(other.labels, dtype=np.uint8), other.grid))
    )
    schema = extraction.schema_of(("a", "b"))
    FeatureSet.objects.filter(region=FeatureSet.Region.WHOLE_TUMOUR).update(schema=schema, provenance={})
    with pytest.raises(CommandError):
        call_command("verify", cohort="trial", as_json=True)
    results = json.loads(capsys.readouterr().out)["results"]
    found = {(row["timepoint"], row["result"]): row["detail"] for row in results if not row["equal"]}
    assert found[("pre", "features")] == "other names; since then changed: unknown, no versions were stored"
    assert found[("post", "supervoxels")] == "other supervoxels or descriptors"
    assert found[("pre", "habitat map")] == "other labels"


def test_an_altered_file_ends_the_verification_with_its_code(analysed: Cohort) -> None:
    file = storage.path_of(ImageSeries.objects.earliest("pk").volume_sha256)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(CommandError, match="was altered"):
        call_command("verify", cohort="trial")


def test_the_command_refuses_a_limit_of_nothing(trial: Trial) -> None:
    with pytest.raises(CommandError, match="at least 1"):
        call_command("verify", cohort="trial", limit=0)


def test_a_protocol_is_found_by_the_digest_that_results_carry(trial: Trial) -> None:
    assert protocol_named(PROTOCOL).digest == BUILT_IN[PROTOCOL].digest
