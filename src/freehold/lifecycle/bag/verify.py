"""Checks a bag with nothing but the bag: every file against its manifest, the certificate against its key.

One pass over the bytes, constant memory, nothing written but sorted lists in a temporary folder.
"""

import heapq
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from freehold.kit.digests import Sha256Meter
from freehold.lifecycle.bag.certificate import CertificateState, check_certificate
from freehold.lifecycle.bag.paths import folded
from freehold.lifecycle.bag.sorting import LineSorter
from freehold.lifecycle.bag.sources import Apart, BrokenArchive, Entry, Oddity, entries_of, unsafe
from freehold.lifecycle.bag.tar import TAG_FILES

FAULTS_KEPT = 1_000
DECLARED_VERSIONS = ("0.97", "1.0")
BASE_LABEL, BASE_SNAPSHOT_LABEL = "Freehold-Base-Manifest", "Freehold-Base-Snapshot"
"""Lines of the `bag-info.txt` of an increment."""
_MANIFEST = re.compile(r"(tag)?manifest-[^/]+\.txt")
"""A bag is valid where every manifest in it holds (RFC 8493, section 3): of one by another algorithm nobody here can
say so."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a bag is refused, not read: files, bytes in all, bytes of one file, of one tag file."""

    files: int = 50_000_000
    size: int = 1 << 50
    file_size: int = 1 << 46
    tag_file_size: int = 1 << 35


@dataclass(frozen=True, slots=True)
class Fault:
    """`code` is stable: unsafe_path, not_a_file, duplicate, colliding, missing, extra, wrong_digest,
    bad_manifest, bad_oxum, bad_declaration, too_large, too_many, broken, bad_certificate. `message`: a sentence of
    ours, of an archive that could not be read to its end."""

    code: str
    path: str
    message: str = ""


@dataclass(slots=True)
class Report:
    """`ok` when there is no fault. `files` and `size` count the payload; `faults` holds the first 1,000.

    Of an increment `base` is the digest of the manifest of the bag that it needs, as its tag file says.
    """

    files: int = 0
    size: int = 0
    bytes_read: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)
    tag_manifest_sha256: str = ""
    certificate: CertificateState = CertificateState.ABSENT
    claims: dict[str, object] = field(default_factory=dict)
    base: str = ""
    base_snapshot: str = ""

    @property
    def ok(self) -> bool:
        return self.fault_count == 0

    def add(self, code: str, path: str = "", message: str = "") -> None:
        self.fault_count += 1
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(Fault(code, path, message))


def verify_bag(
    bag: Path,
    *,
    keys: Mapping[str, object] | None = None,
    limits: Limits | None = None,
    on_progress: Callable[[int], None] | None = None,
    scratch: Path | None = None,
) -> Report:
    """Reads the folder, `.tar` or `.zip` at `bag`. `keys` is a JWK Set of public keys; without it the certificate is
    checked against the set inside the bag, which proves that the bag is whole, not who made it.

    `on_progress` is told the bytes read so far. `scratch`: a folder for what is written meanwhile, which is gone at the
    end; the system's temporary one without it. Raises OSError when the bag cannot be read at all.
    """
    return verify_entries(entries_of(bag), bag.name, keys=keys, limits=limits, on_progress=on_progress, scratch=scratch)


def verify_entries(
    entries: Iterable[Entry | Oddity],
    name: str,
    *,
    keys: Mapping[str, object] | None = None,
    limits: Limits | None = None,
    on_progress: Callable[[int], None] | None = None,
    scratch: Path | None = None,
) -> Report:
    """As `verify_bag`, of a bag called `name`. Payload that lies apart was digested as it came, and is not read."""
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="freehold-verify-", dir=scratch) as made,
        LineSorter(Path(made)) as found,
    ):
        reading = _Reading(report, limits or Limits(), Path(made), found, on_progress)
        try:
            is_whole = reading.read(entries)
        except BrokenArchive as fault:
            report.add("broken", name, str(fault))
            is_whole = False
        if is_whole:  # of what was not read nobody can say that it is missing
            _compare(report, Path(made), found)
            _check_tags(report, Path(made), keys)
    return report


