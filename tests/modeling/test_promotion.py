"""Who became champion, on what comparison, by whose decision; and the way back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry
from cohorts.services.outcomes import enter_outcome
from imaging import storage
from modeling.core import persist
from modeling.core.promotion import Rule, judge, judge_alone, measures_of
from modeling.core.table import FeatureTable
from modeling.models import ModelVersion, Promotion, RetrainingPolicy, TableSnapshot, TrainingRun
from modeling.selectors import (
    champion_of,
    champion_on,
    champion_run,
    current_predictions,
    first_champion_of,
    predictions_of,
    versions_in_use,
)
from modeling.services.promotion import _change, _unseen, paired, promote, rollback, verdict_for
from tests.modeling.conftest import challenge, train
from tests.study import Study, reading_of

pytestmark = pytest.mark.django_db


def model_of(version: ModelVersion) -> Any:
    return persist.loads(storage.get(version.sha256), sha256=version.sha256)


def table_of(version: ModelVersion) -> FeatureTable:
    sha256 = version.run.snapshot.sha256
    return FeatureTable.from_parquet(storage.get(sha256), sha256=sha256)


def states(name: str = "integrated") -> dict[int, str]:
    return dict(ModelVersion.objects.filter(name=name).order_by("version").values_list("version", "state"))


def allow(study: Study, **values: Any) -> None:
    """Set a rule that the challenger of these tests meets, or another."""
    wide = {"margin_auc": 1.5, "slope_low": -1e6, "slope_high": 1e6, "oe_low": 0, "oe_high": 1e6}
    wide |= {"minimum_patients": 0, "minimum_events": 0} | values
    RetrainingPolicy.objects.update_or_create(cohort=study.cohort, defaults=wide)


def refused(act: Any) -> str:
    with pytest.raises(ServiceError) as refusal:
        act()
    assert refusal.value.code == "not_promotable"
    return refusal.value.message


# The comparison.


def test_a_run_promotes_nobody_and_the_first_of_each_name_is_a_candidate_whose_estimates_are_shown(
    fresh: Study,
) -> None:
    assert not Promotion.objects.exists()
    assert set(ModelVersion.objects.values_list("state", flat=True)) == {"candidate"}
    assert champion_of(fresh.cohort, "integrated") is None
    assert first_champion_of(fresh.cohort, "integrated") is None
    in_use = versions_in_use(fresh.cohort)
    assert {version.name for version in in_use} == set(ModelVersion.objects.values_list("name", flat=True))
    assert champion_run(fresh.cohort) == TrainingRun.objects.get(number=1)
    shown = current_predictions(predictions_of(fresh.patient("S-00")))
    assert shown[0].model_version.name == "integrated"
    train(fresh)
    assert states() == {1: "candidate", 2: "challenger"}
    assert versions_in_use(fresh.cohort) == in_use, "what is shown changes only when a person decides"


def test_the_first_is_judged_against_the_minima_on_external_patients(fresh: Study) -> None:
    version = ModelVersion.objects.get(name="integrated")
    external = table_of(version).of_split("external")
    p = np.asarray(model_of(version).predict_proba(external.X))
    expected = judge_alone(measures_of(external.y.to_numpy(), p, looks=1), rule=Rule(), looks=1)
    verdict = verdict_for(version)
    assert verdict == expected
    assert (verdict.alone, verdict.n) == (True, len(external.X))
    sentence = refused(lambda: promote(version, actor=fresh.people["administrator"], reason="the first"))
    assert sentence.startswith("Integrated 1 stays candidate. There are ")
    assert not Promotion.objects.exists()


def test_a_first_version_that_meets_the_minima_is_promoted_by_a_person_and_no_other_is_in_use(fresh: Study) -> None:
    allow(fresh)
    train(fresh)
    second = ModelVersion.objects.get(name="habitat", version=2)
    promotion = promote(second, actor=fresh.people["administrator"], reason="the newer of the two")
    assert (promotion.kind, promotion.replaced, promotion.verdict["alone"]) == ("first", None, True)
    assert promotion.verdict["looks"] == 2, "the external centres were opened by both runs"
    assert states("habitat") == {1: "challenger", 2: "champion"}
    assert [v.version for v in versions_in_use(fresh.cohort) if v.name == "habitat"] == [2]
    entry = AuditEntry.objects.get(object_type="modelversion", object_id=str(promotion.version_id), verb="promoted")
    assert entry.changes["state"] == ["challenger", "champion"]


def test_where_no_external_patient_was_tested_the_nested_cross_validation_is_judged(fresh: Study) -> None:
    version = ModelVersion.objects.get(name="integrated")
    version.evaluations.filter(split="external").delete()
    verdict = verdict_for(version)
    nested = version.evaluations.get(split="nested_cv", centre="")
    assert verdict is not None
    assert (verdict.n, verdict.events, verdict.auc_challenger, verdict.auc_low) == (
        nested.n,
        nested.events,
        nested.auc,
        nested.auc_low,
    )
    assert "training patients, in nested cross-validation," in verdict.sentence
    assert "look" not in verdict.sentence
    version.evaluations.all().delete()
    again = verdict_for(version)
    assert again is not None
    assert "neither tested on external patients nor in nested cross-validation" in again.reason
    assert not again.non_inferior


def test_both_predict_the_same_external_patients_whom_neither_was_fitted_on(living: Study) -> None:
    champion, challenger = ModelVersion.objects.get(name="integrated"), challenge()
    external = table_of(challenger).of_split("external")
    one, two = (np.asarray(model_of(version).predict_proba(external.X)) for version in (challenger, champion))
    expected = judge(external.y.to_numpy(), one, two, rule=Rule(), looks=2)
    assert verdict_for(challenger) == expected
    assert expected.n == len(external.X) > 10


def test_the_rule_of_the_cohort_decides(living: Study) -> None:
    challenger = challenge()
    allow(living)
    assert verdict_for(challenger).non_inferior  # type: ignore[union-attr]
    allow(living, slope_low=999.0)
    assert "calibration slope" in verdict_for(challenger).reason  # type: ignore[union-attr]


def test_external_patients_whose_outcomes_nobody_opened_are_not_looked_at(living: Study) -> None:
    allow(living)
    challenger = challenge()
    challenger.evaluations.filter(split="external").delete()
    verdict = verdict_for(challenger)
    assert verdict is not None
    assert (verdict.non_inferior, verdict.n, verdict.difference) == (False, 0, None)
    assert "was not tested on external patients" in verdict.reason


def test_patients_on_whom_the_champion_learned_are_left_out(living: Study) -> None:
    challenger = challenge()
    before = verdict_for(challenger)
    table = table_of(challenger)
    moved = table.split.copy()
    moved[table.split == "training"] = "external"  # as if another hospital trained the challenger
    everybody = FeatureTable(table.X, table.y, table.centre, moved)
    sha256 = storage.put(everybody.to_parquet())
    TableSnapshot.objects.filter(pk=challenger.run.snapshot_id).update(sha256=sha256)
    after = verdict_for(ModelVersion.objects.get(pk=challenger.pk))
    assert before is not None
    assert after is not None
    assert after.n == before.n
    learned = challenger.fitted_on.count()
    assert f"{learned} of {before.n + learned} external patients are unknown to Integrated 1" in after.sentence


def test_after_training_again_a_patient_whom_only_the_challenger_knows_is_left_out_and_counted(living: Study) -> None:
    enter_outcome(living.patient("S-39"), values=reading_of(False), actor=None)  # at an external centre
    train(living)
    challenger = ModelVersion.objects.get(name="integrated", version=2)
    assert challenger.state == "challenger", "a run promotes nobody"
    external = table_of(challenger).of_split("external")
    verdict = verdict_for(challenger)
    assert verdict is not None
    assert "S-39" in external.X.index
    assert verdict.n == len(external.X) - 1
    assert f"1 of {len(external.X)} external patients are unknown to Integrated 1" in verdict.sentence


def test_the_first_champion_stays_a_comparator_beside_the_champion(living: Study) -> None:
    allow(living)
    person = living.people["administrator"]
    promote(challenge(like="habitat"), actor=person, reason="newer")
    third = challenge(like="volume_change")
    verdict = verdict_for(third)
    assert verdict is not None
    assert verdict.first is not None
    first, second = (ModelVersion.objects.get(name="integrated", version=number) for number in (1, 2))
    assert (verdict.auc_champion, verdict.first.auc_champion) == (
        paired(second, third).auc_champion,
        paired(first, third).auc_champion,
    )
    assert "the champion's" in verdict.sentence
    assert "the first champion's" in verdict.sentence
    assert promote(third, actor=person, reason="newer still").verdict["first"]["n"] == verdict.n


def test_a_first_champion_that_can_predict_nobody_any_more_stops_a_silent_promotion(living: Study) -> None:
    allow(living)
    person = living.people["administrator"]
    promote(challenge(like="habitat"), actor=person, reason="newer")
    ModelVersion.objects.filter(name="integrated", version=1).update(sha256="f" * 64)
    third = challenge(like="volume_change")
    sentence = refused(lambda: promote(third, actor=person, reason="newer still"))
    assert "cannot be compared with the first champion, Integrated 1" in sentence
    assert promote(third, actor=person, reason="its file is lost", override=True).kind == "overridden"


def test_each_run_that_opened_the_external_centres_makes_the_next_one_pay(living: Study) -> None:
    verdicts = [verdict_for(challenge()) for _ in range(3)]
    assert [verdict.looks for verdict in verdicts if verdict] == [2, 3, 4]
    assert [verdict.level for verdict in verdicts if verdict] == pytest.approx([0.05 / 6, 0.05 / 12, 0.05 / 20])


# The decision.


def test_a_challenger_that_is_not_inferior_becomes_champion_when_a_person_says_so(living: Study) -> None:
    allow(living)
    challenger, person = challenge(), living.people["administrator"]
    promotion = promote(challenger, actor=person, reason="as good, and newer")
    assert states() == {1: "retired", 2: "champion"}
    assert {version.version for version in versions_in_use(living.cohort)} == {1, 2}
    assert (promotion.kind, promotion.promoted_by, promotion.replaced.version) == ("approved", person, 1)  # type: ignore[union-attr]
    kept = Promotion.objects.get(pk=promotion.pk).verdict
    champion = promotion.replaced
    assert kept["non_inferior"] is True
    assert kept["n"] > 10
    assert kept["sentence"].startswith("On ")
    assert champion is not None
    entries = AuditEntry.objects.filter(object_type="modelversion", reason="as good, and newer").order_by("pk")
    assert [(e.verb, e.changes["state"]) for e in entries] == [
        ("retired", ["champion", "retired"]),
        ("promoted", ["challenger", "champion"]),
    ]


def test_a_challenger_that_does_not_reach_the_rule_stays_challenger_with_the_reason(living: Study) -> None:
    allow(living, slope_low=999.0, slope_high=1000.0)
    challenger, person = challenge(), living.people["administrator"]
    sentence = refused(lambda: promote(challenger, actor=person, reason="I like it"))
    assert "stays challenger" in sentence
    assert "calibration slope" in sentence
    assert states() == {1: "champion", 2: "challenger"}
    assert not Promotion.objects.filter(version=challenger).exists()


def test_an_override_is_written_down_with_the_verdict_that_it_overrode(living: Study) -> None:
    allow(living, slope_low=999.0, slope_high=1000.0)
    challenger = challenge()
    promotion = promote(challenger, actor=living.people["administrator"], reason="the scanner changed", override=True)
    assert (promotion.kind, promotion.verdict["non_inferior"]) == ("overridden", False)
    assert promotion.verdict["reason"] in str(promotion.verdict)
    assert states() == {1: "retired", 2: "champion"}


def test_an_override_that_was_not_needed_is_an_approval(living: Study) -> None:
    allow(living)
    assert promote(challenge(), actor=living.people["administrator"], reason="ok", override=True).kind == "approved"


@pytest.mark.parametrize("override", [False, True])
def test_the_system_promotes_nobody(living: Study, override: bool) -> None:
    allow(living)
    challenger = challenge()
    assert "named person" in refused(lambda: promote(challenger, actor=None, reason="nightly", override=override))
    assert "Say why" in refused(lambda: promote(challenger, actor=living.people["administrator"], reason="  "))
    assert states() == {1: "champion", 2: "challenger"}


def test_promoting_the_champion_again_is_refused(living: Study) -> None:
    champion = ModelVersion.objects.get(name="habitat")
    refused(lambda: promote(champion, actor=living.people["administrator"], reason="again"))
    assert Promotion.objects.filter(name="habitat").count() == 1


def test_a_decision_on_a_champion_that_changed_meanwhile_is_refused(living: Study) -> None:
    allow(living)
    first = ModelVersion.objects.get(name="integrated")
    second, person = challenge(), living.people["administrator"]
    promote(second, actor=person, reason="first decision")
    late = {"replaced": first, "kind": Promotion.Kind.APPROVED, "actor": person, "reason": "second decision"}
    assert "changed meanwhile" in refused(lambda: _change(challenge(like="habitat"), **late))  # type: ignore[arg-type]


def test_a_file_that_was_altered_on_disk_is_neither_compared_nor_promoted(living: Study) -> None:
    allow(living)
    challenger, person = challenge(like="volume_change"), living.people["administrator"]
    file = storage.path_of(challenger.sha256)
    original = file.read_bytes()
    file.write_bytes(original[:-1] + b"x")
    _unseen.cache_clear()  # what was read from the sound file
    try:
        verdict = verdict_for(challenger)
        with pytest.raises(ServiceError) as refusal:
            promote(challenger, actor=person, reason="I like it", override=True)
    finally:
        file.write_bytes(original)
    assert verdict is not None
    assert not verdict.non_inferior
    assert refusal.value.code in {"artefact_corrupt", "model_corrupt"}
    assert states() == {1: "champion", 2: "challenger"}


# The way back.


def test_a_rollback_restores_equal_predictions_to_the_byte(living: Study) -> None:
    allow(living)
    first = ModelVersion.objects.get(name="integrated")
    X = table_of(first).X
    before = np.asarray(model_of(first).predict_proba(X)).tobytes()
    digest, person = first.sha256, living.people["administrator"]
    promote(challenge(), actor=person, reason="newer")
    in_use = champion_of(living.cohort, "integrated")
    assert in_use is not None
    assert np.asarray(model_of(in_use).predict_proba(X)).tobytes() != before
    promotion = rollback(living.cohort, "integrated", first, actor=person, reason="worse at centre B")
    restored = champion_of(living.cohort, "integrated")
    assert restored is not None
    assert (restored.pk, restored.sha256) == (first.pk, digest)
    assert hashlib.sha256(storage.get(restored.sha256)).hexdigest() == digest
    assert np.asarray(model_of(restored).predict_proba(X)).tobytes() == before
    assert (promotion.kind, promotion.reason, states()) == (
        "rollback",
        "worse at centre B",
        {1: "champion", 2: "retired"},
    )


def test_there_is_no_way_back_to_what_never_was_champion(living: Study) -> None:
    challenger, person = challenge(), living.people["administrator"]
    refused(lambda: rollback(living.cohort, "integrated", challenger, actor=person, reason="try"))
    clinical = ModelVersion.objects.get(name="clinical")
    refused(lambda: rollback(living.cohort, "integrated", clinical, actor=person, reason="try"))
    refused(lambda: rollback(living.cohort, "clinical", clinical, actor=person, reason="it is already"))
    assert states() == {1: "champion", 2: "challenger"}


# Who was champion when.


@pytest.fixture
def history(living: Study) -> dict[str, datetime]:
    """Version 1 from 1 January, version 2 from 1 February, version 1 again from 1 March 2026."""
    allow(living)
    first, person = ModelVersion.objects.get(name="integrated"), living.people["administrator"]
    promote(challenge(), actor=person, reason="newer")
    rollback(living.cohort, "integrated", first, actor=person, reason="worse at centre B")
    moments = {f"v{n}": datetime(2026, n, 1, 12, tzinfo=UTC) for n in (1, 2, 3)}
    rows = Promotion.objects.filter(name="integrated").order_by("pk")
    for row, moment in zip(rows, moments.values(), strict=True):
        Promotion.objects.filter(pk=row.pk).update(promoted_at=moment)
    return moments


@pytest.mark.parametrize(
    ("on", "version"),
    [
        (datetime(2025, 12, 31, tzinfo=UTC), None),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), 1),
        (datetime(2026, 2, 1, 11, 59, tzinfo=UTC), 1),
        (datetime(2026, 2, 1, 12, tzinfo=UTC), 2),
        (datetime(2026, 2, 28, tzinfo=UTC), 2),
        (datetime(2026, 3, 2, tzinfo=UTC), 1),
    ],
)
def test_the_champion_of_a_moment_is_the_one_promoted_last_before_it(
    living: Study, history: Any, on: datetime, version: int | None
) -> None:
    found = champion_on(living.cohort, "integrated", on)
    assert (found.version.version if found else None) == version


def test_one_call_says_which_model_who_and_why(living: Study, history: Any, client: Any) -> None:
    client.force_login(living.people["researcher"])
    url = reverse("modeling:champion-api", args=[living.cohort.code])
    answer = client.get(url, {"name": "integrated", "on": "2026-02-10T12:00Z"})
    version = ModelVersion.objects.get(name="integrated", version=2)
    said = answer.json()
    assert answer.status_code == 200
    assert (said["version"], said["run"], said["sha256"]) == (2, 2, version.sha256)
    assert (said["promoted_by"], said["reason"], said["kind"]) == ("study-administrator", "newer", "approved")
    assert said["at"].startswith("2026-02-01T12:00:00")
    assert said["verdict"]["n"] > 10
    assert "Research use only" in said["notice"]
    assert client.get(url).json()["version"] == 1, "now, and the primary model, when nothing is asked"


def test_a_call_for_a_time_without_a_champion_or_for_nonsense_says_so(
    living: Study, history: Any, client: Any
) -> None:
    client.force_login(living.people["researcher"])
    url = reverse("modeling:champion-api", args=[living.cohort.code])
    none = client.get(url, {"on": "2019-01-31"})
    assert (none.status_code, none.json()["error"]) == (404, "no_champion")
    assert none.json()["message"].startswith("No model named integrated was champion of study on 2019-01-31")
    wrong = client.get(url, {"on": "yesterday"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "unreadable_question")
    assert "2026-01-31" in wrong.json()["message"]


@pytest.mark.parametrize(
    ("on", "version"),
    [("2026-02-01", 2), ("2026-01-31", 1), ("2026-02-01T13:30+02:00", 1), ("2026-02-01T11:00-02:00", 2)],
)
def test_a_date_means_its_last_moment_and_a_time_keeps_its_zone(
    living: Study, history: Any, client: Any, settings: Any, on: str, version: int
) -> None:
    settings.TIME_ZONE = "UTC"
    client.force_login(living.people["researcher"])
    url = reverse("modeling:champion-api", args=[living.cohort.code])
    assert client.get(f"{url}?on={on}").json()["version"] == version, "also when the plus sign came unescaped"


def test_one_page_says_the_same_and_lists_every_change(living: Study, history: Any, client: Any) -> None:
    client.force_login(living.people["researcher"])
    url = reverse("modeling:champions", args=[living.cohort.code])
    answer = client.get(url, {"on": "2026-02-10", "name": "integrated"})
    assert [row.version.version for row in answer.context["champions"]] == [2]
    assert [row.kind for row in answer.context["history"]] == ["rollback", "approved", "overridden"]
    shown = answer.content.decode()
    for words in ("Integrated 2", "newer", "study-administrator", "worse at centre B", "esearch use only"):
        assert words in shown
    assert "Go back to" not in shown, "a researcher may not"
    assert "Shown is what is in use now" in client.get(url, {"on": "yesterday"}).content.decode()


def test_an_administrator_goes_back_from_the_page_and_must_say_why(living: Study, history: Any, client: Any) -> None:
    client.force_login(living.people["administrator"])
    page = reverse("modeling:champions", args=[living.cohort.code])
    assert "Go back to Integrated 2" in client.get(page).content.decode()
    second = ModelVersion.objects.get(name="integrated", version=2)
    url = reverse("modeling:rollback", args=[living.cohort.code, second.pk])
    client.post(url, {"reason": ""})
    assert states() == {1: "champion", 2: "retired"}
    client.post(url, {"reason": "the other scanner is back"})
    assert states() == {1: "retired", 2: "champion"}
    assert Promotion.objects.latest("pk").promoted_by == living.people["administrator"]


def test_the_run_page_shows_the_verdict_and_the_button_obeys_it(living: Study, client: Any) -> None:
    allow(living, slope_low=999.0, slope_high=1000.0)
    challenger = challenge()
    client.force_login(living.people["administrator"])
    shown = client.get(challenger.run.get_absolute_url()).content.decode()
    assert "Stays challenger" in shown
    assert "must lie between 999.00 and 1000.00" in shown
    url = reverse("modeling:promote", args=[living.cohort.code, challenger.pk])
    refusal = client.post(url, {"reason": "I like it"}, follow=True).content.decode()
    assert "stays challenger" in refusal
    assert states() == {1: "champion", 2: "challenger"}
    client.post(url, {"reason": "the scanner changed", "override": "on"})
    assert states() == {1: "retired", 2: "champion"}


def test_pages_call_a_candidate_so_and_an_administrator_promotes_it_from_its_run(fresh: Study, client: Any) -> None:
    version = ModelVersion.objects.get(name="integrated")
    client.force_login(fresh.people["administrator"])
    champions = reverse("modeling:champions", args=[fresh.cohort.code])
    before = client.get(champions).content.decode()
    assert "Nobody promoted a model yet." in before
    assert "Candidates, whose estimates are shown as such" in before
    api = client.get(reverse("modeling:champion-api", args=[fresh.cohort.code]))
    assert (api.status_code, api.json()["error"]) == (404, "no_champion")
    for name in ("patient-panel", "patient-estimate"):
        shown = client.get(reverse(f"modeling:{name}", args=[fresh.cohort.code, "S-00"])).content.decode()
        assert '<span class="mark mark-candidate">Candidate</span>' in shown
    run = client.get(version.run.get_absolute_url()).content.decode()
    assert "Stays candidate" in run
    assert "Minima: an AUC whose lower bound is above 0.5" in run
    assert "the rule asks for at least 60" in run
    url = reverse("modeling:promote", args=[fresh.cohort.code, version.pk])
    assert "stays candidate" in client.post(url, {"reason": "ours"}, follow=True).content.decode()
    client.post(url, {"reason": "a trial of the software", "override": "on"})
    assert states() == {1: "champion"}
    after = client.get(champions).content.decode()
    assert "Approved against the rule" in after
    assert "a trial of the software" in after


def test_drift_is_watched_for_a_candidate_too(fresh: Study, client: Any) -> None:
    client.force_login(fresh.people["researcher"])
    shown = client.get(reverse("modeling:drift-panel", args=[fresh.cohort.code]))
    assert shown.context["version"] == ModelVersion.objects.get(name="integrated")


# Cohorts from before.


def test_a_margin_that_was_the_old_default_is_narrowed_and_a_chosen_one_is_kept(fresh: Study) -> None:
    narrow_margin = import_module("modeling.migrations.0007_promotion_rule").narrow_margin
    for given, kept in ((0.05, 0.03), (0.1, 0.1), (0.02, 0.02)):
        RetrainingPolicy.objects.update_or_create(cohort=fresh.cohort, defaults={"margin_auc": given})
        narrow_margin(apps, None)
        assert RetrainingPolicy.objects.get(cohort=fresh.cohort).margin_auc == kept


def test_a_champion_of_before_that_was_made_by_being_the_first_stays_champion_and_comparator(fresh: Study) -> None:
    first = ModelVersion.objects.get(name="integrated")
    ModelVersion.objects.filter(pk=first.pk).update(state="champion")
    Promotion.objects.create(cohort=fresh.cohort, name="integrated", version=first, kind="first")
    assert champion_of(fresh.cohort, "integrated") == first_champion_of(fresh.cohort, "integrated") == first
    verdict = verdict_for(challenge())
    assert verdict is not None
    assert (verdict.alone, verdict.first) == (False, None)


def test_the_migration_writes_what_the_versions_and_the_audit_trail_tell(living: Study) -> None:
    write_promotions = import_module("modeling.migrations.0003_first_promotions").write_promotions
    first, second, person = ModelVersion.objects.get(name="integrated"), challenge(), living.people["administrator"]
    Promotion.objects.all().delete()
    ModelVersion.objects.filter(pk=first.pk).update(state="retired")
    ModelVersion.objects.filter(pk=second.pk).update(state="champion")
    for version, change in ((first, ["champion", "retired"]), (second, ["challenger", "champion"])):
        AuditEntry.objects.create(
            cohort=living.cohort,
            actor=person,
            verb="changed",
            object_type="modelversion",
            object_id=str(version.pk),
            changes={"state": change},
            reason="better calibrated",
        )
    write_promotions(apps, None)
    write_promotions(apps, None)
    rows = list(Promotion.objects.filter(name="integrated").order_by("promoted_at"))
    assert [(row.version, row.kind, row.reason) for row in rows] == [
        (first, "first", "The first of its name."),
        (second, "approved", "better calibrated"),
    ]
    assert rows[0].promoted_at == first.created_at
    assert (rows[1].promoted_by, rows[1].replaced) == (person, first)
    assert Promotion.objects.count() == len(set(ModelVersion.objects.values_list("name", flat=True))) + 1
    assert champion_on(living.cohort, "integrated", timezone.now()).version == second  # type: ignore[union-attr]
    assert champion_on(living.cohort, "integrated", first.created_at - timedelta(seconds=1)) is None


def test_a_verdict_is_stored_as_plain_json(living: Study) -> None:
    allow(living)
    challenger = challenge()
    verdict = verdict_for(challenger)
    assert verdict is not None
    promotion = promote(challenger, actor=living.people["administrator"], reason="ok")
    stored = Promotion.objects.get(pk=promotion.pk).verdict
    assert stored == json.loads(json.dumps(asdict(verdict)))
    assert TrainingRun.objects.count() == 2
