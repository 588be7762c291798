"""Outlines cut off from their image: an anonymiser changed the UIDs of one and not of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from imaging.core.corrections import Corrected
from imaging.core.dicom import SeriesReport
from imaging.core.errors import ImagingError, NoMatchingSeries
from imaging.core.inventory import SegmentationFile
from imaging.core.outlines import Outline, judge_outline, refused_outline
from imaging.core.reports import SegmentationReport
from imaging.core.subjects import Subject

_MATCHED = (
    "The series and frame of reference that it names are not here: it was laid on this series, the only one whose slices "
    "and extent its outlines fit, as was asked for."
)


def is_cut_off(segmentation: SegmentationFile, subjects: Sequence[Subject]) -> bool:
    """Return whether nothing that a segmentation names, neither series nor frame of reference, is there."""
    here = {subject.stated_uid for subject in subjects}
    here |= {subject.report.frame_of_reference_uid for subject in subjects}
    return not here & (segmentation.series_uids | segmentation.frames_of_reference)


@dataclass
class CutOff:
    """A segmentation file whose image is to be found by geometry, and the series that it fits."""

    outline: Outline
    error: ImagingError
    fits: list[list[SegmentationReport]] = field(default_factory=list)

    def try_on(self, series: SeriesReport, image: Corrected | None, *, roi: str | None) -> None:
        """Lay it on a CT series of DICOM files; it fits if each region that encloses anything does."""
        if image is None or series.kind != "dicom":
            return
        anywhere = replace(series, frame_of_reference_uid="")
        rows = list(judge_outline(self.outline, anywhere, image, roi=roi))
        if {row.code for row in rows} <= {"ok", "empty_mask"} and any(row.code == "ok" for row in rows):
            self.fits.append(rows)

    def rows(self, *, roi: str | None) -> list[SegmentationReport]:
        """Return its rows on the one series that it fits, or its refusal with the number of those."""
        if len(self.fits) == 1:
            return [
                replace(row, notes=(*row.notes, _MATCHED)) if row.verdict == "accepted" else row
                for row in self.fits[0]
            ]
        refusal = NoMatchingSeries(f"{self.error.message} By its geometry it fits {len(self.fits)} series, not one.")
        return [refused_outline(self.outline, refusal, roi=roi)]
