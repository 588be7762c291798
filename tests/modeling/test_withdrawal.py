"""A patient who withdraws consent is removed with everything that is theirs; that it happened stays, who it was not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.urls import reverse

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Job, Patient, User, Withdrawal
from cohorts.services.identity import without
from cohorts.services.locks import lock_record
from imaging import storage
from imaging.models import HabitatModel, ImageSeries, PersonMark, Segmentation
from imaging.services import artefacts
from imaging.services.ingest import enqueue_import
from imaging.services.placing import ImportOptions
from imaging.services.segmentations import make_current
from modeling.core import persist
from modeling.core.table import FeatureTable
from modeling.models import ModelVersion, Prediction, TableSnapshot, TrainingRun
from modeling.selectors import stale_runs
from modeling.services.withdrawal import withdraw
from tests.modeling.conftest import train
from tests.study import Study

pytestmark = pytest.mark.django_db
CODE = "S-00"


@pytest.fixture
def living(living: Study, tmp_path: Path, settings: Any) -> Study:
    """The trained study with a copy of its files, which a test may remove."""
    shutil.copytree(settings.ARTEFACT_DIR, tmp_path / "own")
    settings.ARTEFACT_DIR = tmp_path / "own"
    return living


def everything() -> str:
    """Every row of the three apps as text."""
    models = [m for label in ("cohorts", "imaging", "modeling") for m in apps.get_app_config(label).get_models()]
    return "".join(serializers.serialize("json", model._default_manager.all()) for model in models)


def remove(study: Study, code: str = CODE) -> Withdrawal:
    return withdraw(study.patient(code), code=code, reason="consent", actor=study.people["data_manager"])


def test_what_runs_recorded_of_the_patient_goes_with_the_characteristics(living: Study) -> None:
    run = TrainingRun.objects.filter(cohort=living.cohort, findings__has_key="recorded").first()
    assert run is not None
    before = [row["code"] for row in run.findings["recorded"]["patients"]]
    assert CODE in before
    remove(living)
    run.refresh_from_db()
    recorded = run.findings["recorded"]
    assert [row["code"] for row in recorded["patients"]] == [code for code in before if code != CODE]
    assert "withdrawn" not in {row["patient"] for row in recorded["masks"]}


def test_nothing_in_the_database_names_the_patient_afterwards(living: Study) -> None:
    patient = living.patient(CODE)
    PersonMark.objects.create(patient=patient, kind="sex", digest="1" * 64)
    Job.objects.create(
        kind="import",
        cohort=living.cohort,
        state="done",
        result={"imported": [{"patient": CODE, "note": f"{CODE} was new"}]},
        parameters={"options": {"patient_code": CODE}},
    )
    assert CODE in everything()
    withdrawal = remove(living)
    assert CODE not in everything()
    assert "S-01" in everything(), "others stay"
    assert (withdrawal.counts["Segmentation"], withdrawal.counts["PathologyOutcome"]) == (2, 1)
    assert withdrawal.counts["TableSnapshot"] == 1
    assert not ImageSeries.objects.filter(timepoint__patient=patient.pk).exists()


def test_old_history_keeps_who_acted_and_loses_whose_record_it_was(living: Study) -> None:
    patient = living.patient(CODE)
    before = {entry.pk: (entry.actor_id, entry.verb, entry.at) for entry in patient.audit_entries.all()}
    remove(living)
    after = AuditEntry.objects.in_bulk(before)
    assert {pk: (entry.actor_id, entry.verb, entry.at) for pk, entry in after.items()} == before
    assert {(e.patient_id, e.object_id, e.reason, json.dumps(e.changes)) for e in after.values()} == {
        (None, "", "", "{}")
    }
    newest = AuditEntry.objects.get(object_type="withdrawal")
    assert newest.patient is None
    assert newest.actor == living.people["data_manager"]


def test_tables_and_models_hold_the_patient_no_more_and_are_stale(living: Study) -> None:
    snapshot = TableSnapshot.objects.get()
    version = ModelVersion.objects.filter(fitted_on__code=CODE).first()
    assert version
    old_bytes = (snapshot.sha256, version.sha256)
    remove(living)
    artefacts.sweep()
    snapshot.refresh_from_db()
    version.refresh_from_db()
    table = FeatureTable.from_parquet(storage.get(snapshot.sha256), sha256=snapshot.sha256)
    assert len(table.X) == snapshot.n_patients - 1
    assert CODE not in table.X.index
    assert (snapshot.trained_digest, snapshot.withdrawn) == (old_bytes[0], 1)
    model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
    assert CODE not in model.fitted_on
    assert len(model.fitted_on) == len(model.oof) == len(model.outcomes)
    assert not any(storage.path_of(digest).exists() for digest in old_bytes)
    (stale,) = stale_runs(living.cohort).values()
    assert (bool(stale), stale.withdrawn, stale.masks_changed) == (True, 1, 0)
    assert HabitatModel.objects.filter(withdrawn=1).exists()


def test_predictions_of_others_stay_without_the_patient_among_the_similar(living: Study) -> None:
    own = Prediction.objects.filter(patient__code=CODE).count()
    before = Prediction.objects.count()
    naming = [one.pk for one in Prediction.objects.all() if any(row["patient"] == CODE for row in one.similar)]
    remove(living)
    assert Prediction.objects.count() == before - own
    for one in Prediction.objects.filter(pk__in=naming):
        assert CODE not in [row["patient"] for row in one.similar]


def test_pages_of_the_run_still_open_and_say_what_happened(living: Study, client: Any) -> None:
    remove(living)
    client.force_login(living.people["researcher"])
    code = living.cohort.code
    for name, *args in (("run", code, 1), ("champions", code), ("models", code), ("drift-panel", code)):
        answer = client.get(reverse(f"modeling:{name}", args=args))
        assert answer.status_code == 200, name
    page = client.get(reverse("modeling:run", args=[code, 1])).content.decode()
    assert "1 of its patients withdrew consent and was removed from its table." in page
    assert client.get(reverse("cohorts:patient", args=[code, CODE])).status_code == 404


def test_training_again_without_the_patient_gives_models_that_are_not_stale(living: Study) -> None:
    remove(living)
    train(living)
    runs = {run.number: bool(stale_runs(living.cohort)[run.pk]) for run in TrainingRun.objects.order_by("number")}
    assert runs == {1: True, 2: False}


def test_a_mask_that_does_not_count_any_more_makes_the_run_stale(living: Study) -> None:
    Segmentation.objects.filter(timepoint__patient__code=CODE, timepoint__kind="pre").update(is_current=False)
    (stale,) = stale_runs(living.cohort).values()
    assert (bool(stale), stale.masks_changed, stale.withdrawn) == (True, 1, 0)


def test_an_estimate_says_that_another_mask_counts_since_it_was_made(living: Study, client: Any) -> None:
    patient, person = living.patient(CODE), living.people["researcher"]
    client.force_login(person)
    url = reverse("modeling:patient-panel", args=[living.cohort.code, CODE])
    assert "Of other tumour masks" not in client.get(url).content.decode()
    mask = Segmentation.objects.get(timepoint__patient=patient, timepoint__kind="pre")
    mask.pk, mask.version, mask.lesion, mask.is_current = None, 2, 2, False
    mask.save()
    make_current(mask, actor=person, reason="the primary")
    assert "Of other tumour masks" in client.get(url).content.decode()


def test_an_import_that_names_the_patient_is_cancelled_and_makes_nobody(living: Study, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "scan.dcm").write_bytes(b"DICM")
    options = ImportOptions(patient_code=CODE)
    job = enqueue_import(living.cohort, path=tmp_path / "in", options=options, user=None)
    remove(living)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert CODE not in json.dumps(job.parameters)


def test_another_code_or_a_signed_record_removes_nobody(living: Study) -> None:
    manager = User.objects.get(pk=living.people["data_manager"].pk)
    with pytest.raises(ServiceError) as refused:
        withdraw(living.patient(CODE), code="S-01", reason="consent", actor=manager)
    assert refused.value.code == "code_mistyped"
    manager.set_password("secret-word")
    manager.save()
    lock_record(living.patient(CODE), meaning="verified", actor=manager, password="secret-word")
    with pytest.raises(ServiceError) as refused:
        remove(living)
    assert refused.value.code == "locked"
    assert Patient.objects.filter(code=CODE).exists()
    assert not Withdrawal.objects.exists()


def test_the_page_counts_what_goes_and_asks_for_the_code(living: Study, client: Any) -> None:
    client.force_login(living.people["data_manager"])
    url = reverse("modeling:withdraw", args=[living.cohort.code, CODE])
    answer = client.get(url)
    assert answer.status_code == 200, answer.headers
    page = answer.content.decode()
    assert "Tumour masks</dt><dd>2" in page
    assert "1 table that models learned from" in page
    assert "not the code" in client.post(url, {"reason": "consent", "code": "S-1"}).content.decode()
    assert client.post(url, {"reason": "consent", "code": CODE}).status_code == 302
    assert not Patient.objects.filter(code=CODE).exists()


@pytest.mark.parametrize(
    ("value", "code", "left"),
    [
        ({"patient": "7", "n": "7"}, "7", {"patient": "withdrawn", "n": "7"}),
        ({"a": ["P-1 and P-10", "P-1."]}, "P-1", {"a": ["withdrawn and P-10", "withdrawn."]}),
        ({"P-1": 1, "XP-1": 2}, "P-1", {"withdrawn": 1, "XP-1": 2}),
        ("A", "A", "A"),
    ],
)
def test_a_code_is_taken_out_where_it_stands_for_the_patient_only(value: Any, code: str, left: Any) -> None:
    assert without(value, code) == left
