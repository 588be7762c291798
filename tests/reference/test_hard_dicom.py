"""Every file of the hard DICOM collection is accepted and correct, or refused with the reason that its manifest gives.

Truth: ``manifest.csv`` (opens? decodes? digest of pixels), ``expected_seg.json``, ``*_ground_truth.nii.gz``, the NRRD
labels beside DICOM segmentations, uncompressed twins of compressed images, and the class of fault in a folder's name.
All files are scanned in a process of their own with a limit of time, so that a crash or a hang is a failed test.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from skimage.measure import points_in_poly

from imaging.core.corrections import Corrections
from imaging.core.dataset import open_dataset
from imaging.core.decoding import decoded
from imaging.core.dicom import read_corrected, read_series
from imaging.core.errors import MissingSlice, SliceTooThick, TooFewSlices
from imaging.core.geometry import Grid, Volume, to_sitk
from imaging.core.masks import read_labels, read_mask
from imaging.core.nifti import read_volume_file
from imaging.core.planes import slices_of
from imaging.core.rtstruct import read_rtstruct
from imaging.core.seg import read_seg
from imaging.core.slices import arrange
from imaging.core.straighten import OUTSIDE_HU

pytestmark = [pytest.mark.realdata, pytest.mark.filterwarnings("ignore::UserWarning:pydicom")]

#: The whole walk takes a few seconds.
LIMIT_SECONDS = 240
_SE = "pydicom/dicomdirtests/TINY_ALPHA/PT000000/ST000000/SE000000"


@dataclass(frozen=True)
class Case:
    """What scanning a folder or a file must give: one code for each series, or for each mask, and words of a reason.

    ``code`` is "ok", a code of `imaging.core.errors`, or "ignored" for what is neither image nor outline. ``files``
    are the images of a folder, ``texts`` what else lies in it.
    """

    path: str
    code: str
    words: str = ""
    files: int = 1
    texts: int = 0


FOLDERS = [
    Case("dcmqi_seg/23x38x3/image", "not_ct", "rescale type is US", 3),
    Case("dcmqi_seg/24x38x3/image", "not_ct", "rescale type is US", 3),
    Case("dcmqi_seg/ct-3slice", "ok", files=3),
    Case("dicom2nifti_failing/gantrytilting/001", "tilted_gantry", "4 slices leans 14.0 degrees", 4),
    Case("dicom2nifti_failing/notavolume/001", "duplicate_slice", "4 images lie at one position, 61.5 mm", 4),
    Case("dicom2nifti_failing/slicecount/001", "not_ct", "MR, not CT", 2),
    Case("dicom2nifti_failing/sliceincrement/001", "missing_slice", "28.1075 and 38.1075 mm (a gap of 10 mm)", 4),
    Case("dicom2nifti_failing/sliceincrement/002", "missing_slice", "(a gap of 1.499 mm)", 4),
    Case("dicom2nifti_failing/sliceorientation/001", "not_ct", "MR, not CT", 4),
    Case("dicom2nifti_generic/anatomical/001", "not_ct", "MR, not CT", 4),
    Case("dicom2nifti_generic/anatomical/001_implicit", "not_ct", "MR, not CT", 4),
    Case("dicom2nifti_generic/anatomical/002_non_isotropic", "not_ct", "MR, not CT", 4),
    Case("dicom2nifti_generic/compressed/001", "not_ct", "MR, not CT", 4),
    Case("dicom2nifti_generic/compressed_j2k/001", "not_ct", "MR, not CT", 4),
    Case("dicom2nifti_generic/compressed_jpeg/001", "not_ct", "MR, not CT", 4),
    Case("dicom2nifti_generic/compressed_jpegls/001", "not_ct", "MR, not CT", 4),
    Case("dicom2nifti_generic/compressed_rle/001", "not_ct", "MR, not CT", 4),
    Case("pydicom/dicomdirtests/77654033/CR1", "not_ct", "CR, not CT", 1),
    Case("pydicom/dicomdirtests/77654033/CR2", "not_ct", "CR, not CT", 1),
    Case("pydicom/dicomdirtests/77654033/CR3", "not_ct", "CR, not CT", 1),
    Case("pydicom/dicomdirtests/77654033/CT2", "missing_slice", "161 slices are missing", 4),
    Case("pydicom/dicomdirtests/98892001/CT2N", "localizer", "scouts", 2),
    Case("pydicom/dicomdirtests/98892001/CT5N", "ok", files=5),
    Case("pydicom/dicomdirtests/98892003/MR1", "not_ct", "MR, not CT", 3),
    Case("pydicom/dicomdirtests/98892003/MR2", "not_ct", "MR, not CT", 7),
    Case("pydicom/dicomdirtests/98892003/MR700", "not_ct", "MR, not CT", 7),
    Case(_SE, "missing_geometry", "no usable position", 50),
    Case("rt_utils/oriented_data", "not_ct", "rescale type is US", 3, texts=1),
    Case("totalseg_j2k_ct", "ok", files=20, texts=1),
]

SINGLES = [
    *(Case(f"dcmqi_seg/{size}/multiframe/mf.dcm", "not_ct", "rescale type is US") for size in ("23x38x3", "24x38x3")),
    *(Case(f"dcmqi_seg/{size}/seg/label.seg", "no_matching_series", "not here") for size in ("23x38x3", "24x38x3")),
    *(Case(f"dcmqi_seg/{size}/nrrd/label.nrrd", "no_matching_series", "No image") for size in ("23x38x3", "24x38x3")),
    *(Case(f"dcmqi_seg/partial_overlaps-{n}.nrrd", "not_ct", "no value is below -500 HU") for n in (1, 2, 3)),
    Case("dcmqi_seg/partial_overlaps.dcm", "no_matching_series", "not here"),
    Case("dcmqi_seg/sparse-labelmap-noppv.dcm", "no_matching_series", "not here"),
    Case("dcmqi_seg/sparse-labelmap-ppv5.dcm", "no_matching_series", "not here"),
    Case("highdicom_seg/ct_image.dcm", "too_few_slices", "only 1 slice"),
    *(
        Case(f"highdicom_seg/seg_image_ct_{kind}.dcm", "no_matching_series", "not here")
        for kind in ("binary", "binary_fractional", "binary_overlap", "binary_single_frame", "true_fractional")
    ),
    *(
        Case(f"pydicom/{name}.dcm", "too_few_slices", "only 1 slice")
        for name in ("693_J2KI", "693_UNCI", "CT_small", "J2K_pixelrep_mismatch", "bad_sequence", "explicit_VR-UN")
    ),
    *(
        Case(f"pydicom/{name}.dcm", "not_ct", "MR, not CT")
        for name in (
            *("MR-SIEMENS-DICOM-WithOverlays", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_padded"),
            *("MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_truncated", "emri_small", "emri_small_RLE"),
            "examples_overlay",
        )
    ),
    *(
        Case(f"pydicom/{name}.dcm", "not_ct", "NM, not CT")
        for name in (
            *("JPEG-LL", "JPEG-lossy", "JPEG2000-embedded-sequence-delimiter", "JPEG2000", "JPEG2000_UNC"),
            "JPGExtended",
        )
    ),
    *(Case(f"pydicom/{name}.dcm", "not_ct", "OT, not CT") for name in ("image_dfl", "mlut_18", "vlut_04")),
    *(Case(f"pydicom/{name}.dcm", "not_ct", "RTDOSE, not CT") for name in ("badVR", "rtdose")),
    Case("pydicom/ExplVR_BigEnd.dcm", "not_ct", "US, not CT"),
    Case("pydicom/JPEGLSNearLossless_16.dcm", "not_ct", "does not state its modality"),
    Case("pydicom/eCT_Supplemental.dcm", "not_ct", "rescale type is US"),  # a perfusion map
    Case("pydicom/emri_small_jpeg_2k_lossless_too_short.dcm", "unreadable_file", "cannot be read"),
    Case("pydicom/meta_missing_tsyntax.dcm", "unreadable_file", "no DICOM attributes"),
    Case("pydicom/nested_priv_SQ.dcm", "unreadable_file", "no DICOM attributes"),
    Case("pydicom/no_meta.dcm", "unreadable_file", "does not begin like one"),
    *(
        Case(f"pydicom/{name}.dcm", "no_matching_series", "not here")
        for name in ("liver", "liver_1frame", "liver_nonbyte_aligned", "rtstruct")
    ),
    *(
        Case(f"pydicom/{name}", "ignored")
        for name in (
            *("ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "rtplan.dcm", "rtplan_truncated.dcm"),  # plans
            *("reportsi.dcm", "UN_sequence.dcm", "empty_charset_LEI.dcm", "no_meta_group_length.dcm", "priv_SQ.dcm"),
            *(
                "zipMR.gz",
                "dicomdirtests/DICOMDIR",
                "dicomdirtests/DICOMDIR-bigEnd",
                "dicomdirtests/DICOMDIR-empty.dcm",
            ),
            *(
                "dicomdirtests/DICOMDIR-implicit",
                "dicomdirtests/DICOMDIR-nooffset",
                "dicomdirtests/DICOMDIR-nopatient",
            ),
            *("dicomdirtests/DICOMDIR-reordered", "dicomdirtests/TINY_ALPHA/DICOMDIR"),
        )
    ),
    *(Case(f"rt_utils/mock_data/ct_{n}.dcm", "too_few_slices", "only 1 slice") for n in (1, 2)),
    *(
        Case(f"rt_utils/mock_data/{name}.dcm", "no_matching_series", "not here")
        for name in ("rt", "invalid_reference_rt", "non_existent_reference_rt")
    ),
    Case("rt_utils/one_slice_data/0.dcm", "not_ct", "rescale type is US"),
    *(
        Case(f"wg04_ct/CT{n}_{codec}", "too_few_slices", "only 1 slice")
        for n in (1, 2)
        for codec in ("J2KI", "J2KR", "JLSL", "JLSN", "JPLL", "RLE", "UNC")
    ),
    # Ground truths, which are images themselves.
    Case("dicom2nifti_failing/slicecount/001_ground_truth.nii.gz", "too_few_slices", "only 2 slices"),
    Case("dicom2nifti_failing/sliceincrement/002_ground_truth.nii.gz", "ok"),
    *(
        Case(f"dicom2nifti_generic/{name}_ground_truth.nii.gz", "not_ct", "no value is below -500 HU")
        for name in (
            *("anatomical/001", "anatomical/001_implicit", "anatomical/002_non_isotropic", "compressed/001"),
            *("compressed_j2k/001", "compressed_jpeg/001", "compressed_jpegls/001", "compressed_rle/001"),
        )
    ),
]

#: Words about the files, beside them.
TEXTS = {
    *(
        "manifest.csv",
        "expected_seg.json",
        "rt_utils/oriented_data/info.txt",
        "pydicom/README_pydicom_test_files.txt",
    ),
    *("pydicom/dicomdirtests/README.txt", "pydicom/dicomdirtests/TINY_ALPHA/README"),
}

#: Lossy JPEG of 12 bits: decoders for it exist, but under a licence that is not ours to ship. Refused, never guessed.
NO_DECODER = {"pydicom/JPGExtended.dcm"}

_DRIVER = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
from imaging.core.dataset import open_dataset, reading
from imaging.core.decoding import decoded as decode
from imaging.core.errors import ImagingError
from imaging.core.scan import scan

root, (targets, decoded) = Path(sys.argv[1]), json.load(sys.stdin)
found = {"scans": {}, "digests": {}}
for target in targets:
    report = scan(root / target)
    found["scans"][target] = {
        "series": [[row.code, row.reason, len(row.files)] for row in report.series],
        "masks": [[row.code, row.reason] for row in report.segmentations],
        "ignored": report.ignored,
    }
for file, kind in decoded:
    try:
        with reading("A file"):
            pixels = np.ascontiguousarray(decode(open_dataset(root / file)).astype(kind or None))
        found["digests"][file] = hashlib.sha1(pixels.tobytes()).hexdigest()
    except ImagingError as error:
        found["digests"][file] = error.code
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def root(shared_data: Path) -> Path:
    return shared_data / "hard_dicom"


@pytest.fixture(scope="module")
def manifest(root: Path) -> list[dict[str, str]]:
    with (root / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def walk(root: Path, manifest: list[dict[str, str]]) -> dict[str, Any]:
    """Outcomes of every case and digests of every image, found by another process within the limit of time."""
    decoded = [(row["file"], row["dtype"]) for row in manifest if row["decode"] != "no pixel data"]
    orders = [[case.path for case in [*FOLDERS, *SINGLES]], decoded]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _DRIVER, str(root)],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        cwd=Path(__file__).resolve().parents[2],
        check=False,
    )
    assert done.returncode == 0, f"the walk ended with {done.returncode}: {done.stderr[-2000:]}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def expected_seg(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "expected_seg.json").read_text())
    return {path.removeprefix("hard_dicom/"): entry for path, entry in found.items()}


@pytest.mark.parametrize("case", [*FOLDERS, *SINGLES], ids=lambda case: case.path)
def test_it_is_accepted_or_refused_for_its_own_fault(walk: dict[str, Any], case: Case) -> None:
    outcome = walk["scans"][case.path]
    rows = [*outcome["series"], *outcome["masks"]]
    if case.code == "ignored":
        assert (rows, outcome["ignored"]) == ([], 1)
        return
    assert outcome["ignored"] == case.texts
    assert rows
    assert {row[0] for row in rows} == {case.code}
    assert all(case.words in row[1] for row in rows)
    if outcome["series"]:
        assert sum(row[2] for row in rows) == case.files


def test_every_file_is_accounted_for_exactly_once(root: Path, manifest: list[dict[str, str]]) -> None:
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    texts = {file for file in files if file in TEXTS or Path(file).name.startswith("LICENSE")}
    owners = Counter(case.path for case in SINGLES)
    for case in FOLDERS:
        inside = [file for file in files - texts if file.startswith(case.path + "/")]
        assert len(inside) == case.files, case.path
        owners.update(inside)
    assert {file for file, count in owners.items() if count > 1} == set()
    assert files - texts == set(owners)
    assert {row["file"] for row in manifest} <= set(owners)
    assert len(manifest) == 256


def test_every_image_decodes_to_the_recorded_pixels(walk: dict[str, Any], manifest: list[dict[str, str]]) -> None:
    wrong = {
        row["file"]: walk["digests"][row["file"]]
        for row in manifest
        if row["decode"] == "ok" and not walk["digests"][row["file"]].startswith(row["sha1_pixels"])
    }
    assert wrong == dict.fromkeys(NO_DECODER, "unreadable_file")
    assert sum(row["decode"] == "ok" for row in manifest) == 177


def test_what_cannot_be_decoded_is_unreadable_and_nothing_else(
    walk: dict[str, Any], manifest: list[dict[str, str]]
) -> None:
    failing = [row["file"] for row in manifest if row["decode"] not in ("ok", "no pixel data")]
    assert failing
    outcomes = {file: walk["digests"][file] for file in failing}
    # pydicom cannot place the two JPEG files; GDCM, which we have beside it, may.
    assert {file for file, code in outcomes.items() if code != "unreadable_file"} <= {
        "pydicom/JPEG-lossy.dcm",
        "pydicom/JPEG2000-embedded-sequence-delimiter.dcm",
    }


# Accepted and correct.


def as_ct(source: Path, folder: Path, **attributes: object) -> list[Path]:
    """Copies of a series that say they are CT in HU; pixels stay as they are stored, compressed or not."""
    folder.mkdir()
    made = []
    for file in sorted(p for p in source.iterdir() if p.suffix != ".txt"):
        dataset = pydicom.dcmread(file)
        dataset.Modality, dataset.SOPClassUID = "CT", "1.2.840.10008.5.1.4.1.1.2"
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, 0, "HU"
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
        made.append(folder / file.name)
        dataset.save_as(made[-1])
    return made


GENERIC = {
    "anatomical/001": "Explicit VR Little Endian",
    "anatomical/001_implicit": "Implicit VR Little Endian",
    "compressed/001": "JPEG 2000 Image Compression (Lossless Only)",
    "compressed_j2k/001": "JPEG 2000 Image Compression (Lossless Only)",
    "compressed_jpeg/001": "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
    "compressed_jpegls/001": "JPEG-LS Lossless Image Compression",
    "compressed_rle/001": "RLE Lossless",
}


@pytest.mark.parametrize("name", GENERIC)
def test_a_series_in_any_transfer_syntax_equals_its_ground_truth(root: Path, tmp_path: Path, name: str) -> None:
    files = as_ct(root / "dicom2nifti_generic" / name, tmp_path / "ct")
    assert {pydicom.dcmread(file).file_meta.TransferSyntaxUID.name for file in files} == {GENERIC[name]}
    volume = read_series(files)
    truth = read_volume_file(root / f"dicom2nifti_generic/{name}_ground_truth.nii.gz")
    labels = sitk.DICOMOrient(to_sitk(truth), "LPS"), sitk.DICOMOrient(to_sitk(volume), "LPS")
    assert np.array_equal(*(sitk.GetArrayFromImage(image) for image in labels))
    for own, other in zip(*((image.GetSpacing(), image.GetOrigin()) for image in labels), strict=True):
        assert own == pytest.approx(other, abs=1e-3)


@pytest.mark.parametrize("codec", ["J2KR", "JLSL", "JPLL", "RLE"])
@pytest.mark.parametrize("image", ["CT1", "CT2"])
def test_lossless_codecs_give_the_uncompressed_image_bit_by_bit(root: Path, image: str, codec: str) -> None:
    plain, packed = (decoded(open_dataset(root / f"wg04_ct/{image}_{name}")) for name in ("UNC", codec))
    assert np.array_equal(plain, packed)
    assert plain.dtype == packed.dtype


@pytest.mark.parametrize("image", ["CT1", "CT2"])
def test_near_lossless_jpeg_ls_keeps_the_bound_that_its_stream_states(root: Path, image: str) -> None:
    plain, packed = (open_dataset(root / f"wg04_ct/{image}_{name}") for name in ("UNC", "JLSN"))
    scan_header = packed.PixelData[packed.PixelData.index(b"\xff\xda") :]
    near = scan_header[7]  # ITU-T T.87, C.2.3
    error = np.abs(decoded(plain).astype(int) - decoded(packed).astype(int))
    assert 0 < error.max() <= near == 4


def test_overlapping_slices_have_the_spacing_of_their_positions_and_not_their_thickness(root: Path) -> None:
    files = sorted((root / "totalseg_j2k_ct").glob("CT.*"))
    volume = read_series(files)
    assert {float(open_dataset(file, pixels=False).SliceThickness) for file in files} == {3.0}
    assert volume.grid.spacing_zyx_mm == (2.0, 0.9765625, 0.9765625)
    assert volume.array.shape == (20, 512, 512)
    by_height = sorted((open_dataset(file) for file in files), key=lambda d: float(d.ImagePositionPatient[2]))
    for plane, dataset in zip(volume.array, by_height, strict=True):
        hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        assert np.array_equal(plane, hu)


def test_a_tilted_series_straightened_equals_what_itk_resamples_from_the_sheared_stack(root: Path) -> None:
    files = sorted((root / "dicom2nifti_failing/gantrytilting/001").iterdir())
    found = read_corrected(files, corrections=Corrections(tilt=True))
    (sentence,) = found.sentences
    assert "tilt of 14.0 degrees" in sentence
    # The table moved 15 mm, of which the sine of the tilt lies in the slices.
    assert "by up to 3.629 mm" in sentence
    leaning = found.drawn_on.leaning
    assert leaning is not None
    planes = sorted((open_dataset(file) for file in files), key=lambda d: float(d.ImagePositionPatient[2]))
    hu = [d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in planes]
    sheared = to_sitk(Volume(np.stack(hu).astype(np.float32), leaning))
    grid = found.volume.grid
    target = to_sitk(Volume(np.zeros(grid.shape_zyx, dtype=np.float32), grid))
    resampled = sitk.GetArrayFromImage(
        sitk.Resample(sheared, target, sitk.Transform(), sitk.sitkBSpline3, OUTSIDE_HU)
    )
    inner = np.s_[:, 20:-20, 20:-20]
    lowest, highest = float(np.min(hu)), float(np.max(hu))
    assert np.abs(np.clip(resampled, lowest, highest)[inner] - found.volume.array[inner]).max() <= 1.0


def test_of_four_images_at_one_position_one_can_be_chosen_and_is_no_volume(root: Path) -> None:
    files = sorted((root / "dicom2nifti_failing/notavolume/001").iterdir())
    with pytest.raises(TooFewSlices, match="only 1 slice"):
        read_corrected(files, corrections=Corrections(repeated="first"))


def test_an_increment_of_a_tilted_series_stays_refused_when_it_is_straightened(root: Path) -> None:
    for folder in ("sliceincrement/001", "sliceincrement/002"):
        files = sorted((root / "dicom2nifti_failing" / folder).iterdir())
        with pytest.raises(MissingSlice, match="1 slice is missing"):
            read_corrected(files, corrections=Corrections(tilt=True, repeated="first", localizers=True))


def test_oblique_slices_form_a_right_angled_grid_on_which_contours_land(root: Path, tmp_path: Path) -> None:
    files = as_ct(root / "rt_utils/oriented_data", tmp_path / "ct", RescaleSlope="0.1")  # stored: noise to 10,000
    volume = read_series(files)
    axes = np.array(volume.grid.direction)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-9)
    assert axes[:, 0] == pytest.approx([0.9541666, -0.2080757, 0.2151061], abs=1e-3)
    first, second = (np.array(pydicom.dcmread(file).ImagePositionPatient, dtype=float) for file in files[:2])
    assert volume.grid.spacing_zyx_mm == pytest.approx((np.linalg.norm(second - first), 3.5, 2.5), abs=1e-3)
    region, outline, contour = Dataset(), Dataset(), Dataset()
    region.ROINumber, region.ROIName = 1, "GTV"
    corners = [(1, 9.5, 19.5), (1, 9.5, 29.5), (1, 16.5, 29.5), (1, 16.5, 19.5)]
    contour.ContourGeometricType = "CLOSED_PLANAR"
    contour.ContourData = [float(f"{v:.3f}") for corner in corners for v in volume.grid.position(corner)]
    outline.ReferencedROINumber, outline.ContourSequence = 1, [contour]
    structures = Dataset()
    structures.StructureSetROISequence, structures.ROIContourSequence = [region], [outline]
    (found,) = read_rtstruct(structures, volume.grid)
    assert found.mask.array[1, 10:17, 20:30].all()
    assert found.mask.voxels == 7 * 10


def test_a_real_structure_set_has_the_pixels_that_ray_casting_gives(root: Path) -> None:
    images = [open_dataset(root / f"rt_utils/mock_data/ct_{n}.dcm", pixels=False) for n in (1, 2)]
    planes = [slices_of(image)[0] for image in images]
    grid = Grid((2, *planes[0].shape), (5.0, *planes[0].pixel_spacing_mm), planes[0].position_lps_mm)
    dataset = open_dataset(root / "rt_utils/mock_data/rt.dcm")
    (found,) = read_rtstruct(dataset, grid, roi="ROI-1")
    y, x = np.mgrid[: grid.shape_zyx[1], : grid.shape_zyx[2]]
    expected = np.zeros(grid.shape_zyx, dtype=bool)
    for contour in dataset.ROIContourSequence[0].ContourSequence:
        index = grid.index(np.array(contour.ContourData, dtype=float).reshape(-1, 3))
        inside = points_in_poly(np.column_stack([y.ravel(), x.ravel()]), index[:, 1:]).reshape(y.shape)
        expected[round(index[0, 0])] ^= inside
    # The two rules differ for centres on an outline only.
    assert found.mask.voxels > 50
    assert (found.mask.array ^ expected).sum() <= 0.02 * found.mask.voxels


# Segmentations on their own grid: the CT of most is not in the collection.


def own_grid(dataset: Dataset, *, step_mm: float) -> Grid:
    """The axial grid that the frames of a segmentation span."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    places = [
        frame.PlanePositionSequence[0].ImagePositionPatient for frame in dataset.PerFrameFunctionalGroupsSequence
    ]
    heights = sorted({round(float(place[2]), 6) for place in places})
    x, y, _ = map(float, places[0])
    rows, columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    slices = round((heights[-1] - heights[0]) / step_mm) + 1
    return Grid((slices, dataset.Rows, dataset.Columns), (step_mm, rows, columns), (x, y, heights[0]))


