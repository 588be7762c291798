"""Habitats of a run: the table that shows their choice, mixtures, and scans without any."""

from __future__ import annotations

from typing import Any

import pytest
from django.template.loader import render_to_string

from cohorts.models import Timepoint
from cohorts.services.patients import mark_not_evaluable
from imaging.core.spec import STANDARD
from imaging.services import habitats
from imaging.services.protocols import protocol_named
from modeling.services.snapshots import gather
from tests.study import Study, build_study

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(data_folder: Any, queue: Any) -> Study:
    return build_study(n=4)


def digests_of(study: Study) -> list[str]:
    cases = gather(study.cohort, protocol_named(STANDARD.name)).cases
    return [case.supervoxels[kind] for case in cases for kind in sorted(case.supervoxels)]


@pytest.mark.parametrize("algorithm", ["kmeans", "gmm"])
def test_the_page_shows_every_index_of_every_number_that_was_tried(
    study: Study, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = habitats.fit_codebook
    monkeypatch.setattr(
        habitats, "fit_codebook", lambda scans, **given: fit(scans, **given, k_range=(2, 3), stability_resamples=1)
    )
    codebook = habitats.fit(digests_of(study), seed=1, algorithm=algorithm, on_progress=lambda done, total: None)
    page = render_to_string("modeling/_codebook.html", {"habitat_model": None, "codebook": codebook.as_dict()})
    row = codebook.report["by_k"][str(codebook.k)]
    for name, digits in (("calinski_harabasz", 0), ("silhouette", 2), ("davies_bouldin", 2), ("inertia", 0)):
        assert f'<td class="num">{row[name]:.{digits}f}</td>'.replace("-", "\N{MINUS SIGN}") in page
    assert ("BIC" in page) == (algorithm == "gmm") == (codebook.algorithm == "gmm")
    assert page.count("(chosen)") == 1
    assert codebook.report["why"] in page


def test_a_patient_without_an_evaluable_scan_is_left_out_for_that_reason(study: Study) -> None:
    marked, bare = study.patient("S-00"), study.patient("S-01")
    mark_not_evaluable(marked.timepoints.get(kind="post"), note="complete remission", actor=None)
    bare.timepoints.get(kind=Timepoint.Kind.POST).delete()
    reasons = {one["patient"]: one["reason"] for one in gather(study.cohort, protocol_named(STANDARD.name)).excluded}
    assert reasons["S-00"] == "The post-treatment CT is marked as not evaluable."
    assert reasons["S-01"] == "There is no post-treatment CT with a tumour mask."
