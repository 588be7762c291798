"""Every page of the site, as everybody who may open it: reached by a link, named, quiet, and usable by all."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.contracts.test_sweep import ACTORS, TABLE
from tests.e2e.conftest import Site
from tests.e2e.pages import AXE, Walk, walk_as

pytestmark = [pytest.mark.browser, pytest.mark.processes]

#: The first sees most, so most pages are looked at closely as they look then.
PEOPLE = ("administrator", "researcher", "data_manager", "coordinator", "reader")
#: Where walks begin: the home, a patient of whom everything is there, and what forms lead to.
STARTS = (
    "/",
    "/cohorts/demo/patients/EC-0002/",
    "/cohorts/demo/compare-patients/?a=EC-0001&b=EC-0002",
)
#: Pages to which no link of the demonstration leads, and why.
NOT_LINKED = {
    "health": "asked by a load balancer",
    "cohorts:job-progress": "asked while a job runs; all of them are over",
    "cohorts:readings": "no cohort of the demonstration is read blind",
    "cohorts:agreement-panel": "no cohort of the demonstration is read blind",
    "cohorts:lock": "to roles that cannot lock, a link is shown once the record is locked",
    "cohorts:subsets": "no subset is kept yet",
    "cohorts:unlock": "nothing is locked yet",
    "cohorts:cohort-unlock": "nothing is locked yet",
    "cohorts:table-import": "no table is brought yet",
    "cohorts:table-import-mapping": "no table is brought yet",
    "imaging:stability-table": "stability is not measured yet",
    "imaging:compare-protocols-table": "features are there under one protocol only",
    "imaging:habitat-picture": "stands beside estimates, to which people who enter outcomes are blind",
    "imaging:supervoxels": "fetched when the layer is switched on",
    "imaging:transitions": "fetched when the layer is switched on",
    "imaging:take-back-import": "stands on the jobs of imports; of all jobs, another one is looked at",
    "imaging:upload-list": "asked by the upload",
    "modeling:report": "no report is written yet",
    "modeling:report-download": "no report is written yet",
    "modeling:table-analysis": "no table is brought yet",
    "modeling:table-download": "no table is brought yet",
    "modeling:champion-api": "asked by programs",
}


@pytest.fixture(scope="module")
def walks(chromium: Browser, site: Site) -> dict[str, Walk]:
    """Everybody's walk over the site, each page looked at closely as the first who reaches it."""
    known: set[str] = set()
    return {
        person: walk_as(
            chromium, site.address, person=person, password=site.password(person), starts=STARTS, known=known
        )
        for person in PEOPLE
    }


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: make install")
@pytest.mark.parametrize("person", PEOPLE)
def test_every_page_has_a_title_and_no_error_and_is_usable_by_all(walks: dict[str, Walk], person: str) -> None:
    assert walks[person].complaints == []


@pytest.mark.parametrize("person", PEOPLE)
def test_every_page_that_a_role_may_open_is_reached_by_links(walks: dict[str, Walk], person: str) -> None:
    column = ACTORS.index(person)
    open_to = {name for name, (get, _) in TABLE.items() if get.split()[column] == "ok"}
    assert open_to - set(walks[person].reached) - set(NOT_LINKED) == set()
