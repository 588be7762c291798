"""De-identification: nothing planted survives, and what must stay linked stays linked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.config import disable_value_validation
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import JPEGLSLossless

from imaging.core.acquisition import acquisition_of
from imaging.core.deidentify import Deidentifier, clean_files
from imaging.core.deidentify.values import region_text
from imaging.core.errors import BurnedInText, ImagingError, NotCT
from imaging.core.scan import scan

# Planted values break the rules of their attributes, and pydicom warns of each.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

PLANT = "PLANTED"
SECRET = "4711-PATIENT"

#: Attributes that stay although people can type into them: they describe a device, or a public code.
STAY = {
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ConvolutionKernel", "FilterType"),
    *("CodeValue", "CodingSchemeDesignator", "CodeMeaning"),
}


@pytest.fixture
def cleaner() -> Deidentifier:
    return Deidentifier(key=b"key", patient_code="EC-0001", secret=SECRET)


def cleaned(path: Path, cleaner: Deidentifier) -> tuple[Dataset, bytes]:
    ((_, content),) = clean_files([path], cleaner)
    return pydicom.dcmread(BytesIO(content)), content


def text_attributes() -> Iterator[tuple[int, str]]:
    """Every public text attribute of the DICOM dictionary, retired ones included, with its representation."""
    values = {
        **dict.fromkeys(("LO", "SH", "ST", "LT", "UT", "UC", "UR", "AE", "CS"), PLANT),
        "PN": f"{PLANT}^Jane",
        "UI": "1.2.3.4711",
    }
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >> 16 > 0x0006 and vr in values and keyword not in STAY:
            yield tag, vr


def plant(dataset: Dataset) -> int:
    """Write the planted word into every text attribute that the image does not need, and count them."""
    count = 0
    for tag, vr in text_attributes():
        if tag in dataset or vr == "UI":
            continue
        dataset.add(DataElement(tag, vr, f"{PLANT}^Jane" if vr == "PN" else PLANT))
        count += 1
    return count


def test_every_text_attribute_of_the_dictionary_is_emptied_of_what_was_planted(
    chest: Any, cleaner: Deidentifier
) -> None:
    with disable_value_validation():
        dataset = pydicom.dcmread(chest.slices[0])
        assert plant(dataset) > 1500
        nested = Dataset()
        plant(nested)
        deeper = Dataset()
        plant(deeper)
        nested.ReferencedInstanceSequence = Sequence([deeper])
        dataset.ReferencedSeriesSequence = Sequence([nested])
        dataset.save_as(chest.slices[0])
    found, content = cleaned(chest.slices[0], cleaner)
    assert found.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0] is not None
    assert PLANT.encode() not in content


def test_identity_survives_nowhere_in_the_bytes(chest: Any, cleaner: Deidentifier) -> None:
    file = chest.slices[0]
    dataset = pydicom.dcmread(file)
    originals = [str(e.value) for e in dataset.iterall() if e.VR == "UI" and not e.value.startswith("1.2.840.10008")]
    dataset.PatientName, dataset.PatientID = f"{PLANT}^Jane", SECRET
    dataset.PatientBirthDate, dataset.PatientAge, dataset.PatientSex = "19610203", "063Y", "F"
    for keyword in (
        *("StudyDescription", "SeriesDescription", "ProtocolName", "InstitutionName", "InstitutionAddress"),
        *("ReferringPhysicianName", "OperatorsName", "StationName", "DeviceSerialNumber", "AccessionNumber"),
        *("ImageComments", "PatientComments", "RequestedProcedureDescription", "OtherPatientIDs", "EthnicGroup"),
    ):
        setattr(dataset, keyword, PLANT)
    private = dataset.private_block(0x0009, PLANT, create=True)
    private.add_new(0x01, "LO", PLANT)
    private.add_new(0x02, "UN", PLANT.encode())
    inner = Dataset()
    inner.PatientName = PLANT
    private.add_new(0x03, "SQ", Sequence([inner]))
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = PLANT, "99HOSPITAL", PLANT
    dataset.AnatomicRegionSequence = Sequence([code])
    dataset.ContrastBolusAgent = f"agent given by {PLANT}"
    dataset.add_new(Tag(0x60000022), "LO", PLANT)  # overlay description
    dataset.add_new(Tag(0x60003000), "OW", PLANT.encode() + b"\0")  # overlay data
    dataset.add_new(Tag(0x50003000), "OW", PLANT.encode() + b"\0")  # curve data
    dataset.add_new(Tag(0xFFFCFFFC), "OB", PLANT.encode() + b"\0")  # trailing padding
    dataset.add_new(Tag(0x00280303), "UN", PLANT.encode() + b"\0")  # a kept attribute in the wrong guise
    dataset.PixelData += PLANT.encode() + b"\0"
    dataset.file_meta.SourceApplicationEntityTitle = PLANT
    dataset.file_meta.PrivateInformationCreatorUID, dataset.file_meta.PrivateInformation = (
        "1.2.3",
        PLANT.encode() + b"\0",
    )
    dataset.preamble = (PLANT * 20)[:128].encode()
    dataset.save_as(file)
    assert file.read_bytes().count(PLANT.encode()) > 35

    found, content = cleaned(file, cleaner)
    for word in (PLANT, SECRET, "Jane", "19610203", "063Y", "20240229", *originals):
        assert word.encode() not in content, word
    assert content[:128] == bytes(128)
    assert (found.PatientName, found.PatientID, found.PatientIdentityRemoved) == ("EC-0001", "EC-0001", "YES")
    assert (found.PatientBirthDate, found.PatientSex, found.ReferringPhysicianName) == ("", "", "")
    assert found.ContrastBolusAgent == "CONTRAST"
    assert [item.CodeValue for item in found.DeidentificationMethodCodeSequence] == ["113100", "113105", "113107"]
    assert found.LongitudinalTemporalInformationModified == "MODIFIED"
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert np.array_equal(found.pixel_array, pydicom.dcmread(chest.slices[0]).pixel_array)


def test_series_contours_and_segments_stay_linked_and_equal(
    chest: Any, cleaner: Deidentifier, tmp_path: Path
) -> None:
    before = scan(chest.root)
    out = tmp_path / "clean"
    out.mkdir()
    for number, source in enumerate((chest.slices, [chest.rtstruct], [chest.seg])):
        for name, content in clean_files(source, Deidentifier(b"key", "EC-0001", SECRET)):
            (out / f"{number}-{name}").write_bytes(content)
    after = scan(out)
    assert [row.code for row in after.series] == ["ok"]
    assert [(row.kind, row.code, row.voxels, row.mean_hu, row.name) for row in after.segmentations] == [
        ("rtstruct", "ok", 96, 42.5, "GTV-1"),
        ("seg", "ok", 96, 42.5, "GTV-1"),
    ]
    assert after.series[0].series_uid == cleaner.uid(before.series[0].series_uid)
    assert after.series[0].acquisition.kernel == before.series[0].acquisition.kernel
    old, new = before.series[0].acquisition.acquired_on, after.series[0].acquisition.acquired_on
    assert old is not None
    assert new is not None
    assert (new - old).days == cleaner.shift_days


def test_names_of_files_are_neutral_and_numbered_in_order(chest: Any, cleaner: Deidentifier) -> None:
    assert [name for name, _ in clean_files(chest.slices[:3], cleaner)] == ["000001.dcm", "000002.dcm", "000003.dcm"]


def test_equal_input_gives_equal_bytes(chest: Any, cleaner: Deidentifier) -> None:
    assert list(clean_files(chest.slices, cleaner)) == list(clean_files(chest.slices, cleaner))


def test_intervals_between_dates_stay_exact(chest: Any, cleaner: Deidentifier, edit: Callable[..., None]) -> None:
    edit(
        chest.slices[0],
        StudyDate="20231230",
        AcquisitionDate="20240301",
        AcquisitionDateTime="20240301235959.5+0800",
        ContentTime="101500.25",
    )
    found, _ = cleaned(chest.slices[0], cleaner)

    def day(text: str) -> date:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))

    assert (day(found.AcquisitionDate) - day(found.StudyDate)).days == 62  # 2024 is a leap year
    assert (day(found.StudyDate) - date(2023, 12, 30)).days == cleaner.shift_days
    assert found.AcquisitionDateTime == f"{found.AcquisitionDate}235959.5+0800"
    assert found.ContentTime == "101500.25"


@pytest.mark.parametrize("value", ["2024", "20241399", "00010101", "yesterday", "202401"])
def test_dates_that_cannot_be_moved_go(chest: Any, cleaner: Deidentifier, value: str) -> None:
    with disable_value_validation():
        dataset = pydicom.dcmread(chest.slices[0])
        dataset.add_new("AcquisitionDate", "DA", value)
        dataset.save_as(chest.slices[0])
    found, _ = cleaned(chest.slices[0], cleaner)
    assert "AcquisitionDate" not in found


def test_the_shift_is_whole_weeks_back_and_follows_from_key_and_code_alone() -> None:
    shifts = [Deidentifier(b"key", f"EC-{n:04d}", "any").shift_days for n in range(2000)]
    assert all(-3650 <= days <= -366 and days % 7 == 0 for days in shifts)
    assert len(set(shifts)) > 400
    assert Deidentifier(b"key", "EC-0001", "x").shift_days == Deidentifier(b"key", "EC-0001", "y").shift_days
    assert Deidentifier(b"key", "EC-0001", "x").shift_days != Deidentifier(b"other", "EC-0001", "x").shift_days
    assert Deidentifier(b"key", "EC-0001", "x", shift_days=-700).shift_days == -700
    with pytest.raises(ValueError, match="whole weeks"):
        Deidentifier(b"key", "EC-0001", "x", shift_days=-365)


def test_uids_follow_from_key_and_secret_and_those_of_the_standard_stay(cleaner: Deidentifier) -> None:
    assert cleaner.uid("1.2.3") == cleaner.uid("1.2.3\0") == Deidentifier(b"key", "other", SECRET).uid("1.2.3")
    assert cleaner.uid("1.2.3").startswith("2.25.")
    assert len(cleaner.uid("1.2.3")) <= 64
    different = {
        cleaner.uid("1.2.4"),
        Deidentifier(b"k", "c", SECRET).uid("1.2.3"),
        Deidentifier(b"key", "c", "s").uid("1.2.3"),
    }
    assert len({*different, cleaner.uid("1.2.3")}) == 4
    assert cleaner.uid("1.2.840.10008.5.1.4.1.1.2") == "1.2.840.10008.5.1.4.1.1.2"
    assert cleaner.uid("1.2.840.10008.Jane") != "1.2.840.10008.Jane"
    assert cleaner.uid("") == ""


def test_secrets_do_not_show_when_printed(cleaner: Deidentifier) -> None:
    assert SECRET not in repr(cleaner)
    assert "key" not in repr(cleaner)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("GTV-1", "GTV-1"),
        ("Lung-Left", "Lung-Left"),
        ("Nodule reader 3", "Nodule reader 3"),
        ("GTV_Mass_CT", "GTV_Mass_CT"),
        ("GTV Miller", "GTV"),
        ("GTV 4711", "GTV"),
        ("Miller^Jane", "ROI"),
        ("Müller", "ROI"),
        ("19610203", "ROI"),
        ("", "ROI"),
    ],
)
def test_names_of_regions_keep_only_words_that_name_regions(name: str, kept: str) -> None:
    assert region_text(name) == kept


def test_names_of_regions_are_cleaned_in_both_kinds_of_segmentation(chest: Any, cleaner: Deidentifier) -> None:
    contours, segments = pydicom.dcmread(chest.rtstruct), pydicom.dcmread(chest.seg)
    contours.StructureSetROISequence[0].ROIName = f"GTV {PLANT}"
    contours.StructureSetROISequence[0].ROIDescription = PLANT
    segments.SegmentSequence[0].SegmentLabel = f"GTV {PLANT}"
    segments.SegmentSequence[0].SegmentDescription = PLANT
    contours.save_as(chest.rtstruct)
    segments.save_as(chest.seg)
    found, content = cleaned(chest.rtstruct, cleaner)
    assert found.StructureSetROISequence[0].ROIName == "GTV"
    assert PLANT.encode() not in content
    found, content = cleaned(chest.seg, cleaner)
    assert found.SegmentSequence[0].SegmentLabel == "GTV"
    assert PLANT.encode() not in content


def test_names_in_other_alphabets_go_too(chest: Any, cleaner: Deidentifier) -> None:
    dataset = pydicom.dcmread(chest.slices[0])
    dataset.SpecificCharacterSet = "GB18030"
    dataset.PatientName, dataset.StudyDescription = "王^小东", "王小东"
    dataset.save_as(chest.slices[0])
    found, content = cleaned(chest.slices[0], cleaner)
    for encoding in ("gb18030", "utf-8"):
        assert "王".encode(encoding) not in content
    assert found.SpecificCharacterSet == "ISO_IR 192"


def test_compressed_pixels_stay_as_they_are(chest: Any, cleaner: Deidentifier) -> None:
    dataset = pydicom.dcmread(chest.slices[2])
    dataset.compress(JPEGLSLossless, generate_instance_uid=False)
    dataset.save_as(chest.slices[2])
    found, _ = cleaned(chest.slices[2], cleaner)
    assert found.file_meta.TransferSyntaxUID == JPEGLSLossless
    assert np.array_equal(found.pixel_array, dataset.pixel_array)


def test_contrast_and_scanner_stay_known(chest: Any, cleaner: Deidentifier, edit: Callable[..., None]) -> None:
    edit(chest.slices[0], ContrastBolusAgent="None", KVP="120")
    found, _ = cleaned(chest.slices[0], cleaner)
    facts = acquisition_of(found)
    assert (facts.contrast, facts.kvp, facts.manufacturer, facts.model) == (False, 120, "Ecotone", "Ecotone phantom")


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"BurnedInAnnotation": "YES"}, BurnedInText),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, NotCT),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, NotCT),
        ({"SOPClassUID": None, "Modality": "OT"}, NotCT),
    ],
)
def test_objects_whose_pixels_may_show_a_name_are_refused(
    chest: Any,
    cleaner: Deidentifier,
    edit: Callable[..., None],
    attributes: dict[str, Any],
    error: type[ImagingError],
) -> None:
    edit(chest.slices[0], **attributes)
    with pytest.raises(error):
        list(clean_files([chest.slices[0]], cleaner))