SEGMENTATIONS = {
    "dcmqi_seg/23x38x3/seg/label.seg": 2.5,
    "dcmqi_seg/24x38x3/seg/label.seg": 2.5,
    "dcmqi_seg/partial_overlaps.dcm": 1.0,
    "dcmqi_seg/sparse-labelmap-noppv.dcm": 2.5,
    "dcmqi_seg/sparse-labelmap-ppv5.dcm": 2.5,
    "highdicom_seg/seg_image_ct_binary.dcm": 1.25,
    "highdicom_seg/seg_image_ct_binary_fractional.dcm": 1.25,
    "highdicom_seg/seg_image_ct_binary_overlap.dcm": 1.25,
    "highdicom_seg/seg_image_ct_binary_single_frame.dcm": 5.0,
    "highdicom_seg/seg_image_ct_true_fractional.dcm": 1.25,
}


@pytest.mark.parametrize("path", SEGMENTATIONS)
def test_every_segment_has_its_expected_voxels(root: Path, expected_seg: dict[str, Any], path: str) -> None:
    dataset, want = open_dataset(root / path), expected_seg[path]
    found = read_seg(dataset, own_grid(dataset, step_mm=SEGMENTATIONS[path]))
    counts = {number: voxels for number, voxels in want["nonzero_voxels_per_segment"].items() if number != "0"}
    names = {number: name for number, name in want["segments"].items() if number != "0"}
    assert {str(mask.number): mask.name for mask in found} == names
    if want["type"] == "FRACTIONAL":
        # Expected are the voxels above zero; taken are those of which at least half is inside.
        half = 0.5 * int(dataset.MaximumFractionalValue)
        assert np.count_nonzero(dataset.pixel_array) == counts["1"]
        counts = {"1": int(np.count_nonzero(dataset.pixel_array >= half))}
        assert all(mask.tool.startswith("fractional, cut at 0.5") for mask in found)
    assert {str(mask.number): mask.mask.voxels for mask in found} == counts
    if (shared := want["voxels_in_more_than_one_segment"]) is not None:
        depth = np.sum([mask.mask.array for mask in found], axis=0)
        assert np.count_nonzero(depth > 1) == shared


