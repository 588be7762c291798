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
from modeling.services import training
from modeling.services.training import enqueue_training
from tests.conftest import settings_of
from tests.queue import Queue
from tests.study import Study, build_study

#: The shortest recipe that is still all of a recipe.
SMALL = replace(QUICK, name="small", cv_folds=2, fusion_folds=2, lasso_folds=2, mrmr_features=4, c_grid=(0.1, 1.0))


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


def train(study: Study, *, user: Any = None) -> Job:
    """Train in this process, and give the job when it is over."""
    job = enqueue_training(study.cohort, recipe_name=SMALL.name, user=user)
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
