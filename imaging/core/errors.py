"""What can be wrong with an image, a mask or a computation on them.

Each error has a stable ``code`` (documented in ``docs/errors.md``) and a message that is true,
specific and free of identity: it names slices, numbers and regions, never a person or a path.
"""

from __future__ import annotations

from collections.abc import Mapping


class ImagingError(Exception):
    """Base of everything that `imaging.core` raises on purpose.

    Parameters
    ----------
    message : str
        One sentence for a person. It carries numbers and names of regions, never identity.
    """

    code = "imaging"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnreadableFile(ImagingError):
    """A file is truncated, damaged or in an encoding that no decoder handles."""

    code = "unreadable_file"


class UnsafeArchive(ImagingError):
    """An archive holds a path that leaves it, a link, or more than the permitted size."""

    code = "unsafe_archive"


class NothingToImport(ImagingError):
    """A folder or archive holds neither images nor masks."""

    code = "nothing_to_import"


class SeriesRefused(ImagingError):
    """A series cannot become a volume without lying about its geometry."""

    code = "series_refused"


class NotCT(SeriesRefused):
    """The modality is not CT."""

    code = "not_ct"


class MixedImages(SeriesRefused):
    """Original and derived images, or derived ones of several kinds, lie in one series."""

    code = "mixed_images"


class MissingSlice(SeriesRefused):
    """The distance between slices shows a gap."""

    code = "missing_slice"


class DuplicateSlice(SeriesRefused):
    """Two or more images lie at one position."""

    code = "duplicate_slice"


class UnevenSpacing(SeriesRefused):
    """The distance between slices changes within the series."""

    code = "uneven_spacing"


class MixedOrientation(SeriesRefused):
    """Slices of one series point in different directions."""

    code = "mixed_orientation"


class MixedPixelSpacing(SeriesRefused):
    """Slices of one series have different pixel spacings or sizes."""

    code = "mixed_pixel_spacing"


class TiltedGantry(SeriesRefused):
    """The slice positions are sheared against the slice normal."""

    code = "tilted_gantry"


class MixedSeries(SeriesRefused):
    """Images of one series name several patients, studies or frames of reference."""

    code = "mixed_series"


class SeveralImages(SeriesRefused):
    """Several images are there where one is wanted."""

    code = "several_images"


class TooFewSlices(SeriesRefused):
    """A series has too few slices to be a volume."""

    code = "too_few_slices"


class SliceTooThick(SeriesRefused):
    """The slice spacing exceeds what the protocol accepts."""

    code = "slice_too_thick"


class MissingGeometry(SeriesRefused):
    """A series does not say where its slices lie."""

    code = "missing_geometry"


class MaskRefused(ImagingError):
    """A mask cannot be used with its image."""

    code = "mask_refused"


class EmptyMask(MaskRefused):
    """No voxel is inside the mask."""

    code = "empty_mask"


class NoClosedContour(EmptyMask):
    """A region of a structure set marks points or open lines, which enclose nothing."""

    code = "no_closed_contour"


class MaskTooSmall(MaskRefused):
    """Too few voxels for texture."""

    code = "mask_too_small"


class NothingInRange(MaskRefused):
    """The protocol's intensity range leaves no voxel of the mask."""

    code = "nothing_in_range"


class TooManyGreyLevels(MaskRefused):
    """The protocol's bins cut the intensities into more grey levels than texture is computed from."""

    code = "too_many_grey_levels"


class GridMismatch(MaskRefused):
    """Mask and image do not share a grid."""

    code = "grid_mismatch"


class MaskOutsideImage(MaskRefused):
    """The contours or segments lie outside the image."""

    code = "mask_outside_image"


class FrameOfReferenceMismatch(MaskRefused):
    """The mask was drawn in another frame of reference."""

    code = "frame_of_reference_mismatch"


class RegionNotFound(MaskRefused):
    """The named region is not among those present."""

    code = "region_not_found"


class NumberUsedTwice(MaskRefused):
    """Two regions of one file have the same number, so that nobody can say whose the outlines are."""

    code = "number_used_twice"


class NoMatchingSeries(MaskRefused):
    """The series on which the mask was drawn is not there."""

    code = "no_matching_series"


class AnotherPerson(MaskRefused):
    """The mask names another person than its image."""

    code = "another_person"


class UnknownSetting(ImagingError):
    """A protocol has a key or value that the engine does not know."""

    code = "unknown_setting"


class CodebookMismatch(ImagingError):
    """Supervoxels and codebook were made with different settings."""

    code = "codebook_mismatch"


class TooFewSupervoxels(ImagingError):
    """There are fewer supervoxels than habitats to find."""

    code = "too_few_supervoxels"


class FeatureMismatch(ImagingError):
    """Two feature vectors that should go together have different names."""

    code = "feature_mismatch"


class Localizer(SeriesRefused):
    """The images are scouts (localisers), not slices of a volume."""

    code = "localizer"


class BurnedInText(SeriesRefused):
    """The images state that text, perhaps a name, is burned into their pixels."""

    code = "burned_in_text"


class RegistrationRefused(ImagingError):
    """Two scans could not be brought together well enough to compare places; `quality` says how well."""

    code = "registration_refused"

    def __init__(self, message: str, *, quality: Mapping[str, float] | None = None) -> None:
        super().__init__(message)
        self.quality = dict(quality or {})


class LungsNotFound(ImagingError):
    """The lungs could not be told from the rest of the image."""

    code = "lungs_not_found"


class TooFewCases(ImagingError):
    """There are too few cases for a statistic."""

    code = "too_few_cases"
