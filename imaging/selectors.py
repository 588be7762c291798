"""Reading images, masks, features and habitats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet
from numpy.typing import NDArray

from cohorts.models import Cohort, Patient, Timepoint
from imaging.core.features import FeatureVector
from imaging.core.geometry import Grid
from imaging.core.orientation import is_lps
from imaging.core.registration import STANDARD
from imaging.models import (
    ExtractionProtocol,
    FeatureSet,
    HabitatMap,
    HabitatModel,
    PerturbedFeatures,
    Registration,
    Segmentation,
    SupervoxelMap,
    TransitionMap,
    TumourLocation,
)


def segmentations_to_extract(cohort: Cohort, protocol: ExtractionProtocol) -> QuerySet[Segmentation]:
    """Give the current segmentations that lack features or supervoxels under a protocol."""
    whole = FeatureSet.objects.filter(
        segmentation=OuterRef("pk"), protocol=protocol, region=FeatureSet.Region.WHOLE_TUMOUR
    )
    parts = SupervoxelMap.objects.filter(segmentation=OuterRef("pk"), protocol=protocol)
    return (
        current_segmentations(cohort)
        .exclude(Exists(whole) & Exists(parts))
        .exclude(timepoint__status=Timepoint.Status.NOT_EVALUABLE)
    )


def segmentations_to_perturb(cohort: Cohort, protocol: ExtractionProtocol, *, digest: str) -> QuerySet[Segmentation]:
    """Give the current segmentations that were not measured under a list of perturbations."""
    measured = PerturbedFeatures.objects.filter(segmentation=OuterRef("pk"), protocol=protocol, digest=digest)
    return (
        current_segmentations(cohort)
        .exclude(Exists(measured))
        .exclude(timepoint__status=Timepoint.Status.NOT_EVALUABLE)
    )


def perturbed_features(
    segmentations: Iterable[Segmentation], protocol: ExtractionProtocol, *, digest: str
) -> QuerySet[PerturbedFeatures]:
    """Give the perturbed features of a set of scans under a list of perturbations."""
    chosen = [segmentation.pk for segmentation in segmentations]
    rows = PerturbedFeatures.objects.filter(segmentation__in=chosen, protocol=protocol, digest=digest)
    return rows.select_related("schema").order_by("pk")


def current_segmentations(cohort: Cohort) -> QuerySet[Segmentation]:
    """Give the masks that count, one per timepoint, ordered by patient and time."""
    return (
        Segmentation.objects.filter(timepoint__patient__cohort=cohort, is_current=True)
        .select_related("series", "timepoint__patient__centre", "timepoint__patient__cohort")
        .order_by("timepoint__patient__code", "-timepoint__kind")
    )


def patients_in_other_order(cohort: Cohort) -> list[str]:
    """Return the codes of patients whose current features come from volumes that are not stored in LPS order.

    Such volumes were imported before every volume was turned into one order of voxels; what was computed from
    them cannot be compared with the others.
    """
    rows = FeatureSet.objects.filter(
        segmentation__in=current_segmentations(cohort).order_by(), region=FeatureSet.Region.WHOLE_TUMOUR
    ).values_list("segmentation__timepoint__patient__code", "provenance__image_grid")
    return sorted({code for code, grid in rows if grid and not is_lps(Grid.from_dict(grid))})


def vector_of(features: FeatureSet) -> FeatureVector:
    """Give the value twin of a feature row."""
    return FeatureVector(
        names=tuple(features.schema.names),
        values=features.values,
        undefined=features.undefined,
        provenance=features.provenance,
    )


Pair = dict[str, Segmentation]


def pairs(cohort: Cohort) -> dict[Patient, Pair]:
    """Give for each patient the current segmentations by timepoint; evaluable ones only."""
    found: dict[Patient, Pair] = {}
    evaluable = current_segmentations(cohort).filter(timepoint__status=Timepoint.Status.EVALUABLE)
    for segmentation in evaluable:
        timepoint = segmentation.timepoint
        found.setdefault(timepoint.patient, {})[timepoint.kind] = segmentation
    return found


def whole_tumour_vectors(cohort: Cohort, protocol: ExtractionProtocol) -> dict[int, FeatureVector]:
    """Give segmentation id → whole-tumour features under a protocol."""
    rows = FeatureSet.objects.filter(
        segmentation__timepoint__patient__cohort=cohort,
        segmentation__is_current=True,
        protocol=protocol,
        region=FeatureSet.Region.WHOLE_TUMOUR,
    )
    return {row.segmentation_id: vector_of(row) for row in rows.select_related("schema").order_by("pk")}


def habitat_vectors_by_segmentation(cohort: Cohort, model: HabitatModel) -> dict[int, FeatureVector]:
    """Give segmentation id → habitat features under a model."""
    rows = FeatureSet.objects.filter(
        segmentation__timepoint__patient__cohort=cohort, habitat_model=model, region=FeatureSet.Region.HABITATS
    )
    return {row.segmentation_id: vector_of(row) for row in rows.select_related("schema").order_by("pk")}


def transition_vectors_by_segmentation(cohort: Cohort, model: HabitatModel) -> dict[int, FeatureVector]:
    """Give id of the mask after treatment → transition features under a model."""
    rows = FeatureSet.objects.filter(
        segmentation__timepoint__patient__cohort=cohort, habitat_model=model, region=FeatureSet.Region.TRANSITIONS
    )
    return {row.segmentation_id: vector_of(row) for row in rows.select_related("schema").order_by("pk")}


def supervoxel_digests(cohort: Cohort, protocol: ExtractionProtocol) -> dict[int, str]:
    """Give segmentation id → sha256 of its supervoxels."""
    rows = SupervoxelMap.objects.filter(
        segmentation__timepoint__patient__cohort=cohort, segmentation__is_current=True, protocol=protocol
    )
    return dict(rows.order_by("pk").values_list("segmentation_id", "sha256"))


def shown_habitat_model(cohort: Cohort) -> HabitatModel | None:
    """Give the codebook that pages show: the one fitted last."""
    return HabitatModel.objects.filter(cohort=cohort).select_related("protocol").order_by("-version").first()


def habitat_maps(patient: Patient, model: HabitatModel) -> dict[str, HabitatMap]:
    """Give the maps of a patient's current masks under a codebook, by timepoint."""
    rows = HabitatMap.objects.filter(
        habitat_model=model, segmentation__timepoint__patient=patient, segmentation__is_current=True
    )
    return {row.segmentation.timepoint.kind: row for row in rows.select_related("segmentation__timepoint")}