class _Reading:
    """The pass over the bytes: digests every file, keeps the tag files and one line for each file."""

    def __init__(
        self,
        report: Report,
        limits: Limits,
        scratch: Path,
        found: LineSorter,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self._report = report
        self._limits = limits
        self._scratch = scratch
        self._found = found
        self._on_progress = on_progress or (lambda done: None)
        self._count = 0

    def read(self, entries: Iterable[Entry | Oddity]) -> bool:
        """False where it stopped before the end. Raises BrokenArchive."""
        for entry in entries:
            if isinstance(entry, Oddity):
                self._report.add(entry.code, entry.path)
                continue
            self._count += 1
            if self._count > self._limits.files:
                self._report.add("too_many", entry.path)
                return False
            if not self._read_one(entry):
                return False
        return True

    def _read_one(self, entry: Entry) -> bool:
        """False when the reading must stop: going on would cost what the limits forbid."""
        payload = entry.path.startswith("data/")
        if _MANIFEST.fullmatch(entry.path) and entry.path not in TAG_FILES:
            self._report.add("bad_manifest", entry.path)
        limit = self._limits.file_size if payload else self._limits.tag_file_size
        if entry.size > limit or self._report.bytes_read + entry.size > self._limits.size:
            self._report.add("too_large", entry.path)
            return False
        if payload and entry.apart is not None:
            self._count_apart(entry.path, entry.apart)
            return True
        meter = Sha256Meter()
        pieces = self._measured(entry, meter)
        if payload:
            for _ in pieces:
                pass
            self._report.files += 1
            self._report.size += meter.size
        else:
            self._keep(entry.path, pieces)
        if meter.size != entry.size:
            self._report.add("broken", entry.path)
        self._found.add(f"{entry.path}\0{meter.hexdigest}".encode())
        return True

    def _count_apart(self, path: str, apart: Apart) -> None:
        self._report.files += 1
        self._report.size += apart.size
        self._report.bytes_read += apart.size
        self._on_progress(self._report.bytes_read)
        self._found.add(f"{path}\0{apart.sha256}".encode())

    def _measured(self, entry: Entry, meter: Sha256Meter) -> Iterator[memoryview]:
        """A file that grows while it is read must not be read for ever."""
        for piece in entry.pieces:
            meter.feed(piece)
            self._report.bytes_read += len(piece)
            self._on_progress(self._report.bytes_read)
            yield piece
            if meter.size > entry.size:
                return

    def _keep(self, path: str, pieces: Iterable[memoryview]) -> None:
        """The tag files are read again for what they say; others are only digested."""
        if path not in TAG_FILES or (self._scratch / path).exists():
            for _ in pieces:
                pass
            return
        with (self._scratch / path).open("wb") as copy:
            for piece in pieces:
                copy.write(piece)


def _compare(report: Report, scratch: Path, found: LineSorter) -> None:
    """Walks the sorted list of what is there beside the sorted list of what ought to be."""
    with LineSorter(scratch) as wanted, LineSorter(scratch) as names:
        for manifest, payload in (("manifest-sha256.txt", True), ("tagmanifest-sha256.txt", False)):
            for path, digest in _manifest_lines(report, scratch / manifest, payload):
                wanted.add(f"{path}\0{digest}".encode())
        for path, have, want in _joined(report, found.lines(), wanted.lines()):
            names.add(folded(path).replace("\n", "").encode("utf-8", "surrogatepass"))
            _judge(report, path, have, want)
        _find_collisions(report, names.lines())


def _manifest_lines(report: Report, manifest: Path, payload: bool) -> Iterator[tuple[str, str]]:
    if not manifest.exists():
        report.add("missing", manifest.name)
        return
    with manifest.open("rb") as lines:
        while line := lines.readline(8192):
            parsed = _manifest_line(line)
            if parsed is None or parsed[1].startswith("data/") != payload:
                report.add("bad_manifest", manifest.name)
                return
            yield parsed[1], parsed[0]


def _manifest_line(line: bytes) -> tuple[str, str] | None:
    try:
        digest, _, path = line.decode("utf-8").rstrip("\r\n").partition(" ")
    except UnicodeDecodeError:
        return None
    path = path.lstrip(" *").replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    digest = digest.lower()
    if len(digest) != 64 or digest.strip("0123456789abcdef") or unsafe(path):
        return None
    return digest, path


def _joined(
    report: Report, found: Iterator[bytes], wanted: Iterator[bytes]
) -> Iterator[tuple[str, str | None, str | None]]:
    """(path, digest found, digest wanted) in order of path; tells paths that occur twice on one side."""
    marked = heapq.merge(((line, 0) for line in found), ((line, 1) for line in wanted), key=lambda item: item[0])
    path, sides = "", [None, None]  # type: tuple[str, list[str | None]]
    for line, side in marked:
        name, digest = line.decode().split("\0")
        if name != path:
            if path:
                yield path, sides[0], sides[1]
            path, sides = name, [None, None]
        if sides[side] is not None:
            report.add("duplicate", name)
        sides[side] = digest
    if path:
        yield path, sides[0], sides[1]


def _judge(report: Report, path: str, have: str | None, want: str | None) -> None:
    if have is None:
        report.add("missing", path)
    elif want is not None and have != want:
        report.add("wrong_digest", path)
    elif want is None and path not in _UNLISTED:
        report.add("extra", path)


_UNLISTED = frozenset({"tagmanifest-sha256.txt", "certificate.jws"})
"""The tag manifest cannot list itself, nor the certificate that signs it."""


def _find_collisions(report: Report, names: Iterator[bytes]) -> None:
    before = b""
    for name in names:
        if name == before:
            report.add("colliding", name.decode("utf-8", "replace"))
        before = name


def _check_tags(report: Report, scratch: Path, keys: Mapping[str, object] | None) -> None:
    _check_declaration(report, scratch / "bagit.txt")
    _check_info(report, scratch / "bag-info.txt")
    manifest = scratch / "tagmanifest-sha256.txt"
    if not manifest.exists():
        return
    meter = Sha256Meter()
    with manifest.open("rb") as stream:
        while piece := stream.read(1 << 20):
            meter.feed(piece)
    report.tag_manifest_sha256 = meter.hexdigest
    report.certificate, report.claims = check_certificate(
        scratch / "certificate.jws", scratch / "certificate-keys.json", meter.hexdigest, keys
    )
    if report.certificate in (CertificateState.WRONG, CertificateState.UNKNOWN_KEY):
        report.add("bad_certificate", "certificate.jws")


def _check_declaration(report: Report, declaration: Path) -> None:
    expected = {f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8" for version in DECLARED_VERSIONS}
    if not declaration.exists() or _head(declaration).replace("\r\n", "\n").strip() not in expected:
        report.add("bad_declaration", "bagit.txt")


def _check_info(report: Report, info: Path) -> None:
    """An absent Payload-Oxum is allowed by RFC 8493; a wrong one is not. Tells what base an increment needs."""
    if not info.exists():
        return
    for line in _head(info).splitlines():
        label, _, value = line.partition(":")
        label, value = label.strip(), value.strip()
        if label == "Payload-Oxum" and value != f"{report.size}.{report.files}":
            report.add("bad_oxum", "bag-info.txt")
        elif label == BASE_LABEL:
            report.base = value[:64]
        elif label == BASE_SNAPSHOT_LABEL:
            report.base_snapshot = value[:40]


def _head(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(1 << 16).decode("utf-8", "replace")
