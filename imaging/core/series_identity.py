"""Which images are one series: patient, study, frame of reference, series and modality must agree.

Converters and anonymizers give several scans one SeriesInstanceUID. Where each of them lies in folders of its own, they
are told apart; where they share a folder, nobody can say what belongs together, and the series is refused with what
differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from imaging.core.acquisition import Acquisition
from imaging.core.person import ATTRIBUTES, Person

#: A scan that begins before midnight ends on the next day.
_ONE_SCAN = timedelta(days=1)


@dataclass(frozen=True)
class Header:
    """The attributes of one DICOM file by which it is sorted; `person` stays in memory."""

    file: Path
    modality: str
    series_uid: str
    study_uid: str
    instance_uid: str
    frame_of_reference_uid: str
    person: Person
    localizer: bool
    acquisition: Acquisition
    derived: str = ""


def told_apart(images: Sequence[Header]) -> list[tuple[list[Header], str]]:
    """Return the scans that images of one SeriesInstanceUID and modality make up.

    Parameters
    ----------
    images : sequence of Header
        In any order.

    Returns
    -------
    list of (list of Header, str)
        Each scan, and what differs among its images where they lie together and cannot be told apart, else "".
    """
    differing = _differing(images)
    if not differing:
        return [(list(images), "")]
    scans: dict[tuple[str, ...], list[Header]] = defaultdict(list)
    for image in images:
        scans[tuple(_value(image, attribute) for attribute in differing)].append(image)
    if _share_a_folder(scans.values()):
        return [(list(images), _listing(images, differing))]
    return [(scan, "") for scan in scans.values()]


def _differing(images: Sequence[Header]) -> list[str]:
    """Return the attributes of which several values are stated; an absent one agrees with everything."""
    values = {name: {value for image in images if (value := _value(image, name))} for name in _NAMES}
    days = {image.acquisition.acquired_on for image in images} - {None}
    if max(days, default=date.min) - min(days, default=date.min) <= _ONE_SCAN:  # type: ignore[type-var, operator]
        del values["day"]
    return [name for name, stated in values.items() if len(stated) > 1]


#: Attribute → singular and plural for a sentence.
_NAMES = {
    **{attribute: (name, f"{name}s") for attribute, name in ATTRIBUTES.items()},
    "sex": ("sex", "sexes"),
    "study": ("study", "studies"),
    "frame": ("frame of reference", "frames of reference"),
    "day": ("day of acquisition", "days of acquisition"),
}


def _value(image: Header, attribute: str) -> str:
    if attribute in ATTRIBUTES:
        return str(getattr(image.person, attribute)).casefold()
    if attribute == "day":
        day = image.acquisition.acquired_on
        return day.isoformat() if day else ""
    return image.study_uid if attribute == "study" else image.frame_of_reference_uid


def _share_a_folder(scans: Iterable[Sequence[Header]]) -> bool:
    folders = [{image.file.parent for image in scan} for scan in scans]
    return len(set().union(*folders)) < sum(map(len, folders))


def _listing(images: Sequence[Header], differing: Sequence[str]) -> str:
    counts = [(len({_value(image, name) for image in images} - {""}), name) for name in differing]
    return ", ".join(f"{n} {_NAMES[name][1]}" for n, name in counts)
