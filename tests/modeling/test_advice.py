"""The advice on sample size before a run, and recordings of older versions."""

from __future__ import annotations

from typing import Any

import pytest

from imaging.core.features import feature_names
from imaging.core.habitats import habitat_feature_names
from imaging.core.spec import STANDARD
from modeling.services.advice import training_advice
from modeling.services.recorded import Recorded, RecordedPatient
from tests.study import build_study

pytestmark = pytest.mark.django_db


def test_before_a_run_every_column_that_there_will_be_is_a_candidate() -> None:
    advice = training_advice(build_study().cohort).advice
    columns = 3 * (len(feature_names(STANDARD)) + len(habitat_feature_names(2)))
    assert columns > 1000
    assert advice is not None
    assert f"chooses among {columns:,} candidate features" in advice.sentence
    assert (
        "Counted is every column of whole tumour and habitats before, after and in change, with 2 habitats"
        in advice.sentence
    )
    assert not advice.enough


def test_of_a_run_that_recorded_no_day_of_entry_nothing_is_known_of_it() -> None:
    values: dict[str, Any] = dict.fromkeys(RecordedPatient.__dataclass_fields__, "")
    del values["clinical_before_surgery"]
    head = {"cohort_name": "Study", "is_synthetic": False, "training_centre": "", "readings": [], "masks": []}
    (patient,) = Recorded.from_dict(head | {"patients": [values]}).patients
    assert patient.clinical_before_surgery is None
