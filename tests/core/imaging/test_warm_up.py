"""Set-up compiles every kernel, so that a worker never waits for it."""

from __future__ import annotations

import subprocess
import sys

#: Prints how many kernels came from disk, and which had to be compiled. (A kernel that only other kernels
#: call is part of theirs.)
_FROM_DISK = """
import sys
from numba.core.registry import CPUDispatcher
from imaging.core.warm_up import warm_up
warm_up()
modules = [m for name, m in sorted(sys.modules.items()) if name.startswith("imaging.core")]
kernels = {k for m in modules for k in vars(m).values() if isinstance(k, CPUDispatcher)}
print(sum(bool(k.stats.cache_hits) for k in kernels), sorted(k.__name__ for k in kernels if k.stats.cache_misses))
"""


def test_a_second_process_compiles_nothing() -> None:
    subprocess.run([sys.executable, "-m", "imaging.core.warm_up"], check=True)
    found = subprocess.run([sys.executable, "-c", _FROM_DISK], check=True, capture_output=True, text=True)
    from_disk, compiled = found.stdout.strip().split(" ", 1)
    assert int(from_disk) >= 10
    assert compiled == "[]"
