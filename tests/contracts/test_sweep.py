"""Every address of the site as everybody: who sees what is written in one table, and nothing is forgotten."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from cohorts.access import PERMISSIONS, Action
from cohorts.models import Job, Role, Subset
from cohorts.services.outcomes import enter_outcome
from cohorts.services.queries import open_query
from cohorts.services.table_import.imports import bring_table
from imaging import storage
from imaging.core.codec import pack_labels, pack_registered
from imaging.core.features import FeatureVector
from imaging.core.registration import STANDARD, Registered, lung_grid_of
from imaging.core.supervoxels import pack_supervoxels, supervoxels
from imaging.models import HabitatMap, HabitatModel, Registration, Segmentation, SupervoxelMap, TransitionMap
from imaging.services.extraction import store_features
from imaging.services.protocols import protocol_named
from imaging.services.resumable import Announced, begin
from modeling.models import ModelVersion, Report, TableAnalysis, TableSnapshot, TrainingRun
from tests.scans import PRE_SCAN_ON, small_scan, store_scan
from tests.trial import READING, Trial

#: Columns of the table. ``elsewhere`` administers the other centre only; ``stranger`` only another cohort.
ACTORS = (
    "coordinator",
    "reader",
    "researcher",
    "data_manager",
    "administrator",
    "elsewhere",
    "stranger",
    "anonymous",
)

# What a cell may say.
STATUSES = {"ok": 200, "moved": 302, "bad": 400, "method": 405, "no": 403, "gone": 404, "unclear": 422}
#: An anonymous visitor is sent to the log-in page.
LOGIN = "login"


def everybody(cell: str) -> str:
    return " ".join([*[cell] * 7, LOGIN])


# Rows that recur. The order is that of ACTORS.
COHORT = "ok ok ok ok ok ok gone login"  # everybody in the cohort
PATIENT = "ok ok ok ok ok gone gone login"  # everybody who sees the patient's centre
PREDICTIONS = "no no ok no ok ok gone login"
REMOVAL = "no no no ok ok gone gone login"  # asked first: an empty form removes nothing
NEVER = everybody("method")
OWN_TABLE = "ok gone gone gone gone gone gone login"
OWN_UPLOAD = OWN_TABLE

#: URL name → what GET and POST answer to each actor; posts carry an empty form.
TABLE: dict[str, tuple[str, str]] = {
    "home": (everybody("moved"), NEVER),
    "login": ("moved moved moved moved moved moved moved ok", "moved moved moved moved moved moved moved ok"),
    "logout": (NEVER, everybody("moved")),
    "health": ("ok ok ok ok ok ok ok ok", "ok ok ok ok ok ok ok ok"),
    "words": (everybody("ok").replace(LOGIN, "ok"), NEVER.replace(LOGIN, "method")),
    "set_language": (NEVER.replace(LOGIN, "method"), everybody("moved").replace(LOGIN, "moved")),
    "welcome": (everybody("moved").replace(LOGIN, "moved"), everybody("moved").replace(LOGIN, "moved")),
    # Nothing is left to wait for; htmx is told to stop asking.
    "welcome-progress": (everybody("286"), NEVER),
    "account": (everybody("ok"), everybody("ok")),
    "account-password": (NEVER, everybody("ok")),
    "theme": (NEVER, everybody("moved")),
    "help": (everybody("ok"), NEVER),
    "cohorts:list": (everybody("ok"), NEVER),
    # Roles belong to a cohort, so nobody may make another; the installation's administrators may.
    "cohorts:create": (everybody("no"), everybody("no")),
    "cohorts:detail": (COHORT, NEVER),
    "cohorts:patients": (COHORT, NEVER),
    "cohorts:history": (COHORT, NEVER),
    "cohorts:completeness": (COHORT, NEVER),
    "cohorts:participants-panel": (COHORT, NEVER),
    "cohorts:baseline-panel": (COHORT, NEVER),
    "cohorts:subsets": (COHORT, NEVER),
    "cohorts:subset": ("moved moved moved moved moved moved gone login", NEVER),
    "cohorts:subset-save": (NEVER, "moved moved moved moved moved moved gone login"),
    # Its owner may forget it, and who manages the cohort.
    "cohorts:subset-delete": (NEVER, "moved no no no moved moved gone login"),
    "cohorts:jobs": (COHORT, NEVER),
    "cohorts:patient": (PATIENT, NEVER),
    "cohorts:patient-history": (PATIENT, NEVER),
    "cohorts:patient-create": ("ok no no ok ok ok gone login", "ok no no ok ok ok gone login"),
    "cohorts:patient-edit": ("ok no no ok ok gone gone login", "ok no no ok ok gone gone login"),
    "cohorts:outcome": ("ok ok no ok ok gone gone login", "ok ok no ok ok gone gone login"),
    "cohorts:patient-derive": (NEVER, "ok no no ok ok gone gone login"),
    "cohorts:patient-merge": (NEVER, "moved no no moved moved gone gone login"),
    "cohorts:field-history": (PATIENT, NEVER),
    "cohorts:outcome-derive": (NEVER, "ok ok no ok ok gone gone login"),
    "cohorts:outcome-draft": (NEVER, "ok ok no ok ok gone gone login"),
    "cohorts:outcome-merge": (NEVER, "moved moved no moved moved gone gone login"),
    "cohorts:table-imports": (COHORT, NEVER),
    "cohorts:table-import-new": ("ok ok no ok ok ok gone login", "ok ok no ok ok ok gone login"),
    # A table belongs to who brought it: here the coordinator.
    "cohorts:table-import": (OWN_TABLE, NEVER),
    "cohorts:table-import-mapping": (OWN_TABLE, OWN_TABLE),
    "cohorts:table-import-write": (NEVER, OWN_TABLE.replace("ok", "moved")),
    "cohorts:table-import-discard": (NEVER, OWN_TABLE.replace("ok", "moved")),
    "cohorts:records-export": ("ok no ok ok ok ok gone login", NEVER),
    "cohorts:day": (everybody("ok"), NEVER),
    "cohorts:notifications": (everybody("ok"), NEVER),
    "cohorts:notification-read": (NEVER, everybody("moved")),
    # Nobody reads blind in a cohort without double reading.
    "cohorts:readings": ("no no no no no no gone login", NEVER),
    "cohorts:reading": ("no no no no no gone gone login", "no no no no no gone gone login"),
    "cohorts:agreement-panel": (COHORT, NEVER),
    "cohorts:queries": (COHORT, NEVER),
    "cohorts:query-open": ("no no no ok ok gone gone login", "no no no ok ok gone gone login"),
    "cohorts:query-answer": (NEVER, "moved no no moved moved gone gone login"),
    "cohorts:query-close": (NEVER, "no no no moved moved gone gone login"),
    "cohorts:query-reopen": (NEVER, "no no no moved moved gone gone login"),
    "cohorts:lock": (PATIENT, "no no no ok ok gone gone login"),
    "cohorts:unlock": ("no no no ok ok gone gone login", "no no no moved moved gone gone login"),
    # What concerns every centre is not for who answers for one of them.
    "cohorts:cohort-lock": ("no no no ok ok no gone login", "no no no ok ok no gone login"),
    "cohorts:cohort-unlock": ("no no no ok ok no gone login", "no no no moved moved no gone login"),
    "cohorts:cohort-settings": ("no no no no ok no gone login", "no no no no ok no gone login"),
    "cohorts:member-add": (NEVER, "no no no no ok no gone login"),
    "cohorts:member-change": (NEVER, "no no no no moved no gone login"),
    "cohorts:job": (PATIENT, NEVER),
    "cohorts:job-progress": (PATIENT, NEVER),
    "cohorts:job-cancel": (NEVER, "no no moved moved moved gone gone login"),
    "cohorts:job-retry": (NEVER, "no no moved moved moved gone gone login"),
    "imaging:import": ("ok no ok ok ok ok gone login", "ok no ok ok ok ok gone login"),
    "imaging:upload-list": ("ok no ok ok ok ok gone login", NEVER),
    # Posts are empty: a list of files that cannot be read.
    "imaging:upload-create": (NEVER, "bad no bad bad bad bad gone login"),
    "imaging:upload-chunk": (NEVER, NEVER),
    "imaging:upload-finish": (NEVER, OWN_UPLOAD.replace("ok", "unclear")),
    "imaging:upload-discard": (NEVER, OWN_UPLOAD.replace("ok", "moved")),
    "imaging:extract": (NEVER, "no no moved moved moved moved gone login"),
    "imaging:stability": (COHORT, NEVER),
    "imaging:stability-measure": (NEVER, "no no moved moved moved moved gone login"),
    "imaging:stability-table": ("no no ok ok ok ok gone login", NEVER),
    "imaging:features": (COHORT, NEVER),
    "imaging:features-table": ("no no ok ok ok ok gone login", NEVER),
    # The other centre sees no patient, but which features a cohort has is no secret within it.
    "imaging:feature": (COHORT, NEVER),
    "imaging:feature-table": ("no no ok ok ok ok gone login", NEVER),
    "imaging:feature-map": (COHORT, NEVER),
    "imaging:feature-map-panel": (COHORT, NEVER),
    "imaging:feature-map-table": ("no no ok ok ok ok gone login", NEVER),
    "imaging:compare-protocols": (COHORT, NEVER),
    "imaging:compare-protocols-table": ("no no ok ok ok ok gone login", NEVER),
    "imaging:cohort-panel": (COHORT, NEVER),
    "imaging:patient-panel": (PATIENT, NEVER),
    "imaging:not-evaluable": (NEVER, "moved no no moved moved gone gone login"),
    "imaging:contours": (PATIENT, NEVER),
    "imaging:contour": ("ok no ok ok ok gone gone login", NEVER),
    "imaging:contour-scan": ("ok no ok ok ok gone gone login", NEVER),
    "imaging:contour-slices": ("ok no ok ok ok gone gone login", NEVER),
    "imaging:contour-mask": ("ok no ok ok ok gone gone login", NEVER),
    # An empty form is answered with what it lacks.
    "imaging:contour-start": (NEVER, "bad no bad bad bad gone gone login"),
    "imaging:contour-fill": (NEVER, "bad no bad bad bad gone gone login"),
    "imaging:contour-smooth": (NEVER, "bad no bad bad bad gone gone login"),
    "imaging:contour-compare": (NEVER, "bad no bad bad bad gone gone login"),
    "imaging:contour-save": (NEVER, "bad no bad bad bad gone gone login"),
    "imaging:contour-current": (NEVER, "moved no moved moved moved gone gone login"),
    "imaging:take-back-scan": (REMOVAL, REMOVAL),
    "imaging:take-back-mask": (REMOVAL, REMOVAL),
    "imaging:take-back-import": (REMOVAL, REMOVAL),
    "imaging:volume": (PATIENT, NEVER),
    "imaging:mask": (PATIENT, NEVER),
    "imaging:habitats": (PATIENT, NEVER),
    "imaging:habitat-picture": (PATIENT, NEVER),
    "imaging:supervoxels": (PATIENT, NEVER),
    "imaging:transitions": (PATIENT, NEVER),
    "imaging:registration-field": (PATIENT, NEVER),
    "imaging:compare-patients": (COHORT, NEVER),
    "imaging:percentile-panel": (PATIENT, NEVER),
    "modeling:withdraw": (REMOVAL, REMOVAL),
    "modeling:models": (PREDICTIONS, NEVER),
    "modeling:run": (PREDICTIONS, NEVER),
    "modeling:retrain": (NEVER, "no no moved no moved moved gone login"),
    "modeling:schedule": (NEVER, "no no moved no moved moved gone login"),
    "modeling:predict": (NEVER, "no no moved no moved moved gone login"),
    "modeling:promote": (NEVER, "no no no no moved moved gone login"),
    "modeling:open-external": (NEVER, "no no moved no moved moved gone login"),
    "modeling:compare": (PREDICTIONS, NEVER),
    "modeling:recipes": (PREDICTIONS, NEVER),
    "modeling:recipe": (PREDICTIONS, NEVER),
    "modeling:recipe-edit": ("no no ok no ok ok gone login", "no no ok no ok ok gone login"),
    "modeling:champions": (PREDICTIONS, NEVER),
    # Nobody promoted anything in this trial, so who may ask is told that there is none.
    "modeling:champion-api": ("no no gone no gone gone gone login", NEVER),
    "modeling:rollback": (NEVER, "no no no no moved moved gone login"),
    "modeling:prospective-panel": (PREDICTIONS, NEVER),
    "modeling:drift-panel": (PREDICTIONS, NEVER),
    "modeling:report-write": (NEVER, "no no moved moved moved moved gone login"),
    "modeling:report": (PREDICTIONS, NEVER),
    "modeling:report-download": (PREDICTIONS, NEVER),
    "modeling:tables": (PREDICTIONS, NEVER),
    "modeling:table-upload": (NEVER, "no no moved no moved moved gone login"),
    "modeling:table-analysis": (PREDICTIONS, NEVER),
    "modeling:table-start": (NEVER, "no no ok no ok ok gone login"),
    "modeling:table-download": (PREDICTIONS, NEVER),
    "modeling:export": ("no no ok ok ok ok gone login", NEVER),
    "modeling:cohort-panel": (COHORT, NEVER),
    "modeling:patient-panel": (PATIENT, NEVER),
    "modeling:patient-estimate": ("no no ok no ok gone gone login", NEVER),
    "modeling:outcome-use": ("ok ok no ok ok gone gone login", NEVER),
}

#: Addresses whose number is that of a model version.
OF_VERSION = {"modeling:promote", "modeling:rollback"}


def url_names(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from url_names(pattern, f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix)
        else:
            yield f"{prefix}{pattern.name or pattern.pattern}", pattern


NAMES = dict(url_names())

#: What came of a table, with one model that was not tested.
REPORT = {
    "n": 1,
    "models": [{"name": "all", "classifier": "logistic", "selected": [], "evaluations": []}],
    "choices": {"outcome": "y"},
}


@dataclass(frozen=True)
class Site:
    """A trial in which every address leads somewhere."""

    trial: Trial
    arguments: dict[str, Any]

    def url(self, name: str) -> str:
        wanted = NAMES[name].pattern.converters
        of_version = {"pk": self.arguments["version"]} if name in OF_VERSION else {}
        of_map = {"pk": self.arguments["map"]} if name in {"imaging:habitats", "imaging:habitat-picture"} else {}
        if name in {"imaging:supervoxels", "imaging:transitions", "imaging:registration-field"}:
            of_map = {"pk": self.arguments[name]}
        for word in ("table-import", "upload"):
            of_map |= {"reference": self.arguments[word]} if name.partition(":")[2].startswith(word) else {}
        of_map |= {"pk": self.arguments["report"]} if name in {"modeling:report", "modeling:report-download"} else {}
        of_map |= {"pk": self.arguments["query"]} if name.startswith("cohorts:query-") else {}
        of_map |= {"pk": self.arguments["member"]} if name == "cohorts:member-change" else {}
        return reverse(name, kwargs={key: (self.arguments | of_version | of_map)[key] for key in wanted})


@pytest.fixture
def site(trial: Trial) -> Site:
    segmentation = store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    habitat_map = _habitats(segmentation)
    version = _model(habitat_map.habitat_model)
    TableAnalysis.objects.create(
        cohort=trial.cohort, number=version.run.number, title="Table 1", sha256="4" * 64, columns=[], result=REPORT
    )
    job = Job.objects.create(
        kind=Job.Kind.EXTRACTION, cohort=trial.cohort, centre=trial.here, patient=trial.patient, total=3, done=1
    )
    arguments = {
        "cohort_code": trial.cohort.code,
        "patient_code": trial.patient.code,
        "kind": "pre",
        "pk": segmentation.pk,
        "series_pk": segmentation.series_id,
        "map": habitat_map.pk,
        "version": version.pk,
        "number": version.run.number,
        "report": _report(version.run).pk,
        "query": open_query(trial.patient, field="ypt", text="Sure?", actor=trial.people["data_manager"]).pk,
        "member": trial.cohort.memberships.get(user=trial.people["researcher"]).pk,
        "reference": job.reference,
        **_followed(segmentation, store_scan(trial.patient, "post", small_scan(1)), habitat_map),
        "table-import": _table(trial),
        "upload": _upload(trial),
        "slug": _subset(trial).slug,
        "name": "quick",
        "feature_name": _feature(segmentation),
        "field": "viable_percent",
    }
    return Site(trial, arguments)


def _subset(trial: Trial) -> Subset:
    mine = {"owner": trial.coordinator, "is_shared": True}
    return Subset.objects.create(cohort=trial.cohort, slug="old", name="Old", filters={"age_min": "70"}, **mine)


def _table(trial: Trial) -> uuid.UUID:
    """Give a table that the coordinator brought."""
    content = b"patient,age_years\nP-1,62\n"
    return bring_table(trial.cohort, content=content, user=trial.coordinator).reference


def _upload(trial: Trial) -> uuid.UUID:
    """Give an upload that the coordinator began."""
    return begin(trial.cohort, files=[Announced("scan.zip", 10, 0)], user=trial.coordinator).reference


def _feature(segmentation: Segmentation) -> str:
    """Give a feature of the stored scan."""
    features = FeatureVector(("original_glcm_Contrast",), np.array([2.0]))
    store_features(segmentation, features, region="whole_tumour", protocol=protocol_named("standard"))
    return features.names[0]


def _followed(pre: Segmentation, post: Segmentation, habitat_map: HabitatMap) -> dict[str, int]:
    """Give the address's name → number of supervoxels, a registration, and transitions along it."""
    mask, protocol = small_scan().mask, protocol_named("standard")
    parts = supervoxels(small_scan().volume, mask, protocol.spec.habitats)
    found = SupervoxelMap.objects.create(
        segmentation=pre, protocol=protocol, n_supervoxels=parts.n, sha256=storage.put(pack_supervoxels(parts))
    )
    lung = np.zeros((2, *lung_grid_of(mask.grid).shape_zyx), dtype=bool)
    field = Registered(np.zeros((*mask.grid.shape_zyx, 3), dtype=np.float32), mask.grid, lung)
    registration = Registration.objects.create(
        pre=pre, post=post, digest=STANDARD.digest, accepted=True, sha256=storage.put(pack_registered(field))
    )
    transitions = TransitionMap.objects.create(
        registration=registration,
        habitat_model=habitat_map.habitat_model,
        counts=np.eye(4, dtype=int).tolist(),
        sha256=storage.put(pack_labels(mask.array.astype(np.uint8), mask.grid)),
    )
    return {
        "imaging:supervoxels": found.pk,
        "imaging:transitions": transitions.pk,
        "imaging:registration-field": registration.pk,
    }


