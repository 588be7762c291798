"""What the viewer shows of a patient: scans, masks, layers, and how the two scans are linked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from cohorts.models import Patient, Timepoint
from imaging.charts.colours import HABITAT_COLOURS, TRANSITION_COLOURS
from imaging.models import HabitatMap, HabitatModel, ImageSeries, Registration, Segmentation, SupervoxelMap
from imaging.selectors import padding_near, registration_of, transition_map
from imaging.services.viewing import (
    field_view,
    habitats_view,
    mask_view,
    supervoxels_view,
    transitions_view,
    volume_view,
)
from imaging.views.files import address


def viewer_of(patients: Mapping[Patient, Mapping[str, HabitatMap]], model: HabitatModel | None) -> dict[str, Any]:
    """Give the context of ``imaging/_viewer.html`` for one patient, or for several side by side."""
    rows = [_row(patient, maps, model) for patient, maps in patients.items()]
    shown = [timepoint for row in rows for timepoint in row["timepoints"]]
    return {
        "rows": rows,
        "several": len(rows) > 1,
        "habitats": _habitats(model) if model and any(patients.values()) else [],
        "states": _states(model),
        "transition_kinds": _transition_kinds(),
        "has_supervoxels": any(timepoint.get("supervoxels_url") for timepoint in shown),
        "has_transitions": any(timepoint.get("transitions_url") for timepoint in shown),
    }


def _row(patient: Patient, maps: Mapping[str, HabitatMap], model: HabitatModel | None) -> dict[str, Any]:
    registration = registration_of(patient)
    timepoints = {one.kind: one for one in Timepoint.objects.filter(patient=patient)}
    current = Segmentation.objects.filter(timepoint__patient=patient, is_current=True)
    masks = {one.timepoint.kind: one for one in current.select_related("series", "timepoint")}
    parts, padding = _supervoxels(masks, model), padding_near([mask.pk for mask in masks.values()])
    rows = []
    for kind in Timepoint.Kind:
        row = _timepoint(patient, kind, timepoints.get(kind), masks.get(kind))
        if mask := masks.get(kind):
            row |= _files(mask, maps.get(kind), parts.get(mask.pk)) | {"padding_voxels": padding.get(mask.pk)}
        rows.append(row)
    if registration and model and (found := transition_map(registration, model)):
        rows[0]["transitions_url"] = address("transitions", found.pk, transitions_view(found))
    return {"patient": patient, "timepoints": rows, "link": _link(registration, both=len(masks) == 2)}


def _timepoint(
    patient: Patient, kind: Timepoint.Kind, timepoint: Timepoint | None, mask: Segmentation | None
) -> dict[str, Any]:
    series = mask.series if mask else ImageSeries.objects.filter(timepoint=timepoint).first() if timepoint else None
    return {
        "kind": kind.value,
        "label": kind.label,
        "timepoint": timepoint,
        "series": series,
        "segmentation": mask,
        "to_choose": mask is None and Segmentation.objects.filter(timepoint=timepoint).exists(),
        "status": timepoint.status if timepoint else "",
        "note": timepoint.note if timepoint else "",
        "not_evaluable_url": reverse("imaging:not-evaluable", args=[patient.cohort.code, patient.code, kind.value])
        if timepoint
        else "",
    }


def _files(mask: Segmentation, habitats: HabitatMap | None, parts: SupervoxelMap | None) -> dict[str, Any]:
    files = {
        "volume_url": address("volume", mask.pk, volume_view(mask)),
        "mask_url": address("mask", mask.pk, mask_view(mask)),
        "volume_ml": mask.volume_mm3 / 1000,
        "mean_hu": mask.mean_hu,
    }
    if habitats:
        habitats.segmentation = mask
        files["habitats_url"] = address("habitats", habitats.pk, habitats_view(habitats))
    if parts:
        parts.segmentation = mask
        files["supervoxels_url"] = address("supervoxels", parts.pk, supervoxels_view(parts))
    return files


def _supervoxels(masks: Mapping[str, Segmentation], model: HabitatModel | None) -> dict[int, SupervoxelMap]:
    """Give mask id → its supervoxels, those of the shown habitats' protocol where there are habitats."""
    found = SupervoxelMap.objects.filter(segmentation__in=list(masks.values())).order_by("pk")
    if model:
        found = found.filter(protocol=model.protocol_id)
    return {row.segmentation_id: row for row in found}


def _link(registration: Registration | None, *, both: bool) -> dict[str, str]:
    """Give how a place in one scan finds its place in the other, and the words for it."""
    if registration and registration.accepted:
        field_url = address("registration-field", registration.pk, field_view(registration))
        return {"field_url": field_url, "words": _("Scans linked place by place through their registration.")}
    if not both:
        return {"field_url": "", "words": ""}
    if registration:
        words = _("The registration was refused: both scans show the same level of their own tumour.")
    else:
        words = _("Not registered yet: both scans show the same level of their own tumour.")
    return {"field_url": "", "words": words}


def _habitats(model: HabitatModel) -> list[dict[str, Any]]:
    return [
        {
            "number": index + 1,
            "name": _("Habitat %(number)s") % {"number": index + 1},
            "colour": HABITAT_COLOURS[index],
        }
        for index in range(model.n_habitats)
    ]


def _states(model: HabitatModel | None) -> list[str]:
    """Give what a place can be, in the order of the codes of `Transitions`."""
    habitats = [row["name"] for row in _habitats(model)] if model else []
    return [_("lung"), _("other tissue"), *habitats]


def _transition_kinds() -> list[dict[str, str]]:
    """Give the kinds of change that the transition layer tells apart, in the order that the viewer counts them."""
    names = (
        _("Kept its habitat"),
        _("Changed habitat"),
        _("Became lung"),
        _("Became other tissue"),
        _("New tumour"),
    )
    return [{"name": name, "colour": colour} for name, colour in zip(names, TRANSITION_COLOURS, strict=True)]
