"""Records of images, masks and what was computed from them."""

from imaging.models.features import FeatureSchema, FeatureSet
from imaging.models.habitat import HabitatMap, HabitatModel, SupervoxelMap
from imaging.models.protocol import ExtractionProtocol
from imaging.models.series import ImageSeries, Segmentation

__all__ = [
    "ExtractionProtocol",
    "FeatureSchema",
    "FeatureSet",
    "HabitatMap",
    "HabitatModel",
    "ImageSeries",
    "Segmentation",
    "SupervoxelMap",
]