def _habitats(segmentation: Segmentation) -> HabitatMap:
    protocol = protocol_named("standard")
    model = HabitatModel.objects.create(
        cohort=segmentation.timepoint.patient.cohort,
        protocol=protocol,
        version=1,
        n_habitats=2,
        digest="0" * 64,
        codebook={"k": 2, "centroid_mean_hu": [-10.0, 40.0], "report": {"by_k": [], "why": "Two were planted."}},
    )
    mask = small_scan().mask
    labels = mask.array.astype(np.uint8)
    labels[:5] *= 2
    return HabitatMap.objects.create(
        segmentation=segmentation,
        habitat_model=model,
        fractions=[0.5, 0.5],
        volumes_mm3=[100.0, 100.0],
        interaction=[[0, 4, 4], [4, 20, 6], [4, 6, 20]],
        sha256=storage.put(pack_labels(labels, mask.grid)),
    )


def _model(habitat_model: HabitatModel) -> ModelVersion:
    cohort = habitat_model.cohort
    snapshot = TableSnapshot.objects.create(
        cohort=cohort,
        habitat_model=habitat_model,
        sha256="1" * 64,
        n_patients=1,
        n_columns=1,
        mpr_threshold_percent=10,
    )
    run = TrainingRun.objects.create(
        cohort=cohort, number=1, recipe_name="standard", recipe={}, recipe_digest="2" * 64, snapshot=snapshot
    )
    return ModelVersion.objects.create(
        cohort=cohort, run=run, name="integrated", version=1, sha256="3" * 64, threshold=0.5, threshold_sensitive=0.3
    )


