"""The rows about features: whole tumour from files, unresampled, voxel maps, one image in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bench import ours
from bench.agreement import Agreement, compare, compare_maps
from bench.alone import run_alone
from bench.cases import Case
from bench.peers import flash, pictologics, pyradiomics
from bench.peers.environment import PeerAbsent
from bench.report import Aim, Row
from bench.timing import race, repeat
from imaging.core.geometry import TumorMask, Volume, bounding_box

#: Seconds that plain pyradiomics takes for M without resampling, on the machine the aims were set on.
_UNRESAMPLED_ESTIMATE_S = 75
#: Half an edge, in mm, of the part of M whose maps are measured unless --full asks for all of it.
_BOX_HALF_MM = 6


T = TypeVar("T")


@dataclass(frozen=True)
class Foreign:
    """A peer with an environment of its own."""

    module: Any
    aim: Aim | None
    note: str


_PEERS = (
    Foreign(pictologics, Aim(ratio=1.0), "147 features by IBSI's definitions, in its own Python."),
    Foreign(flash, None, "in its own environment, without the HDF5 file that it writes by default."),
)


@dataclass(frozen=True)
class Run:
    """What was asked for: cases by size, repeats, peers, a folder that keeps, and where to say what goes on."""

    cases: dict[str, Case]
    home: Path
    repeats: int
    peer_repeats: int
    peers: bool
    full: bool
    say: Callable[[str], None]


def whole(run: Run) -> list[Row]:
    """Original, three LoG and eight wavelet images at 1 mm, every class, from NRRD files with gzip and without."""
    return [
        _whole(run, run.cases[size], kind, aim)
        for kind in ("with gzip", "uncompressed")
        for size, aim in (("M", 15.0), ("L", 10.0), ("XL", 6.0))
    ]


def _whole(run: Run, case: Case, kind: str, aim: float) -> Row:
    files = (case.image, case.mask) if kind == "with gzip" else (case.plain_image, case.plain_mask)
    settings = ours.WHOLE.radiomics
    reading, _ = repeat(lambda: ours.read(*files), 3)
    return _against(
        run,
        f"whole tumour, original + 3 LoG + 8 wavelet, from files {kind}, {case.title}",
        lambda: ours.from_files(*files, ours.WHOLE).as_dict(),
        lambda: pyradiomics.from_files(*files, settings),
        agree=compare,
        aim=Aim(ratio=aim),
        note=f"{reading.median:.2f} s of ours is reading the files.",
    )


def _against(
    run: Run,
    job: str,
    own: Callable[[], T],
    peer: Callable[[], T],
    *,
    agree: Callable[[T, T], Agreement],
    aim: Aim | None = None,
    note: str = "",
    repeats: int = 0,
    peer_repeats: int = 0,
    warm_peer: bool = False,
) -> Row:
    """Race ours and pyradiomics in this process, and compare what they give."""
    run.say(job)
    repeats = repeats or run.repeats
    if not run.peers:
        alone, _ = repeat(own, repeats)
        return Row(job, alone.median, aim=aim, note=note)
    timing, found, peer_timing, expected = race(
        own, peer, ours_repeats=repeats, peer_repeats=peer_repeats or run.peer_repeats, warm_peer=warm_peer
    )
    agreement = str(agree(found, expected))
    return Row(job, timing.median, pyradiomics.NAME, peer_timing.median, aim, agreement, note)


def unresampled(run: Run) -> list[Row]:
    """The same on the scan's own voxels, with the peak memory of both."""
    case, aim = run.cases["M"], Aim(ratio=60.0)
    job = f"the same without resampling, {case.title}"
    run.say(job)
    own = run_alone("ours", case, ours.UNRESAMPLED, repeats=run.repeats)
    memory = f"peak memory {own.peak_gb:.2f} GB (aim: below 1 GB)"
    if not (run.peers and run.full):
        note = f"{memory}; the peer takes about {_UNRESAMPLED_ESTIMATE_S} s and 5.4 GB, and runs only with --full."
        return [Row(job, own.timing.median, pyradiomics.NAME, aim=aim, note=note)]
    run.say(f"  pyradiomics without resampling: about {_UNRESAMPLED_ESTIMATE_S} s")
    peer = run_alone("pyradiomics", case, ours.UNRESAMPLED, repeats=1)
    agreement = str(compare(own.features, peer.features))
    note = f"{memory} against {peer.peak_gb:.1f} GB; one run of the peer."
    return [Row(job, own.timing.median, pyradiomics.NAME, peer.timing.median, aim, agreement, note)]


