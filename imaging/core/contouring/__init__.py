"""Contouring a tumour: a start from one click, filling between slices, smoothing, and comparing two masks."""

from imaging.core.contouring.comparison import MaskComparison, compare
from imaging.core.contouring.interpolation import fill_between
from imaging.core.contouring.region_growing import Grown, grow
from imaging.core.contouring.smoothing import smooth
from imaging.core.contouring.wire import pack_box, unpack_box

__all__ = ["Grown", "MaskComparison", "compare", "fill_between", "grow", "pack_box", "smooth", "unpack_box"]