def _report(run: TrainingRun) -> Report:
    page, pdf = storage.put(b"<!--report--><p>A report.</p><!--/report-->"), storage.put(b"%PDF-1.7")
    return Report.objects.create(cohort=run.cohort, run=run, kind="study", html_sha256=page, pdf_sha256=pdf)


def test_the_table_names_every_address_of_the_site_and_no_other() -> None:
    assert set(NAMES) == set(TABLE), "add the new address to the table, with what each role may do there"


@pytest.mark.parametrize("name", TABLE)
def test_everybody_gets_what_the_table_says(site: Site, name: str) -> None:
    for method, row in zip(("get", "post"), TABLE[name], strict=True):
        cells = row.split()
        assert len(cells) == len(ACTORS), "one cell for each actor"
        answers = {actor: _answer(site, name, method, actor) for actor in ACTORS}
        assert answers == dict(zip(ACTORS, cells, strict=True)), method


def _answer(site: Site, name: str, method: str, actor: str) -> str:
    client = Client() if actor == "anonymous" else site.trial.client(actor)
    with transaction.atomic():  # what one actor does is undone before the next
        response = getattr(client, method)(site.url(name))
        transaction.set_rollback(True)
    if response.status_code == 302 and response["Location"].startswith(reverse("login")):
        return LOGIN if actor == "anonymous" else "moved"
    return {code: word for word, code in STATUSES.items()}.get(response.status_code, str(response.status_code))


