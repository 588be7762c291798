"""Looks at other hospitals: closed until somebody opens them, counted, and never a second time by one run."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry
from modeling.models import Evaluation, TestOpening, TrainingRun
from modeling.selectors import external_looks
from modeling.services.promotion import verdict_for
from modeling.services.runs import open_external
from tests.evaluated import register_run
from tests.modeling.conftest import Trained, train
from tests.study import Study

pytestmark = pytest.mark.django_db
CENTRES = {"B", "C"}


def external(run: TrainingRun) -> dict[tuple[str, str], dict[str, Any]]:
    rows = Evaluation.objects.filter(model_version__run=run, split="external").select_related("model_version")
    measured = ("n", "events", "auc", "auc_low", "auc_high", "metrics", "roc")
    return {(row.model_version.name, row.centre): {name: getattr(row, name) for name in measured} for row in rows}


def test_a_run_that_tests_at_once_logs_each_centre_as_its_first_opening(trained: Trained) -> None:
    rows = TestOpening.objects.filter(run__number=1)
    assert {(row.centre, row.number) for row in rows} == {(centre, 1) for centre in CENTRES}
    assert {row.opened_by.username for row in rows if row.opened_by} == {"study-researcher"}
    assert sum(row.n_patients for row in rows) == trained.job.training_run.findings["flow"]["external"]


def test_a_closed_run_looks_at_no_other_hospital_until_a_person_opens_them(living: Study) -> None:
    train(living, user=living.people["researcher"], open_external=False)
    run = TrainingRun.objects.get(number=2)
    assert not external(run)
    assert not Evaluation.objects.filter(model_version__run=run, split="leave_one_centre_out").exists()
    assert not run.openings.exists()
    challenger = run.model_versions.get(name="integrated")
    assert "not tested on external patients" in verdict_for(challenger).reason  # type: ignore[union-attr]

    assert external_looks(challenger) == 0

    assert open_external(run, actor=living.people["researcher"], reason="The recipe is final.") == len(CENTRES)
    # The same patients and models as in the first run, which was open: the same figures to the last digit of an
    # interval that is resampled, and the second look.
    assert external(run) == external(TrainingRun.objects.get(number=1))
    assert any(row["metrics"]["auc_boot_low"] for row in external(run).values())
    assert {(row.centre, row.number) for row in run.openings.all()} == {(centre, 2) for centre in CENTRES}
    assert {external_looks(version) for version in run.model_versions.all()} == {2}
    assert {external_looks(version) for version in TrainingRun.objects.get(number=1).model_versions.all()} == {1}
    run.refresh_from_db()
    assert run.findings["heterogeneity"] == TrainingRun.objects.get(number=1).findings["heterogeneity"]
    assert run.findings["cuts"] == TrainingRun.objects.get(number=1).findings["cuts"]
    assert {row["split"] for row in run.findings["cuts"]["rows"]} == {"nested_cv", "internal_test", "external"}
    entry = AuditEntry.objects.get(verb="opened external test")
    assert (entry.actor, entry.reason) == (living.people["researcher"], "The recipe is final.")


def test_no_run_opens_a_centre_twice(trained: Trained, living: Study) -> None:
    run = TrainingRun.objects.get(number=1)
    with pytest.raises(ServiceError, match="open already"):
        open_external(run, actor=living.people["researcher"], reason="once more")
    assert run.openings.count() == len(CENTRES)


def test_a_run_whose_snapshot_holds_nobody_from_elsewhere_has_nothing_to_open(living: Study) -> None:
    run = register_run(living, number=2, external=False)
    with pytest.raises(ServiceError, match="holds no patient of another centre"):
        open_external(run, actor=living.people["researcher"], reason="The recipe is final.")
    assert not run.openings.exists()


def test_opening_asks_for_a_reason_and_for_the_right_to_train(living: Study, client: Any) -> None:
    TestOpening.objects.all().delete()
    Evaluation.objects.filter(split="external").delete()
    address = reverse("modeling:open-external", args=[living.cohort.code, 1])
    client.force_login(living.people["data_manager"])
    assert client.post(address, {"reason": "curious"}).status_code == 403
    client.force_login(living.people["researcher"])
    client.post(address, {"reason": " "})
    assert not TestOpening.objects.exists()
    page = client.post(address, {"reason": "final"}, follow=True).content.decode()
    assert "2 external centres are open" in page
    assert TestOpening.objects.count() == len(CENTRES)
