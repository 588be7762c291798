"""Archives unpack inside their folder or not at all."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from imaging.core.archive import open_source
from imaging.core.errors import UnreadableFile, UnsafeArchive


def make_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def everything(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_and_a_single_file_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "ct.nrrd"
    file.write_bytes(b"NRRD")
    assert open_source(tmp_path, workdir=tmp_path / "w") == tmp_path
    assert open_source(file, workdir=tmp_path / "w") == file
    assert not (tmp_path / "w").exists()


def test_a_zip_unpacks_with_its_folders(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "a.zip", {"p/ct/1.dcm": b"one", "p\\mask\\m.nii": b"two", "q/": b""})
    root = open_source(source, workdir=tmp_path / "w")
    assert everything(root) == {"p/ct/1.dcm", "p/mask/m.nii"}
    assert (root / "p/ct/1.dcm").read_bytes() == b"one"


@pytest.mark.parametrize(
    "name",
    [
        "../evil.dcm",
        "ct/../../evil.dcm",
        "..\\evil.dcm",
        "/etc/evil",
        "C:\\evil.dcm",
        "C:evil.dcm",
        "\\\\host\\share\\e",
    ],
)
def test_a_path_that_leads_out_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    source = make_zip(tmp_path / "a.zip", {"ct/1.dcm": b"one", name: b"evil"})
    with pytest.raises(UnsafeArchive, match="leads out of it"):
        open_source(source, workdir=tmp_path / "deep" / "w")
    assert everything(tmp_path) == {"a.zip"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("ct/1.dcm")
    entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(UnsafeArchive, match="link or a device"):
        open_source(tmp_path / "a.zip", workdir=tmp_path / "w")


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "a.zip", {f"{i}.dcm": bytes(3_000_000) for i in range(4)})
    assert source.stat().st_size < 100_000
    with pytest.raises(UnsafeArchive, match="more than the permitted size"):
        open_source(source, workdir=tmp_path / "w", limit_bytes=10_000_000)
    written = sum(file.stat().st_size for file in (tmp_path / "w").iterdir())
    assert written <= 10_000_000


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.dcm", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("1.dcm", b"two")
    with pytest.raises(UnsafeArchive, match="two entries of one name"):
        open_source(tmp_path / "a.zip", workdir=tmp_path / "w")


def test_damaged_and_truncated_archives_are_unreadable(tmp_path: Path) -> None:
    content = make_zip(tmp_path / "a.zip", {"1.dcm": bytes(range(256)) * 40}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[:-30])
    (tmp_path / "bent.zip").write_bytes(content[:60] + b"\xff\xff\xff" + content[63:])
    for name in ("cut.zip", "bent.zip"):
        with pytest.raises(UnreadableFile, match="zip archive"):
            open_source(tmp_path / name, workdir=tmp_path / name[:3])


def test_encrypted_archives_are_unreadable(tmp_path: Path) -> None:
    content = bytearray(make_zip(tmp_path / "a.zip", {"1.dcm": b"one"}).read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UnreadableFile, match="encrypted"):
        open_source(tmp_path / "a.zip", workdir=tmp_path / "w")


def test_an_absent_path_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        open_source(tmp_path / "nothing", workdir=tmp_path / "w")
