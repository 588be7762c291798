"""Stability of features: every scan measured again under each perturbation, and agreement computed on read.

What is stored are the features themselves, one matrix a scan. The coefficient is never stored: it belongs
to a set of patients, and a model may only look at those that it is trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report
from cohorts.models import Cohort, Job, User
from cohorts.selectors.jobs import active_job
from imaging.core.errors import MaskRefused
from imaging.core.features import FeatureVector, extract
from imaging.core.geometry import TumorMask, Volume
from imaging.core.perturb import DIGEST, ROWS, UNPERTURBED, perturb
from imaging.core.reliability import Reliability
from imaging.core.reliability import reliability as agreement
from imaging.core.spec import ExtractionSpec
from imaging.models import ExtractionProtocol, PerturbedFeatures, Segmentation
from imaging.selectors import current_segmentations, perturbed_features, segmentations_to_perturb
from imaging.services.extraction import load, provenance_of, schema_of
from imaging.services.protocols import protocol_named


@transaction.atomic
def enqueue_stability(
    cohort: Cohort, *, protocol_name: str, user: User | None, limit: int | None = None
) -> Job | None:
    """Queue a case for every current segmentation not yet measured under perturbation; None where none lacks.

    Parameters
    ----------
    limit : int, optional
        At most so many scans, in the order of patients' codes.

    Raises
    ------
    ServiceError
        ``job_active`` if such work is under way; ``nothing_to_do`` if the cohort has no segmentation;
        ``unknown_setting`` for an unknown protocol.
    """
    protocol = protocol_named(protocol_name)
    Cohort.objects.select_for_update().get(pk=cohort.pk)  # two presses of the button take turns
    if running := active_job(cohort, Job.Kind.STABILITY):
        raise ServiceError("job_active", f"{running} is not over yet.")
    if not current_segmentations(cohort).exists():
        raise ServiceError("nothing_to_do", "The cohort has no image with a tumour mask yet.")
    missing = list(segmentations_to_perturb(cohort, protocol, digest=DIGEST)[:limit])
    if not missing:
        return None
    batch = jobs.open_batch(
        Job.Kind.STABILITY, cohort=cohort, user=user, total=len(missing), protocol=protocol_name, limit=limit
    )
    for segmentation in missing:
        patient, timepoint = segmentation.timepoint.patient, segmentation.timepoint.kind
        parameters = {"segmentation": segmentation.pk, "protocol": protocol_name, "timepoint": timepoint}
        jobs.enqueue(
            Job.Kind.STABILITY,
            cohort=cohort,
            user=user,
            centre=patient.centre,
            patient=patient,
            parent=batch,
            parameters=parameters,
        )
    return batch


def run(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
    """Measure one scan under every perturbation."""
    segmentation = Segmentation.objects.select_related("series").get(pk=job.parameters["segmentation"])
    protocol = protocol_named(job.parameters["protocol"])
    key: dict[str, Any] = {"segmentation": segmentation, "protocol": protocol, "digest": DIGEST}
    if PerturbedFeatures.objects.filter(**key).exists():
        return lambda: {"already": True}
    report(0, len(ROWS), "reading")
    volume, mask = load(segmentation)
    measured, skipped = measure(volume, mask, protocol.spec, report)
    own = measured[UNPERTURBED]
    empty = np.full(len(own.names), np.nan)
    matrix = np.stack([measured[name].values if name in measured else empty for name in ROWS])

    def write() -> dict[str, Any]:
        values = {
            "perturbations": list(ROWS),
            "schema": schema_of(own.names),
            "matrix": matrix.astype("<f8").tobytes(),
            "skipped": skipped,
            "provenance": provenance_of(segmentation, protocol, own.provenance),
        }
        PerturbedFeatures.objects.update_or_create(**key, defaults=values)
        return {"features": len(own.names), "measured": len(measured), "skipped": skipped}

    return write


def measure(
    volume: Volume, mask: TumorMask, spec: ExtractionSpec, report: Report
) -> tuple[dict[str, FeatureVector], dict[str, str]]:
    """Extract whole-tumour features of a scan and of each of its perturbations.

    Returns
    -------
    tuple of dict
        Features by perturbation, the scan itself among them; and why there are none, where the perturbed mask
        is refused (a thin tumour that vanishes when it is shrunk).

    Raises
    ------
    MaskRefused
        If the scan itself is refused.
    """
    measured: dict[str, FeatureVector] = {}
    skipped: dict[str, str] = {}
    for done, name in enumerate(ROWS):
        report(done, len(ROWS), name.replace("_", " "))
        try:
            measured[name] = extract(*perturb(volume, mask, name), spec)
        except MaskRefused as refusal:
            if name == UNPERTURBED:
                raise
            skipped[name] = refusal.message
    return measured, skipped


def reliability(segmentations: Iterable[Segmentation], protocol: ExtractionProtocol) -> Reliability:
    """Compute ICC(2,1) of whole-tumour features over a set of scans, each of which is a case.

    Pass the scans of training patients, one a patient, where a model is built on the answer. Scans that were
    not measured do not count.

    Raises
    ------
    TooFewCases
        If fewer than two of them were measured.
    """
    found = measured_features(segmentations, protocol)
    values = np.stack(list(found.values.values())) if found.values else np.empty((0, len(ROWS), 0))
    return agreement(values, names=found.names)


@dataclass(frozen=True, eq=False)
class Measured:
    """Features of scans under every perturbation: segmentation id → matrix, perturbations x features."""

    names: tuple[str, ...]
    values: Mapping[int, NDArray[np.float64]]


def measured_features(segmentations: Iterable[Segmentation], protocol: ExtractionProtocol) -> Measured:
    """Read what was measured of a set of scans; those that were not measured are absent."""
    rows = list(perturbed_features(segmentations, protocol, digest=DIGEST))
    if not rows:
        return Measured((), {})
    # Names follow from the protocol; were an engine to add one, the rows of its last version count.
    schema = rows[-1].schema
    return Measured(
        tuple(schema.names), {row.segmentation_id: row.values for row in rows if row.schema_id == schema.pk}
    )
