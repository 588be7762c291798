"""The one way to compile a loop over voxels to machine code.

Kernels are compiled by numba at their first call and kept on disk beside the module (or, where that
folder cannot be written, in ``NUMBA_CACHE_DIR`` or the user's cache folder), so that a second process
does not compile again. Arithmetic is IEEE 754: nothing is reordered, and one thread is used, because
work is spread over processes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile a function of arrays and numbers; division by zero gives inf or NaN, as in numpy."""
    return cast(Kernel, numba.njit(cache=True, error_model="numpy", nogil=True)(function))
