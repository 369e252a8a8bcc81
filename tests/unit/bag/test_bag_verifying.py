"""The verifier believes nothing: each kind of damage and each attack is told by its own code."""

import base64
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from freehold.lifecycle.bag.certificate import CertificateState
from freehold.lifecycle.bag.tar import iter_tar
from freehold.lifecycle.bag.verify import Limits, Report, verify_bag
from freehold.lifecycle.bag.writer import BagWriter, Part
from tests.patience import patient

FILES = {"data/a.txt": b"alpha" * 1000, "data/folder/b": b"beta", "data/empty": b""}


@pytest.fixture
def key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": "k1"})


@pytest.fixture
def bag(tmp_path: Path, key: OKPKey) -> Path:
    folder = tmp_path / "bag"
    writer = BagWriter(folder)
    for path, content in FILES.items():
        writer.write(path, [content])
    keys = json.dumps(key_set(key)).encode()
    seal = writer.finish(writer.settle(), {}, {"certificate-keys.json": keys})
    sign(folder, key, {"tag_manifest_sha256": seal.tag_manifest_sha256, "rows": 3})
    writer.close()
    return folder


def key_set(key: OKPKey) -> dict[str, object]:
    return {"keys": [key.as_dict(private=False)]}


def sign(folder: Path, key: OKPKey, claims: dict[str, object]) -> None:
    token = jws.serialize_compact(
        {"alg": "Ed25519", "kid": key.kid, "typ": "freehold-certificate"},
        json.dumps(claims),
        key,
        algorithms=["Ed25519"],
    )
    (folder / "certificate.jws").write_text(token)


def as_tar(folder: Path) -> Path:
    archive = folder.with_suffix(".tar")
    archive.write_bytes(b"".join(iter_tar(folder, "top", 0)))
    return archive


def codes(report: Report) -> set[str]:
    return {fault.code for fault in report.faults}


@pytest.mark.parametrize("form", [lambda bag: bag, as_tar])
def test_a_whole_bag_is_accepted(bag: Path, key: OKPKey, form: Callable[[Path], Path]) -> None:
    report = verify_bag(form(bag), keys=key_set(key))
    assert (report.ok, report.faults, report.files, report.size) == (True, [], 3, 5004)
    assert report.certificate is CertificateState.VALID
    assert report.claims["rows"] == 3


def change(bag: Path) -> None:
    (bag / "data/a.txt").write_bytes(b"omega" * 1000)


def lose(bag: Path) -> None:
    (bag / "data/folder/b").unlink()


def add(bag: Path) -> None:
    (bag / "data/extra").write_bytes(b"")


def add_tag(bag: Path) -> None:
    (bag / "notes.txt").write_bytes(b"")


def change_manifest(bag: Path) -> None:
    lose(bag)
    lines = (bag / "manifest-sha256.txt").read_text().splitlines(keepends=True)
    (bag / "manifest-sha256.txt").write_text("".join(line for line in lines if "folder/b" not in line))


def garble_manifest(bag: Path) -> None:
    (bag / "manifest-sha256.txt").write_text("zz  data/a.txt\n")


def leave_manifest(bag: Path) -> None:
    with (bag / "manifest-sha256.txt").open("a") as manifest:
        manifest.write("0" * 64 + "  data/../../etc/passwd\n")


def repeat_manifest_line(bag: Path) -> None:
    with (bag / "manifest-sha256.txt").open("a") as manifest:
        manifest.write((bag / "manifest-sha256.txt").read_text().splitlines()[0] + "\n")


def link(bag: Path) -> None:
    (bag / "data/a.txt").unlink()
    (bag / "data/a.txt").symlink_to("/etc/passwd")


def link_folder(bag: Path) -> None:
    shutil.move(bag / "data/folder", bag.parent / "outside")
    (bag / "data/folder").symlink_to(bag.parent / "outside")


def pipe(bag: Path) -> None:
    os.mkfifo(bag / "data/pipe")


def collide(bag: Path) -> None:
    (bag / "data/A.TXT").write_bytes(b"")


def add_manifest(bag: Path) -> None:
    """By another algorithm, listed as it should be, and wrong."""
    content = f"{'0' * 32}  data/a.txt\n".encode()
    (bag / "manifest-md5.txt").write_bytes(content)
    with (bag / "tagmanifest-sha256.txt").open("a") as manifest:
        manifest.write(f"{hashlib.sha256(content).hexdigest()}  manifest-md5.txt\n")
    (bag / "certificate.jws").unlink()


def undeclare(bag: Path) -> None:
    (bag / "bagit.txt").write_text("BagIt-Version: 9.0\nTag-File-Character-Encoding: UTF-8\n")


