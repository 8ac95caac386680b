"""A ZIP or tar opens as the folder that it holds, and a hostile one costs a message; nothing is ever written to the disk."""

from __future__ import annotations

import io
import json
import re
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from dicom_files import CANARY, dataset, save, stack
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import read_image, read_series, scan
from medqdeg_desktop.engine.reading.archives import file_of, told
from medqdeg_desktop.engine.reading.guard import GuardedDecoder, HereDecoder
from medqdeg_desktop.engine.reading.limits import MIB, Limits


def folder_of_everything(folder: Path) -> Path:
    """A stack in a folder of its own, and one file of each other kind."""
    rng = np.random.default_rng(0)
    stack(folder / "ct", [0.0, 2.5, 5.0, 7.5])
    pixels = rng.integers(0, 4000, (20, 24), dtype=np.uint16)
    deflated, packed = dataset(pixels, SeriesInstanceUID="1.9"), dataset(pixels, SeriesInstanceUID="1.8")
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    packed.compress(RLELossless)
    save(folder / "deflated.dcm", deflated)
    save(folder / "rle.dcm", packed)
    volume = rng.integers(-900, 2000, (12, 10, 6)).astype(np.int16)
    for name in ("volume.nii", "volume2.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(volume, np.diag([1, 1, 3, 1])), folder / name)
    colour = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    for name in ("picture.png", "picture2.jpg", "picture3.tif"):
        Image.fromarray(colour).save(folder / name)
    Image.fromarray(pixels).save(folder / "grey16.png")
    return folder


def zipped(folder: Path, path: Path, how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def tarred(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.add(folder, "exam")
    return path


@pytest.mark.parametrize("kind", ["deflated", "stored", "tar"])
@pytest.mark.parametrize("guarded", [True, False])
def test_an_archive_holds_the_series_frames_and_pixels_of_its_folder(tmp_path: Path, kind: str, guarded: bool) -> None:
    folder = tmp_path / "exam"
    folder.mkdir()
    folder_of_everything(folder)
    how = zipfile.ZIP_DEFLATED if kind == "deflated" else zipfile.ZIP_STORED
    archive = tarred(folder, tmp_path / "x.tar") if kind == "tar" else zipped(folder, tmp_path / "x.zip", how)
    decoder = GuardedDecoder(children=1) if guarded else HereDecoder()
    try:
        plain, packed = scan(folder, decoder=decoder), scan(archive, decoder=decoder)
        assert not packed.refused and not plain.refused

        def pictures(found: object) -> list[tuple[str, int, list[str]]]:
            series = found.series  # type: ignore[attr-defined]
            return sorted((s.label, s.frame_count, [s.frame(i).source_sha256 for i in range(s.frame_count)]) for s in series)

        assert pictures(plain) == pictures(packed) and len(packed.series) == 9
        again = scan(archive, decoder=decoder)
        assert {s.series_id for s in again.series} == {s.series_id for s in packed.series}, "found again by the same name"
    finally:
        if isinstance(decoder, GuardedDecoder):
            decoder.close()


def test_a_member_is_found_again_by_the_path_that_a_decision_records(tmp_path: Path) -> None:
    archive = zipped(folder_of_everything_in(tmp_path), tmp_path / "x.zip")
    ct = next(s for s in scan(archive).series if s.frame_count == 4)
    source = ct.frames[2]
    assert source.path == str(archive / "ct" / Path(source.path).name) and file_of(source.path) == archive
    assert told(source.path) == f"x.zip/ct/{Path(source.path).name}"
    assert read_image(source.path, source.index, decode_here=True).source_sha256 == ct.frame(2).source_sha256
    assert read_series(archive / "ct").frame_count == 4
    # A slice of a stack stands for its stack, beside which it lies in the archive too.
    coronal = read_image(source.path, axis="coronal")
    assert coronal.shape[0] == 4
    with pytest.raises(UnreadableImageError, match=r"x\.zip/ct/nowhere\.dcm: is not in the archive"):
        read_series(archive / "ct" / "nowhere.dcm")
    assert file_of(tmp_path / "no.zip" / "a.dcm") == tmp_path / "no.zip" / "a.dcm"
    with pytest.raises(UnreadableImageError, match="there is no such file"):
        read_series(tmp_path / "no.zip" / "a.dcm")
    assert CANARY not in "".join(s.label + " ".join(s.warnings) for s in scan(archive).series)


def folder_of_everything_in(tmp_path: Path) -> Path:
    folder = tmp_path / "exam"
    folder.mkdir()
    return folder_of_everything(folder)


def _slice(value: int = 1) -> bytes:
    sink = io.BytesIO()
    dataset(np.full((8, 8), value, np.uint16)).save_as(sink, enforce_file_format=True)
    return sink.getvalue()


def _with_link(archive: zipfile.ZipFile) -> None:
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = 0o120777 << 16
    archive.writestr(link, "/etc/passwd")


def _with_nested(archive: zipfile.ZipFile) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as nested:
        nested.writestr("a.dcm", _slice())
    archive.writestr("inner.zip", inner.getvalue())


def _with_two(archive: zipfile.ZipFile) -> None:
    archive.writestr("twice.dcm", _slice(2))
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("twice.dcm", _slice(3))


def _named(name: str) -> Callable[[zipfile.ZipFile], None]:
    return lambda archive: archive.writestr(name, _slice())


_HOSTILE: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {
    "upwards": (_named("../../outside.dcm"), "its name leads out of the archive"),
    "absolute": (_named("/tmp/outside.dcm"), "its name leads out of the archive"),
    "drive": (_named("C:\\outside.dcm"), "its name leads out of the archive"),
    "backslashes": (_named("a\\..\\..\\outside.dcm"), "its name leads out of the archive"),
    "a line of its own": (_named("a\nb: read\x1b[31m.dcm"), "its name holds control characters"),
    "backwards": (_named("a\u202egpj.dcm"), "its name holds control characters"),
    "a link": (_with_link, "is a link, which is not followed"),
    "an archive": (_with_nested, "is an archive inside an archive: unpack it first"),
    "a tar": (lambda a: a.writestr("i.tgz", b"\x1f\x8bnothing"), "is a damaged gzip file"),
    "two of a name": (_with_two, "several entries of this name"),
    "another method": (lambda a: a.writestr("b.dcm", _slice(), zipfile.ZIP_BZIP2), r"is not read here \(method 12\)"),
    "not an image": (lambda a: a.writestr("notes.txt", "see patient"), "is no image of a format that is read here"),
    "nothing": (lambda a: a.writestr("empty.dcm", b""), "is empty"),
}


@pytest.mark.parametrize("kind", _HOSTILE)
def test_a_hostile_entry_is_refused_by_name_and_the_rest_is_read(tmp_path: Path, kind: str) -> None:
    add, reason = _HOSTILE[kind]
    place = tmp_path / "deep" / "er"
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.dcm", _slice())
        add(archive)
    files, temporary = set(tmp_path.rglob("*")), set(Path(tempfile.gettempdir()).iterdir())
    found = scan(place / "x.zip")
    assert [Path(s.paths[0]).name for s in found.series] == ["good.dcm"] and found.series[0].frame(0).shape == (8, 8)
    (refused,) = found.refused
    assert file_of(refused.path) == place / "x.zip" != Path(refused.path)
    assert re.search(reason, refused.reason)
    assert set(tmp_path.rglob("*")) == files, "something was written"
    assert not [p for p in set(Path(tempfile.gettempdir()).iterdir()) - temporary if p.name.startswith("medqdeg")]


def _patched(path: Path, old: bytes, new: bytes) -> Path:
    raw = path.read_bytes()
    assert old in raw and len(old) == len(new)
    path.write_bytes(raw.replace(old, new))
    return path


def test_an_encrypted_entry_is_named_as_such(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.dcm", _slice())
    raw = bytearray((tmp_path / "x.zip").read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + at] |= 1
    (tmp_path / "x.zip").write_bytes(raw)
    with pytest.raises(UnreadableImageError, match=r"x\.zip/a\.dcm: is encrypted: unpack the archive with its password"):
        read_series(tmp_path / "x.zip")


def test_what_claims_more_than_it_can_hold_or_than_the_limits_allow_is_never_inflated(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large.dcm", bytes(3 * MIB))
        archive.writestr("good.dcm", _slice())
    decoder = HereDecoder(Limits(volume_bytes=2 * MIB))
    found = scan(tmp_path / "x.zip", decoder=decoder)
    assert [r.reason for r in found.refused] == ["would inflate to 3 MB; the limit is 2 MB"] and len(found.series) == 1
    size = struct.pack("<L", 3 * MIB)
    _patched(tmp_path / "x.zip", size, struct.pack("<L", 900 * MIB))
    found = scan(tmp_path / "x.zip", decoder=HereDecoder())
    assert "more than" in found.refused[0].reason and "can inflate to" in found.refused[0].reason


def test_of_a_bomb_that_the_limits_allow_only_what_is_looked_at_is_inflated(tmp_path: Path) -> None:
    from medqdeg_desktop.engine.reading import archives

    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.dcm", bytes(8 * MIB))
    found = scan(tmp_path / "x.zip", decoder=HereDecoder())
    assert len(found.refused) == 20 and not found.series
    held = [c.held for a in archives._archives.values() for c in a._contents.values()]
    assert 0 < max(held) < MIB, "a header was looked at, not the whole of it"


def test_entries_that_share_their_bytes_are_a_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", np.random.default_rng(0).bytes(5000))
        archive.writestr("b.dcm", _slice())
        archive.infolist()[1].header_offset = 20
    with pytest.raises(UnreadableImageError, match=r"x\.zip: its entries overlap"):
        scan(tmp_path / "x.zip")


def test_an_archive_of_too_many_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.dcm", b"x")
    tarred(tmp_path, tmp_path.with_suffix(".tar"))
    for path, most in ((tmp_path / "x.zip", 5), (tmp_path.with_suffix(".tar"), 0)):
        with pytest.raises(UnreadableImageError, match=f"holds more than {most} entries"):
            scan(path, decoder=HereDecoder(Limits(entries=most)))


@pytest.mark.parametrize("remark", [0, 0xFFFF])
def test_a_second_list_of_contents_does_not_hide_how_long_the_first_is(tmp_path: Path, remark: int) -> None:
    def record(count: int, size: int, at: int) -> bytes:
        return struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, at)

    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    # The locator names the record at the beginning, which knows of one entry; zipfile reads the one before the locator.
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, remark) + bytes(remark)
    start = b"PK\x03\x04" + bytes(26) + record(1, len(entry), 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 30, 1)
    (tmp_path / "x.zip").write_bytes(start + 9 * entry + record(9, 9 * len(entry), len(start)) + locator + end)
    with pytest.raises(UnreadableImageError, match="holds more than 5 entries"):
        scan(tmp_path / "x.zip", decoder=HereDecoder(Limits(entries=5)))


def test_a_name_in_another_encoding_can_be_recorded_with_a_decision(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        member = tarfile.TarInfo("Müller.dcm")
        member.size = len(_slice())
        archive.addfile(member, io.BytesIO(_slice()))
    (series,) = scan(tmp_path / "x.tar").series
    assert series.paths[0].encode() and read_image(series.paths[0]).shape == (8, 8)


def test_a_cut_off_or_damaged_archive_says_so(tmp_path: Path) -> None:
    folder = folder_of_everything_in(tmp_path)
    raw = zipped(folder, tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(UnreadableImageError, match="is a ZIP that is cut off: the list of its contents, which comes last"):
        scan(tmp_path / "x.zip")
    at = raw.index(b"PK\x01\x02")
    (tmp_path / "y.zip").write_bytes(raw[:at] + b"XX" + raw[at + 2 :])
    with pytest.raises(UnreadableImageError, match=r"y\.zip: is a damaged ZIP"):
        scan(tmp_path / "y.zip")

    tar = tarred(folder, tmp_path / "x.tar")
    whole = tar.read_bytes()
    tar.write_bytes(whole[:-12_000])
    found = scan(tar)
    assert [r.reason.split(":")[0] for r in found.refused] == ["is cut off", "is cut off or damaged"] and found.series
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        third = archive.getmembers()[3].offset
    tar.write_bytes(whole[:third] + b"?" * 512 + whole[third + 512 :])
    (refused,) = scan(tar).refused
    assert refused.path == str(tar) and "what follows cannot be read" in refused.reason

    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a.dcm", _slice())
        archive.writestr("b.dcm", _slice(7))
    whole = (tmp_path / "z.zip").read_bytes()
    (tmp_path / "z.zip").write_bytes(whole.replace(struct.pack("<H", 7) * 60, struct.pack("<H", 9) * 60))
    found = scan(tmp_path / "z.zip")
    assert [s.frame_count for s in found.series] == [1]
    (refused,) = found.refused
    assert told(refused.path) == "z.zip/b.dcm" and refused.reason.startswith("is damaged inside the archive (Bad CRC-32")


def test_archives_in_a_folder_and_compressed_tars_tell_what_to_do(tmp_path: Path) -> None:
    folder = folder_of_everything_in(tmp_path)
    zipped(folder / "ct", folder / "inner.zip")
    with tarfile.open(folder / "inner.tar.gz", "w:gz") as archive:
        archive.add(folder / "ct", "ct")
    reasons = {Path(r.path).name: r.reason for r in scan(folder).refused}
    assert reasons == {
        "inner.zip": "is an archive: open it by itself",
        "inner.tar.gz": "is a compressed tar, whose files cannot be read in place: unpack it first",
    }


def test_names_in_other_alphabets_and_from_other_systems_are_found(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("Köln/スライス 1.dcm", _slice(1))
        archive.writestr("windows\\folder\\2.dcm", _slice(2))
        archive.writestr("__MACOSX/ct/._1.dcm", b"resource fork")
        archive.writestr("ct/.DS_Store", b"finder")
        archive.writestr("./ct/3.dcm", _slice(3))
    # A name in the code page of an old packer: the flag for UTF-8 is not set.
    _patched(tmp_path / "x.zip", b"2.dcm", b"\x84.dcm")
    found = scan(tmp_path / "x.zip")
    assert not found.refused
    names = {told(path) for series in found.series for path in series.paths}
    assert names == {"x.zip/Köln/スライス 1.dcm", "x.zip/windows/folder/ä.dcm", "x.zip/ct/3.dcm"}
    for series in found.series:
        assert series.frame(0).pixels.size


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_random_damage_to_an_archive_never_ends_in_anything_but_pictures_or_refusals(tmp_path: Path, kind: str) -> None:
    folder = folder_of_everything_in(tmp_path)
    whole = (zipped(folder, tmp_path / "w.zip") if kind == "zip" else tarred(folder, tmp_path / "w.tar")).read_bytes()
    lists = [
        i for i in range(len(whole) - 4) if whole[i : i + 4] in (b"PK\x01\x02", b"PK\x05\x06") or whole[i : i + 5] == b"ustar"
    ]
    rng = np.random.default_rng(5)
    decoder = GuardedDecoder(children=1)
    try:
        decoder.warm_up()
        (first,) = decoder.process_ids()
        for number in range(30):
            damaged = bytearray(whole)
            for at in rng.choice(lists, 3):
                damaged[min(at + rng.integers(0, 46), len(whole) - 1)] = rng.integers(0, 256)
            path = tmp_path / f"{number}.{kind}"
            path.write_bytes(damaged[: rng.integers(len(whole) // 2, len(whole) + 1)] if number % 3 == 0 else damaged)
            try:
                found = scan(path, decoder=decoder)
            except UnreadableImageError as error:
                assert error.path == str(path) and "\n" not in str(error)
                continue
            assert all(file_of(r.path) == path and r.reason for r in found.refused)
            for series in found.series:
                try:
                    assert series.frame(0).pixels.size
                except UnreadableImageError as error:
                    assert error.reason
        assert decoder.process_ids() == [first], "the decoder itself died of a damaged archive"
    finally:
        decoder.close()


def test_an_item_names_a_picture_in_an_archive_and_a_set_is_made_of_it(tmp_path: Path) -> None:
    from medqdeg_desktop.bank.importing import Wanted
    from medqdeg_desktop.bank.item_lines import read
    from medqdeg_desktop.bank.render import read_source
    from medqdeg_desktop.bank.views import views
    from medqdeg_desktop.study.records import Item

    archive = zipped(folder_of_everything_in(tmp_path), tmp_path / "exam.zip")
    line = {"modality": "CT", "question": "What?", "options": {"A": "a", "B": "b"}, "answer": "A"}
    images = ("exam.zip/rle.dcm", "exam.zip/nowhere.dcm", "other.zip/rle.dcm")
    lines = [{"id": str(number), "image": image, **line} for number, image in enumerate(images)]
    (tmp_path / "items.jsonl").write_text("\n".join(json.dumps(each) for each in lines))
    good, absent, refused = read(tmp_path / "items.jsonl", Wanted("", tmp_path))
    assert isinstance(good, Item) and good.images == (str(archive / "rle.dcm"),)
    (view,) = views(good)
    assert read_source(view).source_sha256 == read_image(tmp_path / "exam" / "rle.dcm").source_sha256
    assert isinstance(absent, Item), "what is in the archive, reading it tells"
    with pytest.raises(UnreadableImageError, match=r"nowhere\.dcm: is not in the archive"):
        read_source(views(absent)[0])
    assert "image other.zip/rle.dcm is not there" in str(refused)
