#!/usr/bin/env bash
# openpyxl 3.1.5: a workbook with a chart sheet that holds no chart, written by openpyxl itself and saved without complaint,
# cannot be opened by openpyxl again; neither read_only nor the table on the other sheet helps.
#
# One would guess: what a library writes it reads, and an empty sheet beside the data is skipped or listed; if anything, an error
# of openpyxl's own (InvalidFileException) names the sheet.
# Seen: AttributeError: 'list' object has no attribute 'find', from the depths of the package reader, for the whole workbook. A
# guard that catches the documented exceptions only turns a harmless file into a crash.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet "openpyxl==3.1.5"
"$work/venv/bin/python" - <<'PYTHON'
import io

from openpyxl import Workbook, load_workbook

book = Workbook()
book.active.append(["id", "age"])
book.active.append(["P-1", 62])
book.create_chartsheet("Chart")
file = io.BytesIO()
book.save(file)
for read_only in (False, True):
    try:
        load_workbook(io.BytesIO(file.getvalue()), read_only=read_only)
        raised = "nothing"
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
    print(f"read_only={read_only}: {raised}")
    assert raised == "AttributeError: 'list' object has no attribute 'find'"
PYTHON