def miscount(bag: Path) -> None:
    (bag / "bag-info.txt").write_text("Payload-Oxum: 1.1\n")


DAMAGES = [
    (change, "wrong_digest"),
    (lose, "missing"),
    (add, "extra"),
    (add_tag, "extra"),
    (change_manifest, "wrong_digest"),
    (garble_manifest, "bad_manifest"),
    (leave_manifest, "bad_manifest"),
    (repeat_manifest_line, "duplicate"),
    (add_manifest, "bad_manifest"),
    (link, "not_a_file"),
    (link_folder, "not_a_file"),
    (pipe, "not_a_file"),
    (collide, "colliding"),
    (undeclare, "bad_declaration"),
    (miscount, "bad_oxum"),
]


@pytest.mark.parametrize(("damage", "code"), DAMAGES)
def test_every_damage_is_told(bag: Path, damage: Callable[[Path], None], code: str) -> None:
    damage(bag)
    report = verify_bag(bag)
    assert not report.ok
    assert code in codes(report)


def test_any_flipped_byte_is_found(bag: Path) -> None:
    files = [path for path in bag.rglob("*") if path.is_file()]
    chance = random.Random(7)
    for file in files:
        content = bytearray(file.read_bytes())
        if not content or file.name == "certificate.jws":
            continue
        at = chance.randrange(len(content))
        content[at] ^= 1
        file.write_bytes(content)
        assert not verify_bag(bag).ok, file.name
        content[at] ^= 1
        file.write_bytes(content)
    assert verify_bag(bag).ok


def test_a_certificate_shows_who_signed(bag: Path, key: OKPKey) -> None:
    stranger = OKPKey.generate_key("Ed25519", {"kid": "k1"})
    other = OKPKey.generate_key("Ed25519", {"kid": "k2"})
    assert verify_bag(bag).certificate is CertificateState.CONSISTENT
    assert verify_bag(bag, keys=key_set(stranger)).certificate is CertificateState.WRONG
    assert verify_bag(bag, keys=key_set(other)).certificate is CertificateState.UNKNOWN_KEY
    sign(bag, key, {"tag_manifest_sha256": "0" * 64})
    assert codes(verify_bag(bag, keys=key_set(key))) == {"bad_certificate"}
    (bag / "certificate.jws").write_text("not a token")
    assert codes(verify_bag(bag, keys=key_set(key))) == {"bad_certificate"}


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256", "kid": "k1"}])
def test_a_certificate_cannot_choose_its_algorithm(bag: Path, key: OKPKey, header: dict[str, str]) -> None:
    parts = (bag / "certificate.jws").read_text().split(".")
    parts[0] = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    (bag / "certificate.jws").write_text(".".join(parts))
    assert not verify_bag(bag, keys=key_set(key)).ok


def rebuilt(bag: Path, spoil: Callable[[tarfile.TarInfo], tarfile.TarInfo | None]) -> Path:
    """The bag's tar with `spoil` applied to the entry of data/a.txt and the result put behind the others."""
    archive = as_tar(bag)
    spoiled = bag.parent / "spoiled.tar"
    with tarfile.open(archive) as source, tarfile.open(spoiled, "w", format=tarfile.PAX_FORMAT) as target:
        for entry in source:
            content = source.extractfile(entry)
            assert content is not None
            target.addfile(entry, content)
            if entry.name.endswith("a.txt"):
                extra = spoil(tarfile.TarInfo(entry.name))
        assert extra is not None
        target.addfile(extra, io.BytesIO(bytes(extra.size)))
    return spoiled


def renamed(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> Callable[[tarfile.TarInfo], tarfile.TarInfo]:
    def spoil(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.name, entry.type, entry.linkname = name, kind, target
        return entry

    return spoil


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (renamed("top/data/../../x"), "unsafe_path"),
        (renamed("/etc/cron.d/x"), "unsafe_path"),
        (renamed("elsewhere/x"), "unsafe_path"),
        (renamed("top/data/a.txt"), "duplicate"),
        (renamed("top/data/A.txt"), "colliding"),
        (renamed("top/data/" + "../" * 60 + "x"), "unsafe_path"),
        (renamed("top"), "unsafe_path"),
        (renamed("top/data/a\u009b31mred"), "unsafe_path"),
        (renamed("top/data/l", tarfile.SYMTYPE, "/etc/passwd"), "not_a_file"),
        (renamed("top/data/l", tarfile.LNKTYPE, "top/data/a.txt"), "not_a_file"),
        (renamed("top/data/d", tarfile.CHRTYPE), "not_a_file"),
        (renamed("top/data/f", tarfile.FIFOTYPE), "not_a_file"),
        (renamed("top/data/s", tarfile.GNUTYPE_SPARSE), "not_a_file"),
    ],
)
def test_every_attack_in_a_tar_is_told(
    bag: Path, spoil: Callable[[tarfile.TarInfo], tarfile.TarInfo], code: str
) -> None:
    assert code in codes(verify_bag(rebuilt(bag, spoil)))