def test_expected_segmentations_are_all_tested(expected_seg: dict[str, Any]) -> None:
    elsewhere = {"lidc_0314_mini/seg/readers1-4_overlapping.dcm"}  # tests/reference/test_real_imports.py
    assert set(expected_seg) == set(SEGMENTATIONS) | elsewhere


@pytest.mark.parametrize("size", ["23x38x3", "24x38x3"])
def test_segments_equal_the_label_maps_they_were_made_from(root: Path, tmp_path: Path, size: str) -> None:
    folder = root / "dcmqi_seg" / size
    images = [pydicom.dcmread(file) for file in sorted((folder / "image").iterdir())]
    _, grid = arrange([slices_of(image)[0] for image in images])
    volume = Volume(np.zeros(grid.shape_zyx, dtype=np.int16), grid)
    segment = read_mask(folder / "seg/label.seg", volume)
    labels = read_labels(folder / "nrrd/label.nrrd", volume).layers[0]
    assert np.array_equal(segment.mask.array, labels > 0)


def test_overlapping_segments_equal_the_label_maps_they_were_made_from(root: Path) -> None:
    volume = read_series(sorted((root / "dcmqi_seg/ct-3slice").iterdir()))
    segments = read_seg(open_dataset(root / "dcmqi_seg/partial_overlaps.dcm"), volume.grid)
    maps = [read_labels(root / f"dcmqi_seg/partial_overlaps-{n}.nrrd", volume).layers[0] for n in (1, 2, 3)]
    known = [labels == value for labels in maps for value in np.unique(labels) if value]
    assert len(segments) == 5
    for segment in segments:
        assert any(np.array_equal(segment.mask.array, region) for region in known)


