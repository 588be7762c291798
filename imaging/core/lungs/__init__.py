"""The lungs in a chest CT, by classical means: air, airways, sides and surfaces."""

from imaging.core.lungs.segment import LEFT, RIGHT, SIDES, Lungs, LungSettings, segment_lungs, settings_document

__all__ = ["LEFT", "RIGHT", "SIDES", "LungSettings", "Lungs", "segment_lungs", "settings_document"]
