"""What the viewer loads: image, mask and habitats on one grid, in patient coordinates."""

from __future__ import annotations

import base64
import gzip
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from django.urls import reverse
from PIL import Image

from imaging import storage
from imaging.charts.flow import flow_of
from imaging.charts.strip import strip_of
from imaging.core.codec import pack_labels, pack_registered
from imaging.core.geometry import Grid, nearest_on
from imaging.core.habitats import HabitatLabels
from imaging.core.picture import habitat_picture
from imaging.core.registration import STANDARD, Registered, lung_grid_of
from imaging.core.supervoxels import pack_supervoxels, supervoxels
from imaging.models import HabitatModel, Registration, Segmentation, SupervoxelMap, TransitionMap
from imaging.services.protocols import protocol_named
from imaging.services.viewing import volume_view
from imaging.views.files import address
from tests.scans import GRID, small_scan, store_scan
from tests.trial import Trial


@pytest.fixture
def segmentation(trial: Trial) -> Segmentation:
    return store_scan(trial.patient, "pre", small_scan())


def fetched(trial: Trial, name: str, pk: int, folder: Path, *, whole: bool) -> Any:
    response = trial.client("reader").get(reverse(f"imaging:{name}", args=[pk]), {"whole": "yes"} if whole else {})
    assert response["Content-Type"] == "application/gzip"
    assert "private" in response["Cache-Control"]
    file = folder / f"{name}.nii.gz"
    file.write_bytes(response.content)
    return sitk.ReadImage(str(file))


@pytest.mark.parametrize("whole", [False, True])
def test_image_and_mask_lie_on_one_grid_and_hold_the_stored_values(
    trial: Trial, segmentation: Segmentation, tmp_path: Path, whole: bool
) -> None:
    image = fetched(trial, "volume", segmentation.pk, tmp_path, whole=whole)
    mask = fetched(trial, "mask", segmentation.pk, tmp_path, whole=whole)
    assert image.GetSize() == mask.GetSize()
    np.testing.assert_allclose(image.GetOrigin(), mask.GetOrigin())
    assert int(sitk.GetArrayFromImage(mask).sum()) == small_scan().mask.voxels
    if whole:
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), small_scan().volume.array)
        np.testing.assert_allclose(image.GetOrigin(), GRID.origin_lps_mm, atol=1e-4)
        np.testing.assert_allclose(image.GetSpacing(), GRID.spacing_zyx_mm[::-1], rtol=1e-6)


def test_the_crop_holds_the_values_at_its_place(trial: Trial, segmentation: Segmentation, tmp_path: Path) -> None:
    image = fetched(trial, "volume", segmentation.pk, tmp_path, whole=False)
    x, y, z = (round(v) for v in (np.array(image.GetOrigin()) - GRID.origin_lps_mm) / GRID.spacing_zyx_mm[::-1])
    part = sitk.GetArrayFromImage(image)
    d, h, w = part.shape
    np.testing.assert_array_equal(part, small_scan().volume.array[z : z + d, y : y + h, x : x + w])


def stored_registration(pre: Segmentation, post: Segmentation) -> tuple[Registration, Registered]:
    """A registration whose couch moved by most of a metre and whose tissue bent by millimetres."""
    grid = Grid((5, 9, 9), (4.0, 4.0, 4.0), GRID.origin_lps_mm)
    random = np.random.default_rng(3)
    bend = np.add(random.normal(0, 3, (*grid.shape_zyx, 3)), [2.0, -5.0, 640.0])
    lung = np.zeros((2, *lung_grid_of(grid).shape_zyx), dtype=bool)
    found = Registered(bend.astype(np.float32), grid, lung)
    row = Registration.objects.create(
        pre=pre, post=post, digest=STANDARD.digest, accepted=True, sha256=storage.put(pack_registered(found))
    )
    return row, found


@pytest.fixture
def pair(trial: Trial, segmentation: Segmentation) -> tuple[Registration, Registered]:
    return stored_registration(segmentation, store_scan(trial.patient, "post", small_scan(1)))


