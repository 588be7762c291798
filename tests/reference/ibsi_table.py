"""Consensus values of IBSI, what Ecotone finds on IBSI's phantoms, and the tables of docs/methods.

    python -m tests.reference.ibsi_table            tells whether the tables are up to date
    python -m tests.reference.ibsi_table --write    writes them

The digital phantom is built here, and its consensus is a file beside this one. The CT phantom and its
consensus are read from ../shared, whose README says where they come from.
"""

from __future__ import annotations

import csv
import math
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from imaging.core.engine.discretise import GreyLevels
from imaging.core.engine.ibsi import ibsi_levels, prepare
from imaging.core.engine.ibsi_resample import resample_aligned
from imaging.core.engine.region import PaddedRegion
from imaging.core.engine.texture import texture_features
from imaging.core.features import extract
from imaging.core.geometry import Grid, TumorMask, Volume, mask_from_sitk, volume_from_sitk
from imaging.core.spec import ExtractionSpec, RadiomicsSpec

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "methods" / "ibsi.md"
FAMILY_PAGES = sorted((ROOT / "docs" / "methods" / "families").glob("*.md"))
DIGITAL_PHANTOM = Path(__file__).with_name("ibsi_digital_phantom.csv")

Case = tuple[Volume, TumorMask]

_IBSI = RadiomicsSpec(None, convention="ibsi", log_sigma_mm=(), wavelet=False)
_TWO_MM = replace(_IBSI, resampled_spacing_mm=2.0, interpolation="linear")

#: IBSI's configurations as protocols. Of A and B, two-dimensional texture is out of reach; the in-plane
#: interpolation of B, which no protocol can say, is done by `case`.
SETTINGS = {
    "digital_phantom": replace(_IBSI, bin_width_hu=1.0),
    "config_A": replace(_IBSI, resegment_range_hu=(-500.0, 400.0), classes=("shape", "firstorder")),
    "config_B": replace(_IBSI, resegment_range_hu=(-500.0, 400.0), bin_count=32, classes=("shape", "firstorder")),
    "config_C": replace(_TWO_MM, resegment_range_hu=(-1000.0, 400.0)),
    "config_D": replace(_TWO_MM, resegment_sigmas=3.0, bin_count=32),
    "config_E": replace(
        _TWO_MM,
        interpolation="bspline",
        resegment_range_hu=(-1000.0, 400.0),
        resegment_sigmas=3.0,
        bin_count=32,
    ),
}

#: What Ecotone does not compute, though pyradiomics can: functions of sphericity.
_LEFT_OUT = {"shape_Compactness1", "shape_Compactness2", "shape_SphericalDisproportion"}
_MAPPED = re.compile(r"\dD_(Combined_)?original_(\w+)")

#: IBSI's phantom of 5 x 4 x 4 voxels of 2 mm, in (z, y, x) as its figure has them; 0 is outside the region
#: (where the image itself holds 1, in one case 9).
_LEVELS = """
    1 4 4 1 1   1 4 6 1 1   4 1 6 4 1   4 4 6 4 1
    1 4 4 1 1   1 1 6 1 1   0 1 3 1 1   4 4 6 1 1
    1 4 4 0 0   1 1 1 1 1   1 1 0 1 1   1 1 6 1 1
    1 4 4 0 0   1 1 1 1 1   1 1 1 1 1   1 1 6 1 1
"""


@dataclass(frozen=True)
class Consensus:
    """One consensus value, with the feature's name as pyradiomics has it."""

    feature: str
    code: str
    aggregation: str
    value: Decimal
    tolerance: Decimal

    def agrees(self, found: float) -> bool:
        """IBSI's rule: within the tolerance after rounding to three significant digits."""
        return math.isfinite(found) and abs(Decimal(f"{found:.3g}") - self.value) <= self.tolerance