def habitat_vectors(patient: Patient, model: HabitatModel) -> dict[str, FeatureVector]:
    """Give the habitat features of a patient under a codebook, by timepoint."""
    rows = FeatureSet.objects.filter(
        habitat_model=model,
        region=FeatureSet.Region.HABITATS,
        segmentation__timepoint__patient=patient,
        segmentation__is_current=True,
    )
    found = rows.select_related("schema", "segmentation__timepoint").order_by("pk")
    return {row.segmentation.timepoint.kind: vector_of(row) for row in found}


def interaction_percent(counts: Iterable[Iterable[int]]) -> NDArray[np.float64]:
    """Give contact counts as percent of all contacts, both triangles and the border included."""
    matrix = np.asarray([list(row) for row in counts], dtype=float)
    total = matrix.sum()
    return 100 * matrix / total if total else matrix


#: Habitat features that the patient page lists, in words.
SHOWN_FEATURES = {
    "msi_contrast": "Interaction contrast",
    "msi_homogeneity": "Interaction homogeneity",
    "msi_correlation": "Interaction correlation",
    "msi_energy": "Interaction energy",
    "shannon": "Shannon index of the fractions (nats)",
    "simpson": "Simpson index of the fractions",
    "ith_score": "Intratumour heterogeneity (ITH) score",
}


def feature_changes(vectors: dict[str, FeatureVector]) -> list[dict[str, Any]]:
    """Give the features named in `SHOWN_FEATURES` before, after, and their difference."""
    values = {kind: vector.as_dict() for kind, vector in vectors.items()}
    rows = []
    for name, label in SHOWN_FEATURES.items():
        pre, post = (values.get(kind, {}).get(name) for kind in ("pre", "post"))
        change = post - pre if pre is not None and post is not None else None
        if pre is not None or post is not None:
            rows.append({"name": name, "label": label, "pre": pre, "post": post, "delta": change})
    return rows


def measured_locations(patient: Patient) -> dict[str, TumourLocation]:
    """Give what was measured of the location on a patient's current masks, refusals included, by timepoint."""
    rows = TumourLocation.objects.filter(segmentation__timepoint__patient=patient, segmentation__is_current=True)
    return {row.segmentation.timepoint.kind: row for row in rows.select_related("segmentation__timepoint")}


