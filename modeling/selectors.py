"""Reading runs, models and predictions."""

from __future__ import annotations

from django.db.models import QuerySet

from cohorts.models import Cohort, Patient
from modeling.models import Evaluation, ModelVersion, Prediction, TrainingRun

#: The model that a patient's page shows first.
PRIMARY_MODEL = "integrated"


def latest_run(cohort: Cohort) -> TrainingRun | None:
    """Give the run made last."""
    return runs_for_list(cohort).first()


def runs_for_list(cohort: Cohort) -> QuerySet[TrainingRun]:
    """Give the runs of a cohort, newest first, with their models and evaluations."""
    runs = TrainingRun.objects.filter(cohort=cohort).select_related("cohort", "snapshot__habitat_model", "started_by")
    return runs.prefetch_related("model_versions__evaluations").order_by("-number")


def versions_in_use(cohort: Cohort) -> list[ModelVersion]:
    """Give the champion of each name."""
    champions = ModelVersion.objects.filter(cohort=cohort, state=ModelVersion.State.CHAMPION)
    return list(champions.select_related("run__snapshot__habitat_model__protocol").order_by("pk"))


def champion_run(cohort: Cohort) -> TrainingRun | None:
    """Give the run of the primary champion: its habitats are the ones that pages show."""
    champion = ModelVersion.objects.filter(cohort=cohort, state=ModelVersion.State.CHAMPION, name=PRIMARY_MODEL)
    found = champion.select_related("run__snapshot__habitat_model").first()
    return found.run if found else latest_run(cohort)


def pooled(version: ModelVersion, split: str) -> Evaluation | None:
    """Give a version's evaluation on all centres of a split together."""
    return next((e for e in version.evaluations.all() if e.split == split and not e.centre), None)


def predictions_of(patient: Patient) -> list[Prediction]:
    """Give everything that models said of a patient, newest first."""
    rows = Prediction.objects.filter(patient=patient).select_related("model_version__run")
    return list(rows.order_by("-created_at", "-pk"))


def current_predictions(predictions: list[Prediction]) -> list[Prediction]:
    """Give the newest prediction of each champion, the primary model first."""
    newest: dict[int, Prediction] = {}
    for prediction in predictions:
        if prediction.model_version.state == ModelVersion.State.CHAMPION:
            newest.setdefault(prediction.model_version_id, prediction)
    return sorted(newest.values(), key=lambda p: (p.model_version.name != PRIMARY_MODEL, p.model_version.name))
