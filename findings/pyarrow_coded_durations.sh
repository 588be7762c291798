#!/usr/bin/env bash
# pyarrow 26.0.1: a column of durations that is dictionary-encoded (a pandas categorical of timedeltas, say) comes back from its
# own Parquet file as bare int64. The plain column beside it comes back as durations.
#
# One would guess: pyarrow stores its schema in the file and restores dictionary types from it, so both columns read as
# durations; at worst the dictionary is lost and the values stay durations, as with coded text.
# Seen: dictionary<duration[s]> -> int64, values 1468800 for 17 days, without a word. A reader who takes numbers as they come
# analyses seconds as if they were days.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet "pyarrow==26.0.1"
"$work/venv/bin/python" - <<'PYTHON'
import io

import pyarrow as pa
import pyarrow.parquet as pq

days = pa.array([17 * 86400, 3 * 86400, 17 * 86400], pa.int64()).cast(pa.duration("s"))
written = pa.table({"coded": days.dictionary_encode(), "plain": days})
file = io.BytesIO()
pq.write_table(written, file)
read = pq.read_table(io.BytesIO(file.getvalue()))
for name in ("coded", "plain"):
    print(f"{name}: wrote {written.schema.field(name).type}, read {read.schema.field(name).type}: {read[name].to_pylist()}")
assert read.schema.field("coded").type == pa.int64()
assert read["coded"].to_pylist() == [1468800, 259200, 1468800]
assert read.schema.field("plain").type == pa.duration("s")
PYTHON
