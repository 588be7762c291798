from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from cohorts.errors import ServiceError
from cohorts.terminal import EcotoneCommand, progress_bar
from modeling.core.own_table.choices import Choices
from modeling.core.own_table.own_views import parse_views
from modeling.core.own_table.report import Analysed, analyse_table
from modeling.core.recipes import BUILT_IN, STANDARD, Recipe
from modeling.services.table_folder import require_free, write_folder

_SHOWN_REFUSALS = 20


class Command(EcotoneCommand):
    help = (
        "Fit and test models on a table of your own (CSV, XLSX or Parquet, one row per patient), for an outcome of two values "
        "or for survival. Needs neither the database nor workers. Research use only."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("table", type=Path, help="CSV (comma, semicolon or tab), XLSX or Parquet.")
        parser.add_argument("--outcome", metavar="COL", help="Column of two values.")
        parser.add_argument("--time", metavar="COL", help="Time until the event or the end of observation.")
        parser.add_argument("--event", metavar="COL", help="With --time: whether it was the event.")
        parser.add_argument("--positive", metavar="VALUE", help="The value of outcome or event that is the event.")
        parser.add_argument("--id", metavar="COL", help="Column that names the patient.")
        parser.add_argument("--centre", metavar="COL", help="Column that names the hospital.")
        parser.add_argument(
            "--train-on",
            action="append",
            default=[],
            metavar="CENTRE",
            help="Default: the centre with most patients.",
        )
        parser.add_argument("--exclude", action="append", default=[], metavar="COL", help="Leave a column out.")
        parser.add_argument("--views", type=Path, metavar="FILE", help="YAML: name to list of columns, or fuse.")
        parser.add_argument("--recipe", default=STANDARD.name, metavar="NAME")
        parser.add_argument("--seed", type=int, metavar="N")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR")
        parser.add_argument("--overwrite", action="store_true", help="Replace what the folder holds.")

    def handle(self, *args: Any, **options: Any) -> None:
        require_free(options["out"], overwrite=options["overwrite"])
        views = parse_views(_content(options["views"]).decode(errors="replace")) if options["views"] else None
        choices = Choices(
            **{name: options[name] for name in ("outcome", "time", "event", "id", "centre", "positive")},
            exclude=tuple(options["exclude"]),
            train_on=tuple(options["train_on"]),
            views=views,
        )
        analysed = _analyse(_content(options["table"]), choices, _recipe(options["recipe"], options["seed"]))
        names = write_folder(analysed, options["out"], overwrite=options["overwrite"])
        if options["as_json"]:
            self.print_json(analysed.report)
        else:
            self._print(analysed.report)
            self.stdout.write(f"Wrote {len(names)} files to {options['out']}. Research use only.")

    def _print(self, report: dict[str, Any]) -> None:
        self.stdout.write(
            f"{report['n']} patients, {report['events']} events, {report['features']} features; "
            f"{len(report['excluded'])} rows excluded, {len(report['refused'])} columns refused."
        )
        for sentence in report["warnings"]:
            self.stdout.write(f"  ! {sentence}")
        for one in report["refused"][:_SHOWN_REFUSALS]:
            self.stdout.write(f"  - {one['column']}: {one['reason']}")
        for model in report["models"]:
            self.stdout.write(f"{model['name']} ({model['classifier']}, {len(model['selected'])} features)")
            for row in model["evaluations"]:
                centre = row["centre"] or "all centres"
                self.stdout.write(
                    f"  {row['split']:<20} {centre:<12} n={row['n']:<4} events={row['events']:<4} {_main(row)}"
                )
                for line in _survival_lines(row):
                    self.stdout.write(f"    {line}")
            for row in model.get("coefficients", []):
                self.stdout.write(f"  {row['feature'].removeprefix('own|')}: {_hazard_ratio(row, '_per_sd')} per SD")


def _analyse(content: bytes, choices: Choices, recipe: Recipe) -> Analysed:
    with progress_bar() as progress:
        bar = progress.add_task("Analysing", total=None, note="")

        def show(note: str, done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total, note=note)

        return analyse_table(content, choices, recipe, on_progress=show)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        reason = "does not exist" if isinstance(problem, FileNotFoundError) else "cannot be read"
        raise ServiceError("unreadable_table", f"The file {file} {reason}.") from None


def _recipe(name: str, seed: int | None) -> Recipe:
    if name not in BUILT_IN:
        raise ServiceError(
            "unknown_setting", f"There is no recipe “{name}”; there are {', '.join(sorted(BUILT_IN))}."
        )
    return BUILT_IN[name] if seed is None else replace(BUILT_IN[name], seed=seed)


def _survival_lines(row: dict[str, Any]) -> list[str]:
    if "c_index" not in row:
        return []
    lines = [f"high against low risk: {_hazard_ratio(row)}"]
    for group in row["risk_groups"]:
        limits = ("-" if group[name] is None else f"{group[name]:g}" for name in ("median_low", "median_high"))
        median = "not reached" if group["median"] is None else f"{group['median']:g}"
        at_risk = ", ".join(f"{n} at {time:g}" for n, time in zip(group["at_risk"], group["times"], strict=True))
        lines.append(f"{group['group']}: median {median} ({' to '.join(limits)}); at risk {at_risk}")
    return lines


def _hazard_ratio(row: dict[str, Any], unit: str = "") -> str:
    value, low, high = (row[f"hazard_ratio{unit}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        reason = row.get("reason") or row.get("undefined", {}).get("hazard_ratio", "")
        return f"no hazard ratio. {reason}"
    return f"hazard ratio {value:.2f} ({low:.2f}-{high:.2f})"


def _main(row: dict[str, Any]) -> str:
    name, keys = (
        ("C", ("c_index", "c_low", "c_high")) if "c_index" in row else ("AUC", ("auc", "auc_low", "auc_high"))
    )
    value, low, high = (row[key] for key in keys)
    if value is None:
        return f"{name} undefined"
    return f"{name} {value:.3f}" + ("" if low is None or high is None else f" ({low:.3f}-{high:.3f})")
