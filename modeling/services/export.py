"""Everything of a cohort as tables: CSV and Parquet with equal values, and a data dictionary."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db.models import Model, QuerySet

from cohorts.access import Action, Person, allowed, visible
from cohorts.core.csv_writer import write_csv
from cohorts.core.node_stations import format_stations
from cohorts.models import Cohort, PathologyOutcome, Patient
from cohorts.selectors.patients import response_of, timeline_of
from cohorts.services.outcomes import OUTCOME_FIELDS
from cohorts.services.patients import CLINICAL_FIELDS
from imaging.models import FeatureSet
from imaging.selectors import location_of, measured_locations_in, vector_of
from modeling.models import Prediction

M = TypeVar("M", bound=Model)
_DATES = {"first_dose_on", "last_dose_on", "enrolled_on", "surgery_on", "signed_off_on"}
#: Free text stays behind: nobody can promise that it holds no identity.
_FREE_TEXT = {"exclusion_note"}
#: What the data dictionary says of a column; features are described by their name's parts.
_MEANINGS = {
    "patient": "Pseudonym",
    "centre": "Centre code",
    "version": "Version of the reading or of the model",
    "mpr": "Major pathological response: viable tumour at or below the cohort's threshold",
    "pcr": "Pathological complete response; empty where it cannot be evaluated",
    "histology": "Histology before treatment, of the biopsy",
    "surgical_histology": "Histology of the resected tumour; part of the outcome, never a predictor",
    "sampling": "Sampling of the tumour bed: complete, as_iaslc (as IASLC asks above 3 cm), incomplete; empty: not stated",
    "blinded": "Whether the pathologist read blind to model output; empty: not stated",
    "tnm_edition": "Edition of the TNM of ypT, ypN and ypM; empty: not stated",
    "clinical_tnm_edition": "Edition of the TNM of the clinical stage; empty: not stated",
    "location": "central (inner two thirds) or peripheral (outer third): as entered, or else as measured from the CT",
    "location_source": "entered or measured: where the location comes from",
    "radiological_response": "Radiologist's reading of both CTs by RECIST 1.1: CR, PR, SD or PD; empty: not entered",
    "suv_max_pre": "SUVmax of the primary tumour before treatment, by body weight",
    "suv_max_post": "SUVmax of the primary tumour after treatment, by body weight",
    "timepoint": "pre or post treatment",
    "lesion": "Number of the lesion within its timepoint; the index lesion, whose values these are",
    "lesion_region": "Name of the region that the lesion was drawn as",
    "mask_version": "Version of the tumour mask",
    "protocol": "Extraction protocol",
    "habitat_model": "Version of the habitat model; empty for whole-tumour features",
    "probability": "Predicted probability of major pathological response; research use only",
    "threshold": "Probability threshold, frozen on training patients",
    "standing": "training: out-of-fold probability; held_out; prospective: made before any known surgery, reading or outcome",
    "created_at": "When the row was made (UTC, ISO 8601)",
    "model": "Name of the model",
    "state": "candidate, challenger, champion or retired",
}


def tables_of(cohort: Cohort, user: Person | None) -> dict[str, pd.DataFrame]:
    """Give the tables of a cohort: of everything, or (with a person) of what they may see.

    Dates are given as days from the first dose.
    """
    tables = {
        "patients": _patients(cohort, user),
        "outcomes": _outcomes(cohort, user),
        "features_whole_tumour": _features(cohort, user, FeatureSet.Region.WHOLE_TUMOUR),
        "features_habitats": _features(cohort, user, FeatureSet.Region.HABITATS),
        "features_transitions": _features(cohort, user, FeatureSet.Region.TRANSITIONS),
    }
    if user is None or allowed(user, Action.VIEW_PREDICTIONS, cohort):
        tables["predictions"] = _predictions(cohort, user)
    return {**tables, "data_dictionary": _dictionary(tables)}


def write_tables(cohort: Cohort, folder: Path) -> list[str]:
    """Write every table of a cohort to a folder and give the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in _files(tables_of(cohort, None)).items():
        (folder / name).write_bytes(content)
        written.append(name)
    return written


def export_archive(cohort: Cohort, user: Person) -> bytes:
    """Give the tables of what a person may see as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(tables_of(cohort, user)).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _files(tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name, table in tables.items():
        files[f"{name}.csv"] = write_csv(table.columns, table.itertuples(index=False, name=None)).encode()
        files[f"{name}.parquet"] = _parquet(table)
    return files


def _parquet(table: pd.DataFrame) -> bytes:
    """Write a table as Parquet in which every gap is a null: neither a NaN nor an empty text counts as a value."""
    stored = pa.Table.from_pandas(table, preserve_index=False)
    for place, column in enumerate(stored.columns):
        if pa.types.is_string(column.type):
            known = pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)
            stored = stored.set_column(place, stored.field(place), known)
    buffer = io.BytesIO()
    pq.write_table(stored, buffer)
    return buffer.getvalue()


def _visible(queryset: QuerySet[M], user: Person | None) -> QuerySet[M]:
    return queryset if user is None else visible(queryset, user)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Give rows as a table; without any, a table that still says whose rows are missing."""
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["patient", "centre"])


