"""Taking a patient's code out of what other records say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import CharField, F, Field, JSONField, Model, TextField
from django.db.models.functions import Cast

from cohorts.models import Cohort, Patient

#: What stands where a code stood.
NOBODY = "withdrawn"
#: Shorter codes, and those of digits alone, occur as other words and numbers as well; they are looked for here only.
_KEYS = {"patient", "patients", "patient_code"}
_SHORTEST_WORD = 3


def remove_code(cohort: Cohort, code: str) -> int:
    """Replace a code in every text of a cohort's records, whichever app they belong to.

    Returns
    -------
    int
        Records that named the patient.
    """
    changed = 0
    for model, field in _texts():
        path = f"{model.cohort_path}__pk" if model.cohort_path else "pk"  # type: ignore[attr-defined]
        rows = model._default_manager.filter(**{path: cohort.pk}).annotate(said=Cast(F(field.name), TextField()))
        for pk, value in rows.filter(said__contains=code).order_by("pk").values_list("pk", field.name):
            new = without(value, code)
            if isinstance(field, CharField) and field.max_length:
                new = new[: field.max_length]
            if new != value:
                changed += model._default_manager.filter(pk=pk).update(**{field.name: new})
    return changed


def without(value: Any, code: str, *, key: str = "") -> Any:
    """Return a JSON value in which nobody has this code."""
    if isinstance(value, dict):
        return {_word(name, code, key): without(part, code, key=name) for name, part in value.items()}
    if isinstance(value, list):
        return [without(part, code, key=key) for part in value]
    return _word(value, code, key) if isinstance(value, str) else value


def _word(text: str, code: str, key: str) -> str:
    if text == code and (key in _KEYS or _is_telling(code)):
        return NOBODY
    if not _is_telling(code):
        return text
    return re.sub(rf"(?<![A-Za-z0-9_.-]){re.escape(code)}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])", NOBODY, text)


def _is_telling(code: str) -> bool:
    return len(code) >= _SHORTEST_WORD and not code.isdecimal()


def _texts() -> Iterator[tuple[type[Model], Field[Any, Any]]]:
    """Yield every free text and JSON of records that belong to a cohort, the patients' own codes aside."""
    for label in ("cohorts", "imaging", "modeling"):
        for model in apps.get_app_config(label).get_models():
            if getattr(model, "cohort_path", None) is None or model in (Cohort, Patient):
                continue
            for field in model._meta.concrete_fields:
                if isinstance(field, JSONField | CharField | TextField) and not (field.choices or field.unique):
                    yield model, field
