"""Protocols as values: what decides a digest, and what an old protocol means after new settings."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest

from imaging.core.errors import UnknownSetting
from imaging.core.spec import (
    BUILT_IN,
    LIGHT,
    REFERENCE,
    STANDARD,
    ExtractionSpec,
    HabitatSpec,
    RadiomicsSpec,
    hashed_form,
)

#: Digest of ``standard`` before an engine could be chosen, when pyradiomics computed.
DIGEST_BEFORE_ENGINES = "e60d3cd1d58e089a6ede8a05c92c1e1103a6cafb66167747df6062a1e38ed0a5"
ADDED = {
    "engine",
    "convention",
    "interpolation",
    "bin_count",
    "resegment_range_hu",
    "resegment_sigmas",
    "rounding",
}


def test_a_protocol_stored_before_engines_still_means_pyradiomics_under_its_old_digest() -> None:
    stored = REFERENCE.as_dict()
    stored["radiomics"] = {key: value for key, value in stored["radiomics"].items() if key not in ADDED}
    del stored["habitats"]["algorithm"]
    read = ExtractionSpec.from_dict(stored)
    assert read.radiomics.engine == "pyradiomics"
    assert read.digest == REFERENCE.digest == DIGEST_BEFORE_ENGINES


@pytest.mark.parametrize("spec", BUILT_IN.values(), ids=list(BUILT_IN))
def test_what_is_written_is_read_back_with_the_same_digest(spec: ExtractionSpec) -> None:
    assert ExtractionSpec.from_dict(spec.as_dict()) == spec
    assert ExtractionSpec.from_dict(spec.as_dict()).digest == spec.digest


def test_no_two_built_in_protocols_share_a_digest() -> None:
    assert len({spec.digest for spec in BUILT_IN.values()}) == len(BUILT_IN)


CHANGED = {
    "resampled_spacing_mm": 2.0,
    "bin_width_hu": 10.0,
    "voxel_array_shift": 0,
    "pad_distance_voxels": 5,
    "log_sigma_mm": (2.0,),
    "wavelet": False,
    "classes": ("shape",),
    "minimum_voxels": 100,
    "engine": "pyradiomics",
    "convention": "ibsi",
    "interpolation": "linear",
    "bin_count": 32,
    "resegment_range_hu": (-1000.0, 400.0),
    "resegment_sigmas": 3.0,
    "rounding": "whole_hu",
    "padding": "filled",
}


@pytest.mark.parametrize("setting", [field.name for field in fields(RadiomicsSpec)])
def test_every_radiomics_setting_changes_the_digest(setting: str) -> None:
    other = replace(STANDARD, radiomics=replace(STANDARD.radiomics, **{setting: CHANGED[setting]}))
    assert other.digest != STANDARD.digest


def test_the_name_does_not_change_the_digest() -> None:
    assert replace(LIGHT, name="other").digest == LIGHT.digest


def test_the_algorithm_of_habitats_is_hashed_where_it_is_not_the_implied_one() -> None:
    assert "algorithm" not in hashed_form(HabitatSpec())
    assert hashed_form(HabitatSpec(algorithm="gmm")) == hashed_form(HabitatSpec()) | {"algorithm": "gmm"}
    assert set(asdict(HabitatSpec())) - set(hashed_form(HabitatSpec())) == {"algorithm"}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("engine", "quick"),
        ("convention", "own"),
        ("interpolation", "nearest"),
        ("rounding", "up"),
        ("classes", ("shape", "glcmm")),
    ],
)
def test_an_unknown_choice_is_refused_with_those_that_exist(setting: str, value: object) -> None:
    with pytest.raises(UnknownSetting, match="known are") as refusal:
        ExtractionSpec(radiomics=replace(STANDARD.radiomics, **{setting: value}))
    assert setting.rstrip("es") in refusal.value.message or "feature class" in refusal.value.message


def test_pyradiomics_cannot_keep_the_ibsi_convention() -> None:
    with pytest.raises(UnknownSetting, match="native engine"):
        ExtractionSpec(radiomics=RadiomicsSpec(engine="pyradiomics", convention="ibsi"))