def _patients(cohort: Cohort, user: Person | None) -> pd.DataFrame:
    found = _visible(Patient.objects.filter(cohort=cohort), user)
    measured = measured_locations_in(cohort)
    readings = {o.patient_id: o for o in PathologyOutcome.objects.filter(patient__cohort=cohort, is_current=True)}
    rows = []
    for patient in found.select_related("centre", "cohort").prefetch_related("timepoints").order_by("code"):
        row = {"patient": patient.code, "centre": patient.centre.code}
        row |= {
            name: getattr(patient, name) for name in CLINICAL_FIELDS if name not in {"centre", *_DATES, *_FREE_TEXT}
        }
        location = location_of(patient, measured.get(patient.pk, {}))
        row |= {"location": location.zone, "location_source": location.source}
        rows.append(row | _days(patient, readings.get(patient.pk, PathologyOutcome())))
    return _numeric(_table(rows), ["pdl1_percent", "suv_max_pre", "suv_max_post"])


def _days(patient: Patient, reading: PathologyOutcome) -> dict[str, int | None]:
    """Give a patient's dates as days from the first dose: intervals without calendar days."""
    timeline = timeline_of(patient, outcome=reading)
    start = timeline.first_dose_on
    dates = {name: getattr(timeline, name) for name in timeline.__dataclass_fields__ if name != "first_dose_on"}
    dates["enrolled_on"] = patient.enrolled_on
    return {
        f"{name.removesuffix('_on')}_days": (day - start).days if day and start else None
        for name, day in dates.items()
    }


def _outcomes(cohort: Cohort, user: Person | None) -> pd.DataFrame:
    found = _visible(PathologyOutcome.objects.filter(patient__cohort=cohort, is_current=True), user)
    names = [name for name in OUTCOME_FIELDS if name not in _DATES]
    rows = []
    for outcome in found.select_related("patient__centre", "patient__cohort").order_by("patient__code"):
        response = response_of(outcome, cohort)
        row = {"patient": outcome.patient.code, "centre": outcome.patient.centre.code, "version": outcome.version}
        row |= {name: getattr(outcome, name) for name in names} | {"stations": format_stations(outcome.stations)}
        rows.append(row | {"mpr": response.mpr, "pcr": response.pcr})
    return _numeric(_table(rows), [n for n in names if n.endswith(("percent", "mm"))])


def _numeric(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Turn decimals into floats, so that CSV and Parquet hold equal values."""
    for name in columns:
        if name in table:
            table[name] = table[name].astype(float)
    return table


def _features(cohort: Cohort, user: Person | None, region: str) -> pd.DataFrame:
    found = _visible(
        FeatureSet.objects.filter(
            segmentation__timepoint__patient__cohort=cohort, segmentation__is_current=True, region=region
        ),
        user,
    )
    ordered = found.select_related(
        "schema", "protocol", "habitat_model", "segmentation__timepoint__patient__centre"
    ).order_by("segmentation__timepoint__patient__code", "-segmentation__timepoint__kind", "pk")
    rows = [
        {
            "patient": row.segmentation.timepoint.patient.code,
            "centre": row.segmentation.timepoint.patient.centre.code,
            "timepoint": row.segmentation.timepoint.kind,
            "lesion": row.segmentation.lesion,
            "lesion_region": row.segmentation.name,
            "mask_version": row.segmentation.version,
            "protocol": row.protocol.name,
            "habitat_model": row.habitat_model.version if row.habitat_model else None,
            **vector_of(row).as_dict(),
        }
        for row in ordered
    ]
    return _table(rows)


def _predictions(cohort: Cohort, user: Person | None) -> pd.DataFrame:
    found = _visible(Prediction.objects.filter(patient__cohort=cohort), user)
    rows = [
        {
            "patient": row.patient.code,
            "centre": row.patient.centre.code,
            "model": row.model_version.name,
            "version": row.model_version.version,
            "state": row.model_version.state,
            "probability": row.probability,
            "threshold": row.threshold,
            "standing": row.standing,
            "created_at": row.created_at.isoformat(),
        }
        for row in found.select_related("patient__centre", "model_version").order_by("pk")
    ]
    return _table(rows)


def _dictionary(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    rows = [
        {"table": name, "column": str(column), "type": str(table[column].dtype), "meaning": _meaning(str(column))}
        for name, table in tables.items()
        for column in table.columns
    ]
    return pd.DataFrame(rows, columns=["table", "column", "type", "meaning"])


def _meaning(column: str) -> str:
    if column in _MEANINGS:
        return _MEANINGS[column]
    for model in (Patient, PathologyOutcome):
        if column in {field.name for field in model._meta.get_fields()}:
            return str(model._meta.get_field(column).verbose_name)  # type: ignore[union-attr]
    if column.endswith("_days"):
        return f"{column.removesuffix('_days').replace('_', ' ').capitalize()}: days from the first dose"
    if column.startswith("transition_"):
        return "Share of places, or another summary of what habitats became; see docs/methods/transitions.md"
    if column.startswith("msi_"):
        return "Multiregional spatial interaction of habitats; see docs/methods/habitats.md"
    return "Feature, named as pyradiomics names it, or a habitat proportion; see docs/methods"
