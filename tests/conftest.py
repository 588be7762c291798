"""What every test may use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.queue import Queue
from tests.trial import Trial, build_trial

TESTS = Path(__file__).resolve().parent
SHARED = TESTS.parents[1] / "shared"
#: Folders whose tests work on records; each of their tests gets a data folder and a queue of its own.
SHELL = {"cohorts", "imaging", "modeling", "contracts"}
#: Stored under this key, test data are the same in each run.
DEIDENTIFICATION_KEY = b"a key of tests, known to everybody"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real test data beside the repository; its licences forbid to ship it, so tests skip without it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("real test data is absent: expected the folder ../shared/data beside the repository")
    return folder


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """Golden vectors beside the repository."""
    folder = SHARED / "reference"
    if not folder.is_dir():
        pytest.skip("golden vectors are absent: expected the folder ../shared/reference beside the repository")
    return folder


@pytest.fixture(autouse=True)
def isolated_shell(request: pytest.FixtureRequest) -> None:
    """Give tests of the shell their own files and broker, whatever they forget to ask for."""
    if request.path.relative_to(TESTS).parts[0] in SHELL:
        request.getfixturevalue("data_folder")
        request.getfixturevalue("queue")


def settings_of(folder: Path) -> dict[str, Any]:
    """Give every setting that names a place on disk, all of them within one folder."""
    (folder / "static").mkdir(exist_ok=True)
    return {
        "DATA_DIR": folder,
        "ARTEFACT_DIR": folder / "artefacts",
        "UPLOAD_DIR": folder / "uploads",
        "FILE_UPLOAD_TEMP_DIR": str(folder),
        "STATIC_ROOT": folder / "static",
        "DEIDENTIFICATION_KEY": DEIDENTIFICATION_KEY,
        # Pages name static files that only `collectstatic` hashes.
        "STORAGES": {
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
    }


@pytest.fixture
def data_folder(settings: Any, tmp_path: Path) -> Path:
    """An empty data folder, in the settings' place."""
    folder = tmp_path / "data-folder"
    folder.mkdir()
    for name, value in settings_of(folder).items():
        setattr(settings, name, value)
    return folder


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """Messages that would have gone to the broker."""
    with Queue.instead_of_broker(monkeypatch) as waiting:
        yield waiting


@pytest.fixture
def trial(db: None) -> Trial:
    """A cohort with two centres, a patient at each, and a member of every role."""
    return build_trial()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in the last lines that browser tests did not run, and why."""
    if shutil.which("chromium") is None and shutil.which("google-chrome") is None:
        terminalreporter.write_line("Browser tests were skipped: no Chromium on PATH (apt-get install chromium).")
