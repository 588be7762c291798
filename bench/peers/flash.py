"""flash-radiomics 1.0.0 (BSD-3, C): pyradiomics' names and, but for kurtosis, its definitions."""

from __future__ import annotations

from pathlib import Path

from bench.peers.environment import environment, run
from bench.timing import Timing

NAME = "flash-radiomics 1.0.0"
#: The wheel names no dependency of its own.
_REQUIREMENTS = (
    "flash-radiomics==1.0.0",
    *("numpy", "h5py", "SimpleITK==2.5.7", "pykwalify", "PyWavelets", "scipy"),
    *("scikit-image", "scikit-learn", "trimesh"),
)
_SCRIPT = Path(__file__).parent / "alone" / "run_flash.py"


def measure(home: Path, file: Path, *, repeats: int) -> tuple[Timing, dict[str, float]]:
    """Time it on a prepared image; its excess kurtosis becomes pyradiomics' by adding 3."""
    python = environment(home, "flash", requirements=_REQUIREMENTS, oldest=(3, 10), newest=(3, 14))
    answer = run(python, _SCRIPT, str(file), str(repeats))
    features = {name: float(value) for name, value in answer["features"].items()}
    kurtosis = "original_firstorder_Kurtosis"
    return Timing(tuple(answer["seconds"])), features | {kurtosis: features[kurtosis] + 3}