def test_bits_packed_across_bytes_give_the_same_liver(root: Path) -> None:
    volume = read_series(sorted((root / "dcmqi_seg/ct-3slice").iterdir()))
    whole, cropped = (read_mask(root / f"pydicom/{name}.dcm", volume) for name in ("liver", "liver_nonbyte_aligned"))
    frames = open_dataset(root / "pydicom/liver.dcm").pixel_array
    assert whole.mask.voxels == np.count_nonzero(frames)
    assert np.array_equal(whole.mask.array, cropped.mask.array)


@pytest.mark.parametrize("roi", ["SCT:421060004", "Spine", "2", "second segment"])
def test_a_real_segment_is_found_by_coded_type_meaning_number_and_label(root: Path, roi: str) -> None:
    dataset = open_dataset(root / "highdicom_seg/seg_image_ct_binary_overlap.dcm")
    (found,) = read_seg(dataset, own_grid(dataset, step_mm=1.25), segment=roi)
    assert (found.number, found.mask.voxels) == (2, 16)


def test_a_thicker_series_is_refused_whatever_its_pixels_are(root: Path, tmp_path: Path) -> None:
    files = as_ct(root / "rt_utils/oriented_data", tmp_path / "ct")
    for number, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 5.5 * number]
        dataset.save_as(file)
    with pytest.raises(SliceTooThick, match=r"5\.5 mm apart"):
        read_series(files)
