"""Records of images, masks and what was computed from them."""

from imaging.models.discarded import DiscardedArtefact
from imaging.models.features import FeatureSchema, FeatureSet
from imaging.models.habitat import HabitatMap, HabitatModel, SupervoxelMap
from imaging.models.location import TumourLocation
from imaging.models.person import PersonMark
from imaging.models.protocol import ExtractionProtocol
from imaging.models.series import ImageSeries, Segmentation
from imaging.models.stability import PerturbedFeatures
from imaging.models.transition import Registration, TransitionMap
from imaging.models.upload import Upload, UploadedFile

__all__ = [
    "DiscardedArtefact",
    "ExtractionProtocol",
    "FeatureSchema",
    "FeatureSet",
    "HabitatMap",
    "HabitatModel",
    "ImageSeries",
    "PersonMark",
    "PerturbedFeatures",
    "Registration",
    "Segmentation",
    "SupervoxelMap",
    "TransitionMap",
    "TumourLocation",
    "Upload",
    "UploadedFile",
]
