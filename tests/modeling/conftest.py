"""One trained study for all tests of a module that read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from cohorts import jobs
from cohorts.models import Job
from imaging.services import habitats
from modeling.core.recipes import BUILT_IN, QUICK
from modeling.models import ModelVersion, TestOpening, TrainingRun
from modeling.services import training
from modeling.services.promotion import promote
from modeling.services.training import enqueue_training
from tests.conftest import settings_of
from tests.queue import Queue
from tests.study import Study, build_study

#: The shortest recipe that is still all of a recipe.
SMALL = replace(
    QUICK,
    name="small",
    classifiers=("logistic",),
    cv_folds=2,
    inner_folds=2,
    lasso_folds=2,
    mrmr_features=4,
    c_grid=(0.1, 1.0),
    bootstraps=20,
    selection_bootstraps=40,
)


@dataclass(frozen=True)
class Trained:
    """A study after its first training run and its predictions; the rows are committed."""

    study: Study
    job: Job
    folder: Path


def quick_training(patch: pytest.MonkeyPatch) -> None:
    """Make training quick: a short recipe, and few refits of the codebook."""
    patch.setitem(BUILT_IN, SMALL.name, SMALL)
    patch.setattr(habitats, "fit_codebook", partial(habitats.fit_codebook, k_range=(2, 3), stability_resamples=3))


def train(study: Study, *, user: Any = None, open_external: bool = True) -> Job:
    """Train in this process, and give the job when it is over."""
    job = enqueue_training(study.cohort, recipe_name=SMALL.name, user=user, open_external=open_external)
    jobs.execute(job.pk, training.run)
    job.refresh_from_db()
    return job


@pytest.fixture(scope="module")
def trained(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    """The study, trained once; tests that change it are rolled back."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch, override_settings(**settings_of(folder)):
        quick_training(patch)
        with django_db_blocker.unblock(), Queue.instead_of_broker(patch) as queue:
            study = build_study()
            queue.messages.clear()
            job = train(study, user=study.people["researcher"])
            queue.work()
    yield Trained(study, job, folder)
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)


def crown(study: Study) -> None:
    """Let the administrator put the first version of each name in use; so small a study meets no minima."""
    person = study.people["administrator"]
    for version in ModelVersion.objects.filter(cohort=study.cohort, state="candidate").order_by("pk"):
        promote(version, actor=person, reason="for the tests", override=True)


@pytest.fixture
def living(fresh: Study) -> Study:
    """The trained study with its own files and champions, so that a test can let it live on."""
    crown(fresh)
    return fresh


@pytest.fixture
def fresh(trained: Trained, data_folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The trained study with its own files, before anybody promoted a version."""
    for name, value in settings_of(trained.folder).items():
        setattr(settings, name, value)
    quick_training(monkeypatch)
    return trained.study


def challenge(name: str = "integrated", *, like: str = "clinical") -> ModelVersion:
    """Register a challenger without training: the file of another model, as a run of its own on the same snapshot."""
    champion = ModelVersion.objects.select_related("run__snapshot", "cohort").get(name=name, state="champion")
    other = ModelVersion.objects.get(name=like, version=1)
    last = TrainingRun.objects.filter(cohort=champion.cohort).latest("number")
    run = TrainingRun.objects.create(
        cohort=champion.cohort,
        number=last.number + 1,
        recipe_name=last.recipe_name,
        recipe=last.recipe,
        recipe_digest=last.recipe_digest,
        snapshot=last.snapshot,
    )
    version = ModelVersion.objects.create(
        cohort=champion.cohort,
        run=run,
        name=name,
        version=ModelVersion.objects.filter(name=name).latest("version").version + 1,
        sha256=other.sha256,
        threshold=other.threshold,
        threshold_sensitive=other.threshold_sensitive,
        selected=other.selected,
    )
    version.fitted_on.set(other.fitted_on.all())
    for evaluation in other.evaluations.all():
        evaluation.pk, evaluation.model_version = None, version
        evaluation.save()
    for centre in sorted(set(TestOpening.objects.filter(cohort=champion.cohort).values_list("centre", flat=True))):
        number = TestOpening.objects.filter(cohort=champion.cohort, centre=centre).count() + 1
        TestOpening.objects.create(cohort=champion.cohort, run=run, centre=centre, number=number, n_patients=8)
    return version
