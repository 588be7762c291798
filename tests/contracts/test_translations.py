"""Every text is translated, what is compiled is what was translated, and pages speak the language that was asked for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.urls import reverse

from tests.trial import Trial

ROOT = Path(__file__).resolve().parents[2]
APPS = ("cohorts", "imaging", "modeling")
CATALOGUES = sorted(file for app in APPS for file in (ROOT / app / "locale").rglob("*.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*(?:[:!][^}]*)?\}")


def _name(file: Path) -> str:
    return f"{file.relative_to(ROOT).parts[0]}-{file.stem}"


def test_there_is_a_chinese_catalogue_of_each_app() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in CATALOGUES} == set(APPS)


@pytest.mark.parametrize("file", CATALOGUES, ids=_name)
def test_every_text_is_translated_and_keeps_its_placeholders(file: Path) -> None:
    for entry in polib.pofile(str(file)):
        assert entry.translated(), entry.msgid
        known = set(PLACEHOLDER.findall(entry.msgid + entry.msgid_plural))
        for text in [entry.msgstr, *entry.msgstr_plural.values()]:
            assert set(PLACEHOLDER.findall(text)) <= known, entry.msgid
        if not entry.msgid_plural:
            assert set(PLACEHOLDER.findall(entry.msgstr)) == known, entry.msgid


@pytest.mark.parametrize("file", CATALOGUES, ids=_name)
def test_what_is_compiled_is_what_was_translated(file: Path) -> None:
    def texts(catalogue: polib.POFile | polib.MOFile) -> dict[tuple[str, str], object]:
        return {(e.msgctxt or "", e.msgid): e.msgstr_plural or e.msgstr for e in catalogue}

    assert texts(polib.mofile(str(file.with_suffix(".mo")))) == texts(polib.pofile(str(file)))


def _texts_of(file: Path) -> set[str]:
    return {entry.msgid for entry in polib.pofile(str(file)) if not entry.obsolete} if file.exists() else set()


@pytest.mark.parametrize("app", APPS)
def test_no_text_of_the_source_is_missing_in_the_catalogues(app: str, tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        pytest.skip("xgettext is not installed: apt-get install gettext")
    shutil.copytree(ROOT / app, tmp_path / app, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    for domain in ("django", "djangojs"):
        command = [sys.executable, str(ROOT / "manage.py"), "makemessages", "-l", "zh_Hans", "-d", domain]
        subprocess.run([*command, "--no-location", "--no-wrap", "-v0"], cwd=tmp_path / app, check=True)
        found = tmp_path / app / "locale" / "zh_Hans" / "LC_MESSAGES" / f"{domain}.po"
        shipped = ROOT / app / "locale" / "zh_Hans" / "LC_MESSAGES" / f"{domain}.po"
        assert _texts_of(found) - _texts_of(shipped) == set(), "run `make messages` and translate"


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "word"), [("zh-hans", "患者"), ("en", "Patients")])
def test_a_page_speaks_the_language_that_a_person_chose(trial: Trial, language: str, word: str) -> None:
    trial.coordinator.language = language
    trial.coordinator.save()
    page = trial.client().get(reverse("cohorts:patients", args=[trial.cohort.code])).content.decode()
    assert f'lang="{language}"' in page.lower()
    assert word in page