def digital_phantom() -> Case:
    """Build IBSI's digital phantom."""
    levels = np.array(_LEVELS.split(), dtype=np.int16).reshape(4, 4, 5)
    grid = Grid(levels.shape, (2.0, 2.0, 2.0))
    image = np.where(levels == 0, 1, levels).astype(np.int16)
    image[2, 2, 2] = 9
    return Volume(image, grid), TumorMask(levels > 0, grid)


def case(configuration: str, shared: Path) -> Case:
    """Give image and region of a configuration."""
    if configuration == "digital_phantom":
        return digital_phantom()
    if configuration == "config_B":
        in_plane = (3.0, 2.0, 2.0)
        return resample_aligned(*ct_phantom(shared), spacing_zyx_mm=in_plane, interpolation="linear", pad_voxels=1)
    return ct_phantom(shared)


@cache
def ct_phantom(shared: Path) -> Case:
    """Read IBSI's CT phantom with the region GTV-1."""
    folder = shared / "ibsi" / "ibsi_1_ct_radiomics_phantom" / "nifti"
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    mask = sitk.ReadImage(str(folder / "mask" / "mask.nii.gz"))
    return volume_from_sitk(image), mask_from_sitk(mask)


def rows(configuration: str, shared: Path) -> list[dict[str, str]]:
    """Read the reference rows of a configuration on the CT phantom."""
    with (shared / "ibsi_reference" / "ibsi_reference_values.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["config"] == configuration]


def consensus(configuration: str, shared: Path) -> list[Consensus]:
    """Give the consensus of a configuration on features that Ecotone computes in three dimensions."""
    if configuration == "digital_phantom":
        with DIGITAL_PHANTOM.open(newline="") as file:
            lines = [line for line in file if not line.startswith("#")]
        return [
            Consensus(*texts, Decimal(value), Decimal(tolerance))
            for *texts, value, tolerance in csv.reader(lines[1:])
        ]
    return list(comparable(rows(configuration, shared)))


def comparable(found: Iterable[dict[str, str]]) -> Iterator[Consensus]:
    """Give those of the reference rows that a three-dimensional engine of our features can meet."""
    for row in found:
        mapped = _MAPPED.fullmatch(row["pyradiomics_feature"])
        three_dimensional = not row["aggregation"] or row["aggregation"].startswith("3D")
        if mapped and three_dimensional and mapped[2] not in _LEFT_OUT:
            averaged = "average" if "(ITBB)" in row["aggregation"] else ""
            yield Consensus(
                mapped[2],
                row["ibsi_code"],
                "merge" if mapped[1] else averaged,
                Decimal(row["consensus_value"]),
                Decimal(row["tolerance"]),
            )


#: IBSI 2 names statistics by its own tags; those that Ecotone does not compute are left out.
_STATISTICS = {
    "stat_mean": "Mean",
    "stat_var": "Variance",
    "stat_skew": "Skewness",
    "stat_kurt": "Kurtosis",
    "stat_median": "Median",
    "stat_min": "Minimum",
    "stat_p10": "10Percentile",
    "stat_p90": "90Percentile",
    "stat_max": "Maximum",
    "stat_iqr": "InterquartileRange",
    "stat_range": "Range",
    "stat_mad": "MeanAbsoluteDeviation",
    "stat_rmad": "RobustMeanAbsoluteDeviation",
    "stat_energy": "Energy",
    "stat_rms": "RootMeanSquared",
}


def comparable_statistics(configuration: str, shared: Path) -> list[Consensus]:
    """Give the consensus of IBSI 2 on the statistics that Ecotone computes: 15 of 18."""
    return [
        Consensus(
            f"firstorder_{_STATISTICS[row['feature_base']]}",
            row["ibsi_code"],
            "",
            Decimal(row["consensus_value"]),
            Decimal(row["tolerance"]),
        )
        for row in rows(configuration, shared)
        if row["feature_base"] in _STATISTICS
    ]


def measured(volume: Volume, mask: TumorMask, settings: RadiomicsSpec) -> dict[str, float]:
    """Ask the engine for features."""
    return extract(volume, mask, ExtractionSpec(radiomics=settings)).as_dict()


@cache
def found(configuration: str, shared: Path, convention: str = "ibsi") -> dict[str, float]:
    """Compute the features of a configuration, named without "original_".

    IBSI's energy has no shift of intensities: the pyradiomics convention is told so, the other must know.
    """
    settings = SETTINGS[configuration]
    if convention == "pyradiomics":
        settings = replace(settings, convention=convention, voxel_array_shift=0)
    values = measured(*case(configuration, shared), settings)
    return {name.removeprefix("original_"): value for name, value in values.items()}


@cache
def merged(configuration: str, shared: Path) -> dict[str, float]:
    """Compute co-occurrence and runs of a configuration from matrices that are added up over directions."""
    settings = SETTINGS[configuration]
    ready = prepare(*case(configuration, shared), settings)
    region = PaddedRegion.of(ready.intensity.array)
    levels = GreyLevels.of(ibsi_levels(region.values(ready.image.array), settings))
    return texture_features(levels, region, families=("glcm", "glrlm"), merge=True)


def ours(configuration: str, shared: Path, row: Consensus) -> float:
    """Give our value for a row under the IBSI convention; directions are merged where the consensus merges them."""
    values = merged(configuration, shared) if row.aggregation == "merge" else found(configuration, shared)
    return values[row.feature]


def compared(configuration: str, shared: Path) -> list[tuple[Consensus, float]]:
    """Give each consensus value of a configuration with ours."""
    return [(row, ours(configuration, shared, row)) for row in consensus(configuration, shared)]


def departures(configuration: str, shared: Path) -> list[Consensus]:
    """Give the consensus values that the pyradiomics convention misses; it knows no merged directions."""
    values = found(configuration, shared, "pyradiomics")
    rows = [row for row in consensus(configuration, shared) if row.aggregation != "merge"]
    return [row for row in rows if not row.agrees(values[row.feature])]


def table(configuration: str, shared: Path, *, family: str = "") -> str:
    """Write the table of a configuration, or the rows of one family of features."""
    lines = [
        "| feature | IBSI code | directions | consensus | tolerance | ours | verdict | pyradiomics convention |",
        "|---|---|---|---|---|---|---|---|",
    ]
    plain, missed = found(configuration, shared, "pyradiomics"), departures(configuration, shared)
    for row, value in compared(configuration, shared):
        if not row.feature.startswith(family):
            continue
        verdict = "within" if row.agrees(value) else "**outside**"
        other = (
            "" if row.aggregation == "merge" else f"{plain[row.feature]:.4g}" + (", outside" if row in missed else "")
        )
        cells = (row.feature, row.code, row.aggregation, row.value, row.tolerance, f"{value:.4g}", verdict, other)
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def with_tables(page: Path, shared: Path, configurations: Iterable[str]) -> str:
    """Give a page with the tables of some configurations between their marks, ``<!-- table NAME [FAMILY] -->``."""
    text = page.read_text()
    for name in configurations:
        marks = re.compile(rf"(<!-- table {name} ?(\w*) -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = marks.subn(lambda at, name=name: f"{at[1]}{table(name, shared, family=at[2])}\n{at[3]}", text)
        if count != 1:
            raise ValueError(f"{page.name} has {count} places for the table of {name}, not one.")
    return text


def main() -> int:
    """Write the tables, or say which pages are out of date."""
    pages = {PAGE: tuple(SETTINGS)} | dict.fromkeys(FAMILY_PAGES, ("digital_phantom",))
    stale = {
        page: new for page, names in pages.items() if (new := with_tables(page, SHARED, names)) != page.read_text()
    }
    if "--write" in sys.argv:
        for page, new in stale.items():
            page.write_text(new)
        return 0
    for page in stale:
        sys.stdout.write(f"{page.name} differs; write it with --write.\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
