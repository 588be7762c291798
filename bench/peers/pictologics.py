"""pictologics 0.9.0 (Apache-2.0, numba): IBSI's definitions, needs Python 3.12 or newer.

Compared are the features whose definition is pyradiomics', too. Left out: co-occurrence and run length
(it merges the directions, pyradiomics averages over them) and percentiles (nearest rank there).
"""

from __future__ import annotations

from pathlib import Path

from bench.peers.environment import environment, run
from bench.timing import Timing

NAME = "pictologics 0.9.0"
_SCRIPT = Path(__file__).parent / "alone" / "run_pictologics.py"

#: IBSI's code of each feature, by class and pyradiomics' name.
CODES = {
    "firstorder": {
        "Mean": "Q4LE",
        "Variance": "ECT3",
        "Skewness": "KE2A",
        "Median": "Y12H",
        "Minimum": "1GSF",
        "Maximum": "84IY",
        "Range": "2OJQ",
        "MeanAbsoluteDeviation": "4FUA",
        "Energy": "N8CA",
        "RootMeanSquared": "5ZWQ",
        "Entropy": "TLU2",
        "Uniformity": "BJ5W",
    },
    "shape": {
        "VoxelVolume": "YEKZ",
        "MeshVolume": "RNU0",
        "SurfaceArea": "C0JK",
        "SurfaceVolumeRatio": "2PR5",
        "Sphericity": "QCFX",
        "MajorAxisLength": "TDIC",
        "MinorAxisLength": "P9VJ",
        "LeastAxisLength": "7J51",
        "Elongation": "Q3CK",
        "Flatness": "N17B",
        "Maximum3DDiameter": "L0JK",
    },
    "glszm": {
        "SmallAreaEmphasis": "P001",
        "LargeAreaEmphasis": "48P8",
        "GrayLevelNonUniformity": "JNSA",
        "GrayLevelNonUniformityNormalized": "Y1RO",
        "SizeZoneNonUniformity": "4JP3",
        "SizeZoneNonUniformityNormalized": "VB3A",
        "ZonePercentage": "P30P",
        "GrayLevelVariance": "BYLV",
        "ZoneVariance": "3NSA",
        "ZoneEntropy": "GU8N",
        "LowGrayLevelZoneEmphasis": "XMSY",
        "HighGrayLevelZoneEmphasis": "5GN9",
        "SmallAreaLowGrayLevelEmphasis": "5RAI",
        "SmallAreaHighGrayLevelEmphasis": "HW1V",
        "LargeAreaLowGrayLevelEmphasis": "YH51",
        "LargeAreaHighGrayLevelEmphasis": "J17V",
    },
    "ngtdm": {
        "Coarseness": "QCDE",
        "Contrast": "65HE",
        "Busyness": "NQ30",
        "Complexity": "HDEZ",
        "Strength": "1X9X",
    },
    "gldm": {
        "SmallDependenceEmphasis": "SODN",
        "LargeDependenceEmphasis": "IMOQ",
        "LowGrayLevelEmphasis": "TL9H",
        "HighGrayLevelEmphasis": "OAE7",
        "SmallDependenceLowGrayLevelEmphasis": "EQ3F",
        "SmallDependenceHighGrayLevelEmphasis": "JA6D",
        "LargeDependenceLowGrayLevelEmphasis": "NBZI",
        "LargeDependenceHighGrayLevelEmphasis": "9QMG",
        "GrayLevelNonUniformity": "FP8K",
        "DependenceNonUniformity": "Z87G",
        "DependenceNonUniformityNormalized": "OKJI",
        "GrayLevelVariance": "1PFV",
        "DependenceVariance": "DNX2",
        "DependenceEntropy": "FCBV",
    },
}


def measure(home: Path, file: Path, *, repeats: int) -> tuple[Timing, dict[str, float]]:
    """Time it on a prepared image, and give the comparable values under pyradiomics' names."""
    requirements = ("pictologics==0.9.0",)
    python = environment(home, "pictologics", requirements=requirements, oldest=(3, 12), newest=(3, 14))
    answer = run(python, _SCRIPT, str(file), str(repeats), extra={"PICTOLOGICS_NUM_THREADS": "1"})
    return Timing(tuple(answer["seconds"])), renamed(answer["features"])


def renamed(found: dict[str, float]) -> dict[str, float]:
    """Give values under pyradiomics' names; theirs end in IBSI's code."""
    by_code = {name.rsplit("_", 1)[-1]: float(value) for name, value in found.items()}
    return {
        f"original_{kind}_{name}": by_code[code]
        for kind, names in CODES.items()
        for name, code in names.items()
        if code in by_code
    }
