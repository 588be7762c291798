"""What rows show about scans, masks and features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from imaging.core.spec import RadiomicsSpec
from imaging.models import Segmentation
from modeling.services.reports.evidence import Evidence
from modeling.services.reports.numbers import counted, decimal, spread
from modeling.services.reports.records import (
    Records,
    cite_habitats,
    cite_protocol,
    cite_recipe,
    cite_run,
    cite_snapshot,
    cite_version,
)


def acquisition(records: Records) -> Evidence | None:
    """Say how the scans were made, if scanner and reconstruction are known at all."""
    series = records.masks
    if not any(s.manufacturer for s in series) or not any(s.kernel or s.slice_thickness_mm for s in series):
        return None
    known = {True: "with contrast", False: "without contrast", None: "contrast not stated"}
    parts = [
        f"{counted(len(series), 'CT series', 'CT series')}",
        f"manufacturers: {_tally(s.manufacturer for s in series)}",
        f"kernels: {_tally(s.kernel for s in series)}",
        f"slice thickness {spread([s.slice_thickness_mm for s in series], 'mm', 1)}",
        f"pixel size {spread([s.pixel_mm for s in series], 'mm', 2)}",
        f"tube voltage {spread([s.kvp for s in series], 'kV')}",
        _tally(known[s.contrast] for s in series),
    ]
    return Evidence(f"{'; '.join(parts)}.", cite_snapshot(records, "ImageSeries"))


def _tally(values: Iterable[str]) -> str:
    counts = Counter(value or "not stated" for value in values)
    return ", ".join(f"{name} ({n})" for name, n in counts.most_common(6)) + (", others" if len(counts) > 6 else "")


def segmentation(records: Records) -> Evidence | None:
    """Say what kind of masks there are, with which tools they were made."""
    masks = records.masks
    if not masks:
        return None
    authors = len({mask.author for mask in masks if mask.author})
    who = counted(authors, "named author") if authors else "authors not named"
    kinds = _tally(str(Segmentation(kind=mask.kind).get_kind_display()) for mask in masks)
    words = (
        f"{counted(len(masks), 'tumour mask')}: {kinds}; tools: "
        f"{_tally(mask.tool for mask in masks)}; {who}. One mask per scan counts."
    )
    return Evidence(words, cite_snapshot(records, "Segmentation"))


def single_reader(records: Records) -> Evidence | None:
    """Say so where the masks of the held-out patients all name the same author."""
    held_out = set(records.table.X.index[records.table.split != "training"])
    masks = [mask for mask in records.masks if mask.patient in held_out]
    authors = {mask.author for mask in masks}
    if not masks or "" in authors or len(authors) != 1:
        return None
    words = f"All {len(masks)} masks of test patients name one author."
    return Evidence(words, cite_snapshot(records, "Segmentation"))


def preprocessing(records: Records) -> Evidence:
    """Say what is done to an image before features."""
    spec, habitats = records.protocol.spec.radiomics, records.protocol.spec.habitats
    lung, mediastinum = (
        " to ".join(decimal(end, 0) for end in window)
        for window in (habitats.lung_window_hu, habitats.mediastinum_window_hu)
    )
    words = (
        f"{_resampled(spec)} {_discretised(spec)} {_images(spec)} Habitats: {habitats.spacing_mm:g} mm voxels, fixed windows "
        f"(lung {lung} HU, mediastinum {mediastinum} HU), "
        f"supervoxels, {habitats.algorithm} clustering."
    )
    return Evidence(words, cite_protocol(records))


def _rounded(spec: RadiomicsSpec) -> str:
    return "Rounded to whole HU first. " if spec.rounding == "whole_hu" else ""


def _resampled(spec: RadiomicsSpec) -> str:
    if spec.resampled_spacing_mm is None:
        return f"{_rounded(spec)}Images are not resampled."
    return f"{_rounded(spec)}Resampled to {spec.resampled_spacing_mm:g} mm isotropic voxels ({spec.interpolation})."


def _discretised(spec: RadiomicsSpec) -> str:
    bins = f"{spec.bin_count} bins" if spec.bin_count else f"bins of {spec.bin_width_hu:g} HU"
    return f"Grey levels: {bins}."


def _images(spec: RadiomicsSpec) -> str:
    kinds = ["original"]
    if spec.log_sigma_mm:
        kinds.append(f"Laplacian of Gaussian (sigma {', '.join(f'{s:g}' for s in spec.log_sigma_mm)} mm)")
    if spec.wavelet:
        kinds.append("eight wavelet bands")
    return f"Images: {', '.join(kinds)}."


def resampling(records: Records) -> Evidence:
    """Say how images are resampled."""
    return Evidence(_resampled(records.protocol.spec.radiomics), cite_protocol(records))


def discretisation(records: Records) -> Evidence:
    """Say how grey levels are binned."""
    return Evidence(_discretised(records.protocol.spec.radiomics), cite_protocol(records))


def image_types(records: Records) -> Evidence:
    """Say of which images features are taken."""
    return Evidence(_images(records.protocol.spec.radiomics), cite_protocol(records))


def software(records: Records) -> Evidence:
    """Say what computes features."""
    spec = records.protocol.spec.radiomics
    version = records.run.versions.get("pyradiomics")
    words = f"Engine {spec.engine}, convention {spec.convention}"
    words += f"; pyradiomics {version} installed as its reference." if version else "."
    return Evidence(words, f"{cite_protocol(records)}; {cite_run(records, 'versions')}")


def feature_classes(records: Records) -> Evidence:
    """Say which families of features there are."""
    names = ", ".join(records.protocol.spec.radiomics.classes)
    words = f"Families: {names}; and of habitats their fractions, spatial interaction and heterogeneity."
    return Evidence(words, f"{cite_protocol(records)}; {cite_habitats(records)}")


def feature_number(records: Records) -> Evidence:
    """Say how many columns the table has, and how many a model keeps at most."""
    groups = Counter(str(column).split("|")[0].replace("_", " ") for column in records.table.X.columns)
    words = f"{records.snapshot.n_columns} columns ({', '.join(f'{name} {n}' for name, n in groups.items())})."
    return Evidence(words, cite_snapshot(records))


def defaults(records: Records) -> Evidence:
    """Say where every remaining parameter stands."""
    words = (
        f"Every parameter stands in the frozen protocol {records.protocol.name}; sha256 {records.protocol.digest}."
    )
    return Evidence(words, cite_protocol(records))


def stability(records: Records) -> Evidence | None:
    """Say how features were checked against disturbed masks, where the run did."""
    minimum = records.recipe.get("icc_minimum")
    checked = [version for version in records.versions if version.facts.get("icc")]
    if not checked or minimum is None:
        return None
    words = (
        f"Features were measured again under disturbed masks and images of training patients; those with ICC(2,1) below "
        f"{minimum:g} ({records.recipe.get('icc_limit', 'estimate')}) are dropped inside each fold."
    )
    return Evidence(words, "; ".join([cite_recipe(records), *(cite_version(version) for version in checked)]))


def no_stability(records: Records) -> Evidence | None:
    """Write so where no row shows that instability removed anything."""
    if stability(records):
        return None
    if records.recipe.get("icc_minimum") is None:
        return Evidence(
            "No limit of the ICC is set, so no feature was dropped for instability.", cite_recipe(records)
        )
    words = "No selected feature carries an ICC, so no row shows that unstable features were dropped."
    return Evidence(words, cite_recipe(records))


def selected_stability(records: Records) -> Evidence | None:
    """Say how reproducible and how often selected the features of the first model are."""
    version = records.primary
    shares = list((version.facts.get("selection_frequency") or {}).values()) if version else []
    if version is None or not shares:
        return None
    icc = [value for value in (version.facts.get("icc") or {}).values() if value is not None]
    words = f"{version}: {counted(len(version.selected), 'feature')}, selected in {decimal(100 * min(shares), 0)} to "
    words += f"{decimal(100 * max(shares), 0)} % of bootstrap refits"
    limits = ", lower limits," if records.recipe.get("icc_limit") == "lower" else ""
    words += f"; ICC{limits} {decimal(min(icc))} to {decimal(max(icc))}." if icc else "."
    return Evidence(words, cite_version(version))


def habitats(records: Records) -> Evidence:
    """Say how the habitats were learned."""
    report = records.habitat_model.codebook.get("report") or {}
    words = (
        f"{records.habitat_model.n_habitats} habitats, learned from training patients only. {report.get('why', '')}"
    )
    return Evidence(words.strip(), cite_habitats(records))