def test_a_bag_that_someone_packed_with_tar_again_is_accepted(bag: Path) -> None:
    writer = BagWriter(bag)
    long = writer.write("data/" + "long/" * 30 + "end", [b"x"])
    parts = [Part(path, hashlib.sha256(content).hexdigest(), len(content)) for path, content in FILES.items()]
    writer.settle()
    writer.finish([*parts, long], {}, {"certificate-keys.json": b"{}"})
    writer.close()
    (bag / "certificate.jws").unlink()
    for form in ("gnu", "pax", "ustar"):
        subprocess.run(["tar", f"--format={form}", "-cf", "again.tar", "bag"], cwd=bag.parent, check=True)
        assert verify_bag(bag.parent / "again.tar").faults == [], form


def with_nameless_top(bag: Path, archive: Path) -> None:
    with tarfile.open(archive, "w") as tar:
        tar.add(bag, arcname="")


def by_tar(*arguments: str) -> Callable[[Path, Path], None]:
    def pack(bag: Path, archive: Path) -> None:
        command = ["sh", "-c", f'tar cf "$0" {" ".join(arguments)}', str(archive)]
        subprocess.run(command, cwd=bag if arguments == ("*",) else bag.parent, check=True)

    return pack


PACKED_ANEW: dict[str, Callable[[Path, Path], object]] = {
    "what is in it": by_tar("-C", "bag", "."),
    "its folder": by_tar("./bag"),
    "its files": by_tar("*"),
    "by shutil": lambda bag, archive: shutil.make_archive(str(archive.with_suffix("")), "tar", bag),
    "its folder by shutil": lambda bag, archive: shutil.make_archive(
        str(archive.with_suffix("")), "tar", bag.parent, "bag"
    ),
    "by tarfile": with_nameless_top,
}


@pytest.mark.parametrize("how", PACKED_ANEW)
def test_a_tar_of_everyday_tools_is_read_like_the_folder(bag: Path, key: OKPKey, how: str, tmp_path: Path) -> None:
    archive = tmp_path / "again.tar"
    PACKED_ANEW[how](bag, archive)
    report = verify_bag(archive, keys=key_set(key))
    assert (report.faults, report.files, report.certificate) == ([], 3, CertificateState.VALID)


@pytest.mark.parametrize(("form", "tool"), [("gztar", "gunzip"), ("bztar", "bunzip2"), ("xztar", "unxz")])
def test_a_compressed_tar_is_told_to_be_unpacked(bag: Path, tmp_path: Path, form: str, tool: str) -> None:
    (fault,) = verify_bag(Path(shutil.make_archive(str(tmp_path / "again"), form, bag))).faults
    assert (fault.code, fault.message.split()[:3]) == ("broken", ["compressed:", tool, "it,"])


def test_a_folder_in_a_tar_may_be_called_as_a_compressed_file_begins(bag: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "plain.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.add(bag, "BZh9-bag")
    assert verify_bag(tmp_path / "plain.tar").ok


def test_what_is_no_archive_at_all_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no archive " * 100)
    (fault,) = verify_bag(tmp_path / "notes.txt").faults
    assert "neither a .tar nor a .zip" in fault.message


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("./../x", "unsafe_path"),
        ("././data/x", "unsafe_path"),
        (".//etc/x", "unsafe_path"),
        ("./data/../../x", "unsafe_path"),
        ("data/a.txt", "duplicate"),
        ("./data/A.txt", "colliding"),
        ("./bag/data/x", "extra"),
        (".", "unsafe_path"),
    ],
)
def test_every_attack_in_a_tar_without_a_top_folder_is_told(bag: Path, tmp_path: Path, name: str, code: str) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "again"), "tar", bag))
    with tarfile.open(archive, "a") as tar:
        tar.addfile(tarfile.TarInfo(name))
    assert codes(verify_bag(archive)) >= {code}


def test_a_cut_or_flipped_or_lengthened_tar_is_refused(bag: Path) -> None:
    archive = as_tar(bag)
    whole = archive.read_bytes()
    chance = random.Random(3)
    for cut in [0, 1, 511, 512, 5000, *(chance.randrange(len(whole) - 1024) for _ in range(20))]:
        archive.write_bytes(whole[:cut])
        assert not verify_bag(archive).ok, cut
    archive.write_bytes(whole + b"hidden")
    assert codes(verify_bag(archive)) == {"broken"}