def test_what_was_sent_once_is_not_sent_again(trial: Trial, segmentation: Segmentation) -> None:
    client, url = trial.client("reader"), reverse("imaging:volume", args=[segmentation.pk])
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    other = client.get(f"{url}?whole=yes", headers={"If-None-Match": first["ETag"]})
    assert other.status_code == 200, "the whole scan is another file than the crop"


def test_an_address_that_names_its_content_never_grows_old(trial: Trial, segmentation: Segmentation) -> None:
    client = trial.client("reader")
    named = client.get(address("volume", segmentation.pk, volume_view(segmentation)))["Cache-Control"]
    assert {"private", "immutable", "max-age=31536000"} == set(named.split(", "))
    plain = client.get(reverse("imaging:volume", args=[segmentation.pk]), {"v": "of-something-else"})["Cache-Control"]
    assert {"private", "no-cache"} == set(plain.split(", "))


def test_a_known_etag_opens_nothing_to_who_may_not_see_the_patient(trial: Trial, segmentation: Segmentation) -> None:
    url = reverse("imaging:volume", args=[segmentation.pk])
    etag = trial.client("reader").get(url)["ETag"]
    assert trial.client("elsewhere").get(url, headers={"If-None-Match": etag}).status_code == 404


def test_a_crop_is_written_once(trial: Trial, segmentation: Segmentation) -> None:
    url = reverse("imaging:volume", args=[segmentation.pk])
    first = trial.client("reader").get(url).content
    storage.path_of(segmentation.series.volume_sha256).unlink()
    assert trial.client("reader").get(url).content == first


def test_supervoxels_lie_on_the_grid_of_the_scan(trial: Trial, segmentation: Segmentation, tmp_path: Path) -> None:
    protocol = protocol_named("standard")
    found = supervoxels(small_scan().volume, small_scan().mask, protocol.spec.habitats)
    row = SupervoxelMap.objects.create(
        segmentation=segmentation,
        protocol=protocol,
        n_supervoxels=found.n,
        sha256=storage.put(pack_supervoxels(found)),
    )
    image = fetched(trial, "volume", segmentation.pk, tmp_path, whole=False)
    labels = fetched(trial, "supervoxels", row.pk, tmp_path, whole=False)
    assert labels.GetSize() == image.GetSize()
    np.testing.assert_allclose(labels.GetOrigin(), image.GetOrigin())
    shown = sitk.GetArrayFromImage(labels)
    whole = sitk.GetArrayFromImage(fetched(trial, "supervoxels", row.pk, tmp_path, whole=True))
    np.testing.assert_array_equal(whole, nearest_on(found.labels.astype(np.uint8), found.grid, GRID))
    assert len(np.unique(shown)) > found.n / 2, "numbers of the supervoxels, not a mask"


def test_transitions_lie_on_the_grid_of_the_first_scan(
    trial: Trial, pair: tuple[Registration, Registered], tmp_path: Path
) -> None:
    registration, _ = pair
    model = HabitatModel.objects.create(
        cohort=trial.cohort, protocol=protocol_named("standard"), version=1, n_habitats=2, digest="0", codebook={}
    )
    codes = np.where(small_scan().mask.array, 1 + 2 * 4 + 3, 0).astype(np.uint8)
    row = TransitionMap.objects.create(
        registration=registration, habitat_model=model, counts=[], sha256=storage.put(pack_labels(codes, GRID))
    )
    image = fetched(trial, "transitions", row.pk, tmp_path, whole=True)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), codes)


def field_of(trial: Trial, registration: Registration) -> dict[str, Any]:
    response = trial.client("reader").get(reverse("imaging:registration-field", args=[registration.pk]))
    found: dict[str, Any] = json.loads(gzip.decompress(response.content))
    return found


