"""The peer: pyradiomics called as its documentation shows, on the whole volume."""

from __future__ import annotations

import logging

import SimpleITK as sitk
from radiomics import featureextractor, setVerbosity

from imaging.core.geometry import TumorMask, Volume, to_sitk
from imaging.core.spec import RadiomicsSpec


def plain_pyradiomics(volume: Volume, mask: TumorMask, spec: RadiomicsSpec) -> dict[str, float]:
    setVerbosity(logging.ERROR)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    extractor = featureextractor.RadiomicsFeatureExtractor(
        binWidth=spec.bin_width_hu,
        resampledPixelSpacing=[spec.resampled_spacing_mm] * 3,
        interpolator=sitk.sitkBSpline,
        padDistance=spec.pad_distance_voxels,
        voxelArrayShift=spec.voxel_array_shift,
    )
    extractor.enableImageTypeByName("LoG", customArgs={"sigma": list(spec.log_sigma_mm)})
    extractor.enableImageTypeByName("Wavelet")
    return dict(extractor.execute(to_sitk(volume), to_sitk(mask)))
