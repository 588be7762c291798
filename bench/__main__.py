"""Measure Ecotone against its peers: every ratio from one run on the same files, one thread each.

Files and the peers' environments are kept in a folder (--data), so only the first run makes them.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from bench import rows
from bench.cases import find_source, write_cases
from bench.coverage import coverage
from bench.pages import Page, page_markdown, page_table, pages
from bench.planted import planted
from bench.promotion import promotion
from bench.report import Row, as_json, machine, markdown, notes_of, stage_table, table
from bench.scan import cohort, scan
from bench.stages import stages
from bench.study import study
from bench.timing import CLOCK

DATA = Path(__file__).resolve().parents[1] / "var" / "bench"
ROWS: dict[str, Callable[[rows.Run], list[Row]]] = {
    "whole": rows.whole,
    "unresampled": rows.unresampled,
    "maps": rows.maps,
    "memory": rows.memory,
    "scan": scan,
}
#: Rows about models; they need no files of cases, and some take minutes.
MODEL_ROWS: dict[str, Callable[[rows.Run], list[Row]]] = {
    "study": study,
    "planted": planted,
    "coverage": coverage,
    "promotion": promotion,
}
NAMES = (*ROWS, "cohort", *MODEL_ROWS, "stages", "pages")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="some minutes: the default")
    length.add_argument("--full", action="store_true", help="also the peer's jobs of more than a minute")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--no-peers", action="store_true", help="measure ours alone")
    parser.add_argument("--repeats", type=int, default=7, help="runs of ours that a median is made from")
    parser.add_argument("--cohort", type=int, default=0, metavar="N", help="also N scans on two processes")
    parser.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="wall",
        help="processor: seconds of processor time, for a machine that others use, too",
    )
    parser.add_argument("--patients", type=int, default=2, help="synthetic patients of the table of stages")
    parser.add_argument("--data", type=Path, default=DATA, help="folder that keeps files and environments")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as Markdown")
    options = parser.parse_args(arguments)
    if options.repeats < 1 or options.cohort < 0 or options.patients < 1:
        parser.error("--repeats and --patients must be at least 1, --cohort at least 0")
    if options.only and "cohort" in options.only and not options.cohort:
        parser.error("--only cohort needs --cohort N")
    options.data = options.data.resolve()
    return options


def measure(options: argparse.Namespace, console: Console) -> list[Row]:
    chosen = {name for name in NAMES if not options.only or name in options.only}
    of_images = [name for name in (*ROWS, "cohort") if name in chosen and (name != "cohort" or options.cohort)]
    # Rows about models take minutes, so they run where they are asked for.
    of_models = [name for name in MODEL_ROWS if name in chosen and (options.only or options.full)]
    run = rows.Run(
        cases={},
        home=options.data,
        repeats=options.repeats,
        peer_repeats=3 if options.full else 2,
        peers=not options.no_peers,
        full=options.full,
        say=lambda line: console.print(line, highlight=False),
    )
    found: list[Row] = []
    if of_images:
        source = find_source()
        console.print("files of the cases")
        run = replace(run, cases=write_cases(source, options.data))
        if source.note:
            console.print(source.note)
    for name in of_images:
        found += cohort(run, options.cohort) if name == "cohort" else ROWS[name](run)
    for name in of_models:
        found += MODEL_ROWS[name](run)
    return found


def main() -> None:
    options = parse()
    os.environ[CLOCK] = options.clock
    console = Console(width=160)
    about = machine(clock=options.clock)
    console.print(about, highlight=False)
    found = measure(options, console)
    if found:
        console.print(table(found))
        for note in notes_of(found):
            console.print(f"- {note}", highlight=False)
    by_stage: dict[str, list[float]] = {}
    if not options.only or "stages" in options.only:
        console.print("stages on synthetic patients")
        by_stage = stages(options.patients).seconds
        console.print(stage_table(by_stage))
    of_pages: list[Page] = []
    if options.only and "pages" in options.only:  # it takes minutes, so it runs where it is asked for
        console.print("pages of the application")
        of_pages = pages(repeats=max(20, options.repeats), say=lambda line: console.print(line, highlight=False))
        console.print(page_table(of_pages))
    if options.json:
        document = as_json(found, by_stage, about) | {"pages": [asdict(page) for page in of_pages]}
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if options.markdown:
        text = markdown(found, by_stage, about)
        options.markdown.write_text(text + (f"\n{page_markdown(of_pages)}\n" if of_pages else ""))


if __name__ == "__main__":
    main()