def test_the_field_holds_the_registration_to_a_hundredth_of_a_millimetre(
    trial: Trial, pair: tuple[Registration, Registered]
) -> None:
    registration, stored = pair
    sent = field_of(trial, registration)
    steps = np.frombuffer(base64.b64decode(sent["steps"]), dtype="<i2").reshape(stored.displacement.shape)
    np.testing.assert_allclose(
        steps * sent["step_mm"] + sent["mean_lps_mm"], stored.displacement, atol=sent["step_mm"] / 2 + 1e-4
    )
    assert Grid.from_dict(sent["grid"]) == stored.grid


def test_a_refused_registration_has_no_field(trial: Trial, pair: tuple[Registration, Registered]) -> None:
    registration, _ = pair
    Registration.objects.update(accepted=False)
    url = reverse("imaging:registration-field", args=[registration.pk])
    assert trial.client("reader").get(url).status_code == 404


def test_the_panel_offers_the_layers_that_exist_and_says_how_scans_are_linked(
    trial: Trial, segmentation: Segmentation
) -> None:
    url = reverse("imaging:patient-panel", args=[trial.cohort.code, trial.patient.code])
    alone = trial.client("reader").get(url).content.decode()
    assert 'data-toggle="outline"' in alone
    assert 'data-toggle="transitions"' not in alone
    assert "linked" not in alone.split("<dialog")[0].replace('class="linked"', "")
    post = store_scan(trial.patient, "post", small_scan(1))
    assert "Not registered yet" in trial.client("reader").get(url).content.decode()
    stored_registration(segmentation, post)
    assert "Scans linked place by place" in trial.client("reader").get(url).content.decode()


def test_the_flow_keeps_every_share_and_one_height_for_a_percent() -> None:
    flow = flow_of([[0, 0, 3, 0], [0, 0, 0, 1], [10, 2, 40, 4], [5, 0, 15, 20]])
    assert sum(ribbon.percent for ribbon in flow.ribbons) == pytest.approx(100)
    assert sum(node.percent for node in flow.before) == pytest.approx(100)
    assert {round(node.height / node.percent, 6) for node in (*flow.before, *flow.after)} == {
        round(flow.before[0].height / flow.before[0].percent, 6)
    }
    assert all(node.y + node.height <= flow.height + 1e-6 for node in (*flow.before, *flow.after))
    assert flow.description.startswith("Habitat 1 to Habitat 1: 40 %")


def test_a_place_among_others_counts_equals_half() -> None:
    strip = strip_of(3.0, [1.0, 2.0, 3.0, 4.0, None, float("nan")])
    assert strip is not None
    assert (strip.percentile, strip.n) == (62.5, 4)
    assert strip.at == pytest.approx(100 * 2 / 3)
    assert strip_of(None, [1.0]) is None
    assert strip_of(1.0, []) is None
    outside = strip_of(9.0, [1.0, 5.0])
    assert outside is not None
    assert (outside.percentile, outside.at) == (100.0, 100.0)


def test_a_picture_shows_the_habitats_where_the_tumour_is_largest_with_the_right_on_the_left() -> None:
    scan = small_scan()
    labels = scan.mask.array.astype(np.uint8)
    labels[:, :, GRID.shape_zyx[2] // 2 :] *= 2  # columns run to the patient's left
    content = habitat_picture(scan.volume, scan.mask, HabitatLabels(labels, GRID, 2), colours=("#ff0000", "#0000ff"))
    image = np.asarray(Image.open(io.BytesIO(content)), dtype=int)
    assert image.shape == (96, 96, 3)
    red, blue = image[..., 0] - image[..., 2] > 60, image[..., 2] - image[..., 0] > 60
    assert np.nonzero(red)[1].max() < np.nonzero(blue)[1].min()
    assert red.mean() == pytest.approx(math.pi * 8**2 / 2 / 40**2, rel=0.1), (
        "half a disc of 8 mm in a square of 40 mm"
    )
    assert not (red | blue)[0].any(), "the surroundings are shown, too"
