"""The house rules that a machine can check: imports, migrations, errors and settings in words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from cohorts.errors import REMEDIES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def codes_raised() -> dict[str, str]:
    """Give every error code that the product can raise → where it stands."""
    found: dict[str, str] = {}
    for app in ("cohorts", "imaging", "modeling", "config"):
        for file in sorted((ROOT / app).rglob("*.py")):
            if "migrations" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef):
                    found |= dict.fromkeys(_class_code(node), f"{file.name}:{node.name}")
                elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ServiceError":
                    found |= dict.fromkeys(_literals(node.args[0]), f"{file.name}:{node.lineno}")
    # Roots of the three trees are never raised themselves.
    return {code: place for code, place in found.items() if code not in {"imaging", "modeling", "cohort"}}


def _literals(node: ast.expr) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _class_code(node: ast.ClassDef) -> list[str]:
    return [
        code
        for statement in node.body
        if isinstance(statement, ast.Assign) and [getattr(t, "id", "") for t in statement.targets] == ["code"]
        for code in _literals(statement.value)
    ]


def headings(page: str) -> list[str]:
    return re.findall(r"^#+ `([a-z_]+)`$", (DOCS / page).read_text(), flags=re.MULTILINE)


def test_imports_point_downwards_and_cores_are_pure() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
    assert re.search(r"Contracts: \d+ kept, 0 broken", result.stdout)


@pytest.mark.django_db
def test_no_model_changed_without_a_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_system_checks_are_silent() -> None:
    call_command("check", fail_level="WARNING")


def test_every_error_code_says_what_to_do() -> None:
    missing = {code: place for code, place in codes_raised().items() if code not in REMEDIES}
    assert missing == {}, "add a remedy in cohorts/errors.py and a heading in docs/errors.md"


def test_every_remedy_belongs_to_an_error_that_can_happen() -> None:
    assert set(REMEDIES) - set(codes_raised()) - {"not_evaluable", "not_chosen"} == set()


def test_every_error_code_has_a_heading_in_the_documentation_and_every_heading_a_code() -> None:
    documented = headings("errors.md")
    assert len(documented) == len(set(documented)), "a code is explained once"
    assert set(documented) == set(REMEDIES) | {"crashed"}


def test_the_documentation_of_errors_says_the_same_as_the_product() -> None:
    text = " ".join((DOCS / "errors.md").read_text().split())
    assert [code for code, remedy in REMEDIES.items() if " ".join(remedy.split()) not in text] == []


def variables_read() -> set[str]:
    source = "\n".join(file.read_text() for file in sorted((ROOT / "config").rglob("*.py")))
    return set(re.findall(r"""["'](ECOTONE_[A-Z_]+|DATABASE_URL|CELERY_BROKER_URL)["']""", source))


def test_every_variable_of_the_environment_has_a_line_in_the_documentation_and_no_other() -> None:
    assert len(variables_read()) >= 10
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "settings.md").read_text(), flags=re.MULTILINE))
    assert documented == variables_read()


def test_only_config_reads_the_environment() -> None:
    offenders = [
        str(file.relative_to(ROOT))
        for app in ("cohorts", "imaging", "modeling")
        for file in sorted((ROOT / app).rglob("*.py"))
        if re.search(r"os\.(environ|getenv)", file.read_text())
    ]
    assert offenders == []


@pytest.mark.parametrize("app", ["cohorts", "imaging", "modeling"])
def test_the_packages_of_the_apps_are_empty_so_that_cores_stay_free_of_django(app: str) -> None:
    assert (ROOT / app / "__init__.py").read_text() == ""


def test_the_cores_are_imported_without_django_celery_or_a_database() -> None:
    code = (
        "import sys, imaging.core.features, imaging.core.scan, imaging.core.habitats, modeling.core.study.training, "
        "modeling.core.persist, cohorts.core.response, cohorts.core.timeline\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'django', 'celery', 'redis', 'psycopg'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def product() -> dict[str, ast.Module]:
    """Return every module of the product by its path."""
    files = (
        file for app in ("cohorts", "imaging", "modeling", "config") for file in sorted((ROOT / app).rglob("*.py"))
    )
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files}


def calls(module: ast.Module, *names: str) -> list[int]:
    found = (node for node in ast.walk(module) if isinstance(node, ast.Attribute | ast.Name))
    return [node.lineno for node in found if (getattr(node, "attr", "") or getattr(node, "id", "")) in names]


def written(module: ast.Module) -> bool:
    """Return whether `write_table` of pyarrow is called."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == "write_table" and getattr(node.value, "id", "") == "pq"
        for node in ast.walk(module)
    )


def test_every_csv_is_written_by_the_one_writer_that_guards_against_formulas() -> None:
    writers = {
        path
        for path, module in product().items()
        if calls(module, "DictWriter", "to_csv", "write_csv_file", "writerow", "writerows", "to_excel")
        or any(
            isinstance(node, ast.Attribute) and node.attr == "writer" and getattr(node.value, "id", "") == "csv"
            for node in ast.walk(module)
        )
        or any(
            isinstance(node, ast.ImportFrom) and node.module in ("csv", "pyarrow.csv") for node in ast.walk(module)
        )
    }
    assert writers == {"cohorts/core/csv_writer.py"}


def test_every_parquet_is_written_where_gaps_are_known_to_become_nulls() -> None:
    writers = {
        path for path, module in product().items() if calls(module, "to_parquet", "ParquetWriter") or written(module)
    }
    assert writers == {
        "imaging/services/single_case.py",  # a frame of pandas, whose NaN become nulls
        "modeling/core/table.py",
        "modeling/core/own_table/report.py",  # calls the one above
        "modeling/services/export.py",
        "modeling/services/training.py",  # calls the one above
        "modeling/services/withdrawal.py",  # frozen tables without a patient, by their own format
    }


def shadowed(module: ast.Module) -> list[int]:
    """Return the lines that bind a name again under which a module imports a translation."""
    imported = {
        name.asname or name.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for name in node.names
    }
    bound = [
        (node.id if isinstance(node, ast.Name) else node.arg, node.lineno)
        for node in ast.walk(module)
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
    ]
    return [line for name, line in bound if name in imported]


def test_no_module_that_translates_binds_the_name_of_its_translation_again() -> None:
    assert {path: lines for path, module in product().items() if (lines := shadowed(module))} == {}


@pytest.mark.parametrize(
    "line",
    ["a, _, b = 'x:y'.partition(':')", "for _ in range(3): pass", "[1 for _ in '']", "f = lambda _: 1", "(_ := 3)"],
)
def test_each_way_to_bind_it_again_is_found(line: str) -> None:
    assert shadowed(ast.parse(f"from django.utils.translation import gettext as _\n{line}")) == [2]