def test_a_tar_header_cannot_ask_for_memory(bag: Path) -> None:
    header = tarfile.TarInfo("top/x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32
    archive = bag.parent / "bomb.tar"
    archive.write_bytes(header.tobuf(tarfile.PAX_FORMAT) + bytes(4096))
    assert "broken" in codes(verify_bag(archive))


@pytest.mark.parametrize("size", ["²", "9" * 5_000, "9" * 21, "-1", "0x10", " 7"])
def test_a_size_that_is_no_number_is_told(bag: Path, size: str) -> None:
    def spoil(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.name, entry.pax_headers = "top/data/s", {"size": size}
        return entry

    assert "broken" in codes(verify_bag(rebuilt(bag, spoil)))


@pytest.mark.parametrize("record", [b"1" * 5_000 + b" a=b\n", b"\xc2\xb2 a=b\n"])
def test_an_extension_of_no_length_is_told(bag: Path, record: bytes) -> None:
    archive = as_tar(bag)
    archive.write_bytes(extension(record) + archive.read_bytes())
    assert "broken" in codes(verify_bag(archive))


def extension(record: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, len(record)
    return header.tobuf(tarfile.USTAR_FORMAT) + record.ljust(-(-len(record) // 512) * 512, b"\0")


def test_extensions_do_not_pile_up(bag: Path) -> None:
    """One of each kind for each file, and none without a file."""
    archive, record = as_tar(bag), b"7 a=bc\n"
    whole = archive.read_bytes()
    archive.write_bytes(extension(record) + whole)
    assert verify_bag(archive).ok
    archive.write_bytes(extension(record) * 2 + whole)
    assert "broken" in codes(verify_bag(archive))
    cut = len(whole) - 1024
    archive.write_bytes(whole[:cut] + extension(record) + whole[cut:])
    assert codes(verify_bag(archive)) == {"broken"}


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"keys":[5]}', b'{"keys":[{"kty":"OKP","kid":["a"]}]}', b"\xff"])
def test_keys_that_are_none_are_told(bag: Path, content: bytes) -> None:
    (bag / "certificate-keys.json").write_bytes(content)
    assert "bad_certificate" in codes(verify_bag(bag))


@pytest.mark.parametrize("header", [b"[]", b'{"alg":"EdDSA","kid":["a"]}', b'{"kid":' + b"[" * 100_000, b"5"])
def test_a_certificate_whose_header_is_none_is_told(bag: Path, key: OKPKey, header: bytes) -> None:
    parts = (bag / "certificate.jws").read_text().split(".")
    parts[0] = base64.urlsafe_b64encode(header).decode().rstrip("=")
    (bag / "certificate.jws").write_text(".".join(parts))
    assert codes(verify_bag(bag)) == {"bad_certificate"}


def test_what_is_written_meanwhile_lies_where_it_is_asked_for_and_goes(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    seen: list[Path] = []
    assert verify_bag(bag, scratch=scratch, on_progress=lambda _: seen.extend(scratch.iterdir())).ok
    assert seen
    assert list(scratch.iterdir()) == []


def test_a_file_beyond_the_limits_is_not_read(bag: Path) -> None:
    assert codes(verify_bag(bag, limits=Limits(file_size=100))) == {"too_large"}
    assert codes(verify_bag(bag, limits=Limits(size=100))) == {"too_large"}
    assert codes(verify_bag(bag, limits=Limits(files=2))) == {"too_many"}
    with (bag / "data/hole").open("wb") as hole:
        hole.truncate(1 << 40)
    assert "too_large" in codes(verify_bag(bag, limits=Limits(file_size=1 << 39)))


def test_memory_does_not_grow_with_the_bag(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    writer.write("data/big", (bytes(1 << 20) for _ in range(64)))
    for number in range(500):
        writer.write(f"data/many/{number}", [b"x"])
    writer.finish(writer.settle(), {})
    writer.close()
    assert peak_of_verifying(tmp_path / "bag") < 8 << 20


def peak_of_verifying(bag: Path) -> int:
    """Bytes, taken in a process of its own: threads that other tests leave behind allocate, too."""
    finished = subprocess.run(
        [sys.executable, "-c", VERIFYING_MEASURED, str(bag)],
        capture_output=True,
        text=True,
        check=True,
        timeout=patient(60),
    )
    return int(finished.stdout)


VERIFYING_MEASURED = """
import sys, tracemalloc
from pathlib import Path
from freehold.lifecycle.bag.verify import verify_bag

tracemalloc.start()
assert verify_bag(Path(sys.argv[1])).ok
print(tracemalloc.get_traced_memory()[1])
"""
