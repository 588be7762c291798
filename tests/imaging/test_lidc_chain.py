"""Two radiologists' masks of one nodule, taken as before and after, through the whole chain on real DICOM.

Data: LIDC-IDRI-0314 (Armato et al., doi 10.7937/K9/TCIA.2015.LO9QL9SX, CC BY 3.0), cropped. The readers' voxel counts
are those of pylidc 0.2.3.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from django.core.management import call_command

from cohorts import jobs
from cohorts.models import Cohort, Job, Patient
from cohorts.services.cohorts import create_cohort
from imaging.models import FeatureSet, Segmentation, SupervoxelMap
from imaging.selectors import vector_of
from imaging.services import extraction, habitats
from imaging.services.extraction import enqueue_missing
from imaging.services.protocols import protocol_named
from modeling.services.snapshots import feature_rows, gather

pytestmark = [pytest.mark.django_db, pytest.mark.realdata]
VOXELS = {"pre": 3071, "post": 3712}


def as_another_scan(folder: Path) -> None:
    """Let the same images pass as a scan of a later day: one scan cannot be both, so UID, days and one pixel differ."""
    for file in folder.rglob("*.dcm"):
        dataset = pydicom.dcmread(file)
        if dataset.Modality == "SEG":
            dataset.ReferencedSeriesSequence[0].SeriesInstanceUID = "2.25.314"
        else:
            dataset.SeriesInstanceUID = "2.25.314"
            dataset.AcquisitionDate = dataset.SeriesDate = dataset.StudyDate = "20240501"
            pixels = dataset.pixel_array.copy()
            pixels[0, 0] += 1
            dataset.PixelData = pixels.tobytes()
        dataset.save_as(file)


@pytest.fixture
def nodule(shared_data: Path, tmp_path: Path) -> Cohort:
    """A cohort of one patient whose two readers stand for two timepoints, imported and extracted."""
    for timepoint in ("pre", "post"):
        for part in ("ct", "seg"):
            shutil.copytree(shared_data / "lidc_0314_mini" / part, tmp_path / timepoint / part)
    as_another_scan(tmp_path / "post")
    cohort = create_cohort("lidc", name="LIDC", centres={"A": "Centre A"}, actor=None)
    for timepoint, reader in (("pre", 1), ("post", 2)):
        options = {"cohort": "lidc", "patient": "L-1", "timepoint": timepoint, "roi": f"Nodule reader {reader}"}
        call_command("import_dicom", str(tmp_path / timepoint), **options)
    batch = enqueue_missing(cohort, protocol_name="light", user=None)
    assert batch is not None
    for case in batch.children.order_by("pk"):
        jobs.execute(case.pk, extraction.run)
    batch.refresh_from_db()
    assert batch.state == Job.State.DONE
    return cohort


def test_each_reader_keeps_every_voxel(nodule: Cohort) -> None:
    found = Segmentation.objects.filter(is_current=True).values_list("timepoint__kind", "voxels")
    assert dict(found) == VOXELS


def test_both_timepoints_have_features_and_supervoxels(nodule: Cohort) -> None:
    assert FeatureSet.objects.filter(region=FeatureSet.Region.WHOLE_TUMOUR).count() == 2
    assert all(part.n_supervoxels >= 10 for part in SupervoxelMap.objects.all())


def test_one_codebook_labels_both_and_every_delta_is_there(nodule: Cohort) -> None:
    protocol = protocol_named("light")
    (case,) = gather(nodule, protocol, needs_outcome=False).cases
    digests = [case.supervoxels[kind] for kind in ("post", "pre")]
    codebook = habitats.fit(digests, seed=1, on_progress=lambda done, total: None)
    labelled = {case.segmentations[kind].pk: habitats.label(sha, codebook) for kind, sha in case.supervoxels.items()}
    model = habitats.save_model(nodule, codebook, protocol=protocol, fitted_on=Patient.objects.all())
    habitats.save_maps(labelled, model=model)

    row = feature_rows([case], {pk: one.features for pk, one in labelled.items()}).loc["L-1"]
    k = codebook.k
    for kind, voxels in VOXELS.items():
        fractions = [row[f"habitat|{kind}|fraction_{i}"] for i in range(1, k + 1)]
        assert sum(fractions) == pytest.approx(1)
        assert row[f"whole_tumour|{kind}|original_shape_VoxelVolume"] == pytest.approx(voxels * 0.6103, rel=0.02)
    changed = row["habitat|post|fraction_1"] - row["habitat|pre|fraction_1"]
    assert row["habitat|delta|fraction_1"] == pytest.approx(changed)
    pre, post = (row[f"whole_tumour|{kind}|original_firstorder_Mean"] for kind in ("pre", "post"))
    assert row["whole_tumour|delta|original_firstorder_Mean"] == pytest.approx((post - pre) / abs(pre))
    assert np.isfinite(row.filter(like="habitat|")).all()
    stored = FeatureSet.objects.filter(region=FeatureSet.Region.HABITATS)
    assert {len(vector_of(features).names) for features in stored} == {4 + k * (k + 3) + 2 * k + 3}