def measured_locations_in(cohort: Cohort) -> dict[int, dict[str, TumourLocation]]:
    """Give patient id → `measured_locations`, of every patient of a cohort with one query."""
    rows = TumourLocation.objects.filter(
        segmentation__timepoint__patient__cohort=cohort, segmentation__is_current=True
    )
    found: dict[int, dict[str, TumourLocation]] = {}
    for row in rows.select_related("segmentation__timepoint"):
        timepoint = row.segmentation.timepoint
        found.setdefault(timepoint.patient_id, {})[timepoint.kind] = row
    return found


@dataclass(frozen=True)
class PatientLocation:
    """Central or peripheral ("" where neither is known), who says so, and both statements."""

    zone: str
    source: Literal["entered", "measured", ""]
    entered: str
    measured: str


def location_of(patient: Patient, measured: Mapping[str, TumourLocation] | None = None) -> PatientLocation:
    """Give the location that counts: a person's entry, or else what was measured before treatment, or else after.

    Parameters
    ----------
    measured : mapping of str to TumourLocation, optional
        `measured_locations` of the patient, where it was read already.
    """
    found = measured_locations(patient) if measured is None else measured
    zones = [found[kind].zone for kind in (Timepoint.Kind.PRE, Timepoint.Kind.POST) if kind in found]
    zone = next(filter(None, zones), "")
    if patient.location:
        return PatientLocation(patient.location, "entered", patient.location, zone)
    return PatientLocation(zone, "measured" if zone else "", "", zone)


def registration_of(patient: Patient) -> Registration | None:
    """Give the registration of a patient's current masks, accepted or refused; None where it was not tried."""
    rows = Registration.objects.filter(
        post__timepoint__patient=patient, pre__is_current=True, post__is_current=True, digest=STANDARD.digest
    )
    return rows.order_by("-pk").first()


def transition_map(registration: Registration, model: HabitatModel) -> TransitionMap | None:
    """Give where the habitats of one codebook went, if it was followed."""
    return TransitionMap.objects.filter(registration=registration, habitat_model=model).first()


def transition_vector(registration: Registration, model: HabitatModel) -> FeatureVector | None:
    """Give the transition features of a patient under a codebook."""
    rows = FeatureSet.objects.filter(
        segmentation=registration.post_id, habitat_model=model, region=FeatureSet.Region.TRANSITIONS
    )
    row = rows.select_related("schema").first()
    return vector_of(row) if row else None


def drawn_versions(timepoint: Timepoint) -> QuerySet[Segmentation]:
    """Give every version of a timepoint's contour, the newest first."""
    own = Segmentation.objects.filter(timepoint=timepoint).order_by("-version")
    return own.select_related("series", "created_by", "drawn_from")


def index_lesions(cohort: Cohort) -> dict[tuple[int, str], str]:
    """Return (patient id, timepoint) → number and region of the lesion whose values are the timepoint's."""
    rows = current_segmentations(cohort).values_list("timepoint__patient_id", "timepoint__kind", "lesion", "name")
    return {(patient, kind): f"{lesion} {name}" for patient, kind, lesion, name in rows}


@dataclass(frozen=True)
class Lesions:
    """The lesions of one timepoint, the newest version of each (of the one that counts, the version that does)."""

    timepoint: Timepoint
    versions: tuple[Segmentation, ...]

    @property
    def current(self) -> Segmentation | None:
        """The one whose values are the timepoint's; None as long as nobody chose."""
        return next((one for one in self.versions if one.is_current), None)


def lesions_to_choose(patient: Patient) -> list[Lesions]:
    """Return the timepoints of a patient at which there is a choice of lesions, or none was made."""
    rows = Segmentation.objects.filter(timepoint__patient=patient).select_related("timepoint", "series")
    newest: dict[Timepoint, dict[int, Segmentation]] = {}
    for one in rows.order_by("-timepoint__kind", "lesion", "is_current", "version"):
        newest.setdefault(one.timepoint, {})[one.lesion] = one
    found = [Lesions(timepoint, tuple(of_lesion.values())) for timepoint, of_lesion in newest.items()]
    return [one for one in found if len(one.versions) > 1 or one.current is None]


def padding_near(segmentations: Iterable[int]) -> dict[int, int]:
    """Return segmentation → voxels of padding that resampling and filters of its features reached, where there are any."""
    found = FeatureSet.objects.filter(segmentation__in=list(segmentations), region=FeatureSet.Region.WHOLE_TUMOUR)
    rows = found.filter(provenance__has_key="padding_voxels").order_by("pk")
    return dict(rows.values_list("segmentation_id", "provenance__padding_voxels"))