def maps(run: Run) -> list[Row]:
    """Voxel maps of M (or a box of it), kernel radius 1, the image at 1 mm in memory."""
    image, mask = ours.prepared(run.cases["M"])
    tight = bounding_box(mask.array)
    image, mask = image.crop(tight), mask.crop(tight)
    part = mask if run.full else _middle(mask)
    first_order = pyradiomics.feature_names("firstorder")
    glcm = tuple(name for name in pyradiomics.feature_names("glcm") if name != "MCC")
    return [
        _maps(run, "23 GLCM voxel maps", image, part, "glcm", glcm, 500.0),
        _maps(run, f"{len(first_order)} first-order voxel maps", image, mask, "firstorder", first_order, 150.0),
        _maps(run, "voxel map of entropy alone", image, mask, "firstorder", ("Entropy",), 15.0),
    ]


def _maps(run: Run, what: str, image: Volume, mask: TumorMask, kind: str, names: tuple[str, ...], aim: float) -> Row:
    box = bounding_box(mask.array)
    pair = image.crop(box), mask.crop(box)
    glcm = kind == "glcm"
    return _against(
        run,
        f"{what}, M, {mask.voxels:,} voxels",
        lambda: ours.voxel_maps(*pair, kind=kind, names=names),
        lambda: pyradiomics.voxel_maps(*pair, kind=kind, names=names),
        agree=partial(compare_maps, inside=pair[1].array),
        aim=Aim(ratio=aim),
        note="a box of M; all of it (about 100 s of the peer) with --full." if glcm and not run.full else "",
        repeats=run.repeats * 3,
        peer_repeats=1 if glcm else 0,
    )


def _middle(mask: TumorMask) -> TumorMask:
    """Give the part of a mask within a cube about the middle of its box."""
    inside = np.zeros_like(mask.array)
    centre = [n // 2 for n in mask.array.shape]
    inside[tuple(slice(max(0, at - _BOX_HALF_MM), at + _BOX_HALF_MM) for at in centre)] = True
    return TumorMask(mask.array & inside, mask.grid)


def memory(run: Run) -> list[Row]:
    """One image at 1 mm in memory, every class, without provenance: against every peer that is there."""
    return [row for size in ("M", "L") for row in _memory(run, run.cases[size])]


def _memory(run: Run, case: Case) -> list[Row]:
    job = f"whole tumour, one image, in memory, {case.title}"
    pair = ours.prepared(case)
    first = _against(
        run,
        job,
        lambda: ours.in_memory(*pair),
        lambda: pyradiomics.one_image(*pair, ours.ONE_IMAGE.radiomics),
        agree=compare,
        repeats=run.repeats * 3,
        peer_repeats=run.repeats,
        warm_peer=True,
    )
    return [first, *(_foreign(run, job, *pair, peer) for peer in (_PEERS if run.peers else ()))]


def _foreign(run: Run, job: str, image: Volume, mask: TumorMask, peer: Foreign) -> Row:
    """Hand the prepared image to a peer in another process, and measure ours right after it."""
    run.say(f"  {peer.module.NAME} (installed the first time, which takes minutes)")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prepared.npz"
        np.savez(file, image=image.array, mask=mask.array, spacing_zyx_mm=image.grid.spacing_zyx_mm)
        try:
            timing, features = peer.module.measure(run.home, file, repeats=run.repeats * 3)
        except PeerAbsent as absent:
            return Row(job, None, peer.module.NAME, None, peer.aim, note=f"skipped, {absent}.")
    own, found = repeat(lambda: ours.in_memory(image, mask), run.repeats * 3)
    agreement = str(compare(found, features))
    return Row(job, own.median, peer.module.NAME, timing.median, peer.aim, agreement, peer.note)