def test_an_address_of_a_cohort_that_does_not_exist_looks_like_one_that_is_hidden(trial: Trial) -> None:
    stranger = trial.client("stranger")
    hidden = stranger.get(reverse("cohorts:detail", args=[trial.cohort.code]))
    absent = stranger.get(reverse("cohorts:detail", args=["no-such-cohort"]))
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert _without_token(hidden.content) == _without_token(absent.content)


def _without_token(page: bytes) -> str:
    """Give a page without what is random on each answer."""
    return re.sub(r'csrf[^>]*value="[^"]+"|X-CSRFToken[^}]*', "", page.decode())


def test_a_patient_of_another_centre_looks_like_one_that_does_not_exist(trial: Trial) -> None:
    elsewhere = trial.client("elsewhere")
    hidden = elsewhere.get(reverse("cohorts:patient", args=[trial.cohort.code, trial.patient.code]))
    absent = elsewhere.get(reverse("cohorts:patient", args=[trial.cohort.code, "P-999"]))
    own = elsewhere.get(reverse("cohorts:patient", args=[trial.cohort.code, trial.other_patient.code]))
    assert (hidden.status_code, absent.status_code, own.status_code) == (404, 404, 200)
    assert _without_token(hidden.content) == _without_token(absent.content)


def test_lists_charts_and_history_of_a_cohort_leave_out_patients_of_other_centres(site: Site) -> None:
    elsewhere = site.trial.client("elsewhere")
    for name in ("detail", "patients", "history", "jobs"):
        page = elsewhere.get(reverse(f"cohorts:{name}", args=[site.trial.cohort.code])).content.decode()
        assert "P-1" not in page, name
    panel = elsewhere.get(reverse("imaging:cohort-panel", args=[site.trial.cohort.code])).content.decode()
    assert "P-1" not in panel
    assert "P-2" in elsewhere.get(reverse("cohorts:patients", args=[site.trial.cohort.code])).content.decode()


def test_a_role_that_enters_outcomes_by_hand_is_blind_to_predictions() -> None:
    for role in (Role.COORDINATOR, Role.READER, Role.DATA_MANAGER):
        assert Action.ENTER_OUTCOME in PERMISSIONS[role]
        assert Action.VIEW_PREDICTIONS not in PERMISSIONS[role]


def test_every_role_has_permissions_and_only_the_administrator_has_all_but_blind_reading() -> None:
    assert set(PERMISSIONS) == set(Role)
    everything = frozenset(Action) - {Action.READ_BLINDED}
    assert {role for role, actions in PERMISSIONS.items() if actions == everything} == {Role.ADMINISTRATOR}
