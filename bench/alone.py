"""One contestant in a process of its own, so that its peak memory is its own: prints JSON.

`python -m bench.alone ours|pyradiomics IMAGE MASK REPEATS SPEC`
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import ours
from bench.cases import Case
from bench.timing import Stopwatch, Timing
from imaging.core.spec import ExtractionSpec

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Alone:
    timing: Timing
    peak_gb: float
    features: dict[str, float]


def run_alone(who: str, case: Case, spec: ExtractionSpec, *, repeats: int) -> Alone:
    """Extract in a new process; `repeats` calls are timed, and of ours one more before them is not."""
    command = [sys.executable, "-m", "bench.alone", who, str(case.image), str(case.mask), str(repeats)]
    done = subprocess.run(
        [*command, json.dumps(spec.as_dict())], capture_output=True, text=True, check=True, cwd=ROOT
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    return Alone(Timing(tuple(answer["seconds"])), answer["peak_gb"], answer["features"])


def peak_gb() -> float:
    """Give the most memory that this process held, in GB.

    On Linux `ru_maxrss` of a child begins with what its parent held; the kernel's high-water mark of the
    process's own memory does not.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e9


def main(who: str, image: str, mask: str, repeats: str, spec_text: str) -> None:
    spec = ExtractionSpec.from_dict(json.loads(spec_text))
    pair = Path(image), Path(mask)
    watch = Stopwatch()
    if who == "ours":
        found = ours.from_files(*pair, spec).as_dict()
        for _ in range(int(repeats)):
            found = watch.time(who, lambda: ours.from_files(*pair, spec)).as_dict()
    else:
        # Loaded here, so that it does not weigh on our memory.
        from bench.peers import pyradiomics

        for _ in range(int(repeats)):
            found = watch.time(who, lambda: pyradiomics.from_files(*pair, spec.radiomics))
    print(json.dumps({"seconds": watch.seconds[who], "peak_gb": peak_gb(), "features": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
