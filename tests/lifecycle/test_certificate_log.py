"""The log through a real server: certificates of real erasures, fetched, verified, tampered with, lost and found."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.kit.problems import Unavailable
from freehold.lifecycle.log import verify_log
from freehold.lifecycle.log.queries import append_certificate
from freehold.lifecycle.log.service import CertificateLog, entry_of
from freehold.lifecycle.log.tree import Tree, bundle
from freehold.storage.database import open_database
from freehold.storage.keys import KeyStore
from freehold.storage.transaction import Transaction
from tests.commands import freehold
from tests.conftest import House
from tests.unit.log.test_tree import mth, root_by_inclusion
from tests.world import World, make_world

LOG = "/freehold/v1/log"
EARLIER = 300
LATEST = ("checkpoint", "key", "tile/0/001.p/45", "tile/entries/001.p/45")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """A world with 300 earlier certificates and that of one real erasure, whose JWS it gives."""
    world = make_world(tmp_path_factory.mktemp("logged") / "data")
    add_certificates(world, EARLIER)
    world.start()
    jws = erase_a_run(world)["jws"]
    yield world, jws
    world.kill()


@pytest.fixture
def mirror(logged: tuple[World, str], tmp_path: Path) -> Path:
    """A folder with everything that the script reads."""
    world, _ = logged
    for path in (*LATEST, "tile/0/000", "tile/1/000.p/1", "tile/entries/000"):
        target = tmp_path / "log" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(fetch(world, path))
    return tmp_path / "log"


def add_certificates(world: World, count: int) -> None:
    settings, clock = world.settings(), SystemClock()
    keys = KeyStore(settings.key_folder, clock)
    database = open_database(settings, clock, UuidSource(clock), keys)

    def add(db: Transaction) -> None:
        for number in range(count):
            values = {"certificate_id": db.new_id(), "operation_id": db.new_id(), "kind": "erasure"}
            append_certificate(db, {**values, "jws": keys.certificates.sign_jws(b"{}%d" % number)})

    database.write_now(add)
    database.close()


def erase_a_run(world: World) -> dict[str, Any]:
    """Its certificate."""
    return erase_run(world, make_run(world))


def make_run(world: World) -> str:
    made = world.mlflow("POST", "runs/create", {"experiment_id": "0", "run_name": "goes"})
    return str(made["run"]["info"]["run_id"])


def erase_run(world: World, run: str) -> dict[str, Any]:
    erased = json.loads(freehold(world, "erase", "run", run, "--yes", "--json"))
    certificate: dict[str, Any] = erased["certificate"]
    return certificate


def statement_in(jws: str) -> dict[str, str]:
    said: dict[str, str] = json.loads(verify_log.decode_url(jws.split(".")[1]))
    return said


def fetch(world: World, path: str) -> bytes:
    answer = world.get(f"{LOG}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.content


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The script alone: no package of Freehold, no site-packages."""
    return subprocess.run(
        [sys.executable, "-I", "-S", verify_log.__file__, *arguments], capture_output=True, text=True, timeout=120
    )


def test_the_script_alone_verifies_the_log_and_finds_the_certificate(logged: tuple[World, str], tmp_path: Path) -> None:
    world, jws = logged
    (tmp_path / "c.jws").write_text(jws)
    key = fetch(world, "key").decode().split()[0]
    done = script(world.url + LOG, "--key", key, "--certificate", str(tmp_path / "c.jws"))
    assert done.returncode == 0, done.stderr
    assert f"is leaf {EARLIER}; signed (under keys that the server names itself" in done.stdout
    assert f"{EARLIER + 1} certificates" in done.stdout
    (tmp_path / "c.jws").write_text(jws[:-1] + ("A" if jws[-1] != "A" else "B"))
    assert "not in the log" in script(world.url + LOG, "--certificate", str(tmp_path / "c.jws")).stderr


def test_a_certificate_is_verified_under_keys_that_one_has(logged: tuple[World, str], tmp_path: Path) -> None:
    world, jws = logged
    (tmp_path / "c.jws").write_text(jws)
    (tmp_path / "own").write_bytes(world.get("/freehold/v1/certificates/keys").content)
    (tmp_path / "strange").write_text(json.dumps(KeyStore(tmp_path / "keys", SystemClock()).certificates.jwks()))
    asked = (world.url + LOG, "--certificate", str(tmp_path / "c.jws"), "--certificate-key")
    done = script(*asked, str(tmp_path / "own"))
    assert done.stdout.splitlines()[0].endswith(f"is leaf {EARLIER}; signed")
    done = script(*asked, str(tmp_path / "strange"))
    assert (done.returncode, "none of the certificate keys" in done.stderr) == (1, True)
    command = ("log", "verify", "--certificate", str(tmp_path / "c.jws"), "--certificate-key")
    assert "; signed" in " ".join(freehold(world, *command, str(tmp_path / "own")).split())
    freehold(world, *command, str(tmp_path / "strange"), expect=1)


def test_a_file_that_is_no_text_is_no_certificate(logged: tuple[World, str], tmp_path: Path) -> None:
    (tmp_path / "c.jws").write_bytes(b"\xff\xfe\x00")
    for option in ("--certificate", "--older"):
        done = script(logged[0].url + LOG, option, str(tmp_path / "c.jws"))
        assert (done.returncode, "c.jws is no text" in done.stderr) == (1, True)
        said = freehold(logged[0], "log", "verify", option, str(tmp_path / "c.jws"), expect=1)
        assert "c.jws is no text" in " ".join(said.split())


def test_the_document_that_the_server_gives_of_a_certificate_is_verified_as_it_is(
    logged: tuple[World, str], tmp_path: Path
) -> None:
    world, jws = logged
    answer = world.get(f"/freehold/v1/certificates/{statement_in(jws)['certificate_id']}", world.alice)
    (tmp_path / "c.json").write_bytes(answer.content)
    done = script(world.url + LOG, "--certificate", str(tmp_path / "c.json"))
    assert (done.returncode, f"is leaf {EARLIER}; signed" in done.stdout) == (0, True), done.stderr
    told = json.loads(freehold(world, "log", "verify", "--certificate", str(tmp_path / "c.json"), "--json"))
    assert list(told["leaves"].values()) == [EARLIER]


@pytest.mark.parametrize("content", ["", "no.jws", '{"jws": 1}', '{"statement": {}}', "{", "[1]"])
def test_a_file_that_is_neither_a_jws_nor_has_one_is_said_to_be_no_certificate(
    logged: tuple[World, str], tmp_path: Path, content: str
) -> None:
    (tmp_path / "c.json").write_text(content)
    done = script(logged[0].url + LOG, "--certificate", str(tmp_path / "c.json"))
    assert (done.returncode, "c.json is no certificate: neither" in done.stderr) == (1, True), done.stderr


def test_a_certificate_is_fetched_by_its_id_or_the_operations_and_kept(
    logged: tuple[World, str], tmp_path: Path
) -> None:
    world, jws = logged
    told = json.loads(freehold(world, "certificate", statement_in(jws)["certificate_id"], "--json"))
    assert told["jws"] == jws
    kept = tmp_path / "kept.jws"
    shown = freehold(world, "certificate", told["operation_id"], "--to", str(kept))
    assert "level reached: verified" in shown
    assert kept.read_text().strip() == jws
    assert "already" in freehold(world, "certificate", told["operation_id"], "--to", str(kept), expect=2)
    freehold(world, "log", "verify", "--certificate", str(kept))


def test_of_a_folder_it_is_said_that_no_signature_was_checked(
    logged: tuple[World, str], mirror: Path, tmp_path: Path
) -> None:
    (tmp_path / "c.jws").write_text(logged[1])
    done = script(str(mirror), "--certificate", str(tmp_path / "c.jws"))
    assert done.returncode == 0, done.stderr
    assert "the certificate's signature was not checked: give --certificate-key" in done.stdout


@pytest.mark.parametrize("part", [0, 1, 2])
def test_the_script_finds_signed_what_an_independent_library_does(part: int, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys", SystemClock()).certificates
    jws = keys.sign_jws(b'{"said": "all of it"}')
    signers = verify_log.open_key_set(json.dumps(keys.jwks()).encode())
    verify_log.check_certificate(jws, signers)
    head, payload, signature = jws.split(".")
    public = Ed25519PublicKey.from_public_bytes(next(iter(signers.values())))
    public.verify(verify_log.decode_url(signature), f"{head}.{payload}".encode())
    parts = [head, payload, signature]
    changed = parts[part]
    parts[part] = changed[:9] + ("A" if changed[9] != "A" else "B") + changed[10:]
    with pytest.raises(InvalidSignature):
        public.verify(verify_log.decode_url(parts[2]), f"{parts[0]}.{parts[1]}".encode())
    with pytest.raises(verify_log.LogFault):
        verify_log.check_certificate(".".join(parts), signers)


@pytest.mark.parametrize("forged", ["nothing", "signed by none", "signed by another"])
def test_a_certificate_that_this_server_did_not_sign_closes_the_log(house: House, tmp_path: Path, forged: str) -> None:
    log, database = CertificateLog(house.database, house.keys), house.database
    strange = KeyStore(tmp_path / "strange", SystemClock()).certificates.sign_jws(b"{}")
    own = house.keys.certificates.sign_jws(b"{}")
    unsigned = ".".join((*own.split(".")[:2], "A" * 86))
    jws = {"nothing": "AAAA", "signed by none": unsigned, "signed by another": strange}[forged]
    for identity, text in (("c1", own), ("c2", jws)):
        values = {"certificate_id": identity, "operation_id": identity, "kind": "erasure", "jws": text}
        database.write_now(lambda db, values=values: append_certificate(db, values))  # type: ignore[misc]  # binds the loop's value
    for _ in range(2):
        with pytest.raises(Unavailable, match="did not sign: c2"):
            log.follow_now()
    assert house.keys.log.advance(0, Tree().root).size == 0, "nothing was signed"


def test_a_forged_certificate_in_a_signed_log_is_refused(house: House, tmp_path: Path) -> None:
    """As an older release would have signed it."""
    own = house.keys.certificates.sign_jws(b'{"level": "verified"}')
    forged = ".".join((*own.split(".")[:2], "A" * 86))
    tree, entry = Tree(), entry_of("c1", forged)
    tree.append(entry)
    note = house.keys.log.checkpoint(house.keys.log.advance(tree.size, tree.root))
    tile = tree.tile(0, 0, 1, 1)
    assert tile is not None
    files = {"checkpoint": note.encode(), "tile/0/000.p/1": tile, "tile/entries/000.p/1": bundle([entry])}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "c.jws").write_text(forged)
    (tmp_path / "jwks").write_text(json.dumps(house.keys.certificates.jwks()))
    asked = (str(tmp_path), "--key", house.keys.log.verifier_keys()[0], "--certificate", str(tmp_path / "c.jws"))
    done = script(*asked, "--certificate-key", str(tmp_path / "jwks"))
    assert (done.returncode, "the certificate is not signed" in done.stderr) == (1, True), done.stderr


def test_an_independent_reader_comes_to_the_same_root(logged: tuple[World, str]) -> None:
    world, jws = logged
    entries: list[bytes] = []
    for path in ("tile/entries/000", f"tile/entries/001.p/{EARLIER + 1 - 256}"):
        content = fetch(world, path)
        while content:
            size = int.from_bytes(content[:2], "big")
            entries.append(content[2 : 2 + size])
            content = content[2 + size :]
    lines = fetch(world, "checkpoint").decode().split("\n")
    assert int(lines[1]) == len(entries) == EARLIER + 1
    root = verify_log.decode(lines[2])
    assert mth(entries) == root
    identity = json.loads(entries[-1])["certificate_id"]
    proof = world.get(f"{LOG}/proofs/{identity}").json()
    hashes = [verify_log.decode(each) for each in proof["hashes"]]
    assert proof["entry"].encode() == entries[-1]
    assert root_by_inclusion(entries[-1], proof["leaf"], proof["size"], hashes) == root
    assert jws.split(".")[1] not in b"".join(entries).decode(), "what a certificate says is not in the log"


def test_tiles_are_kept_for_ever_and_checkpoints_are_not(logged: tuple[World, str]) -> None:
    world, _ = logged
    for path in ("tile/0/000", "tile/0/000.p/7", "tile/entries/000", "tile/1/000.p/1"):
        assert "immutable" in world.get(f"{LOG}/{path}").headers["cache-control"]
    assert fetch(world, "tile/0/000")[: 7 * 32] == fetch(world, "tile/0/000.p/7")
    assert world.get(f"{LOG}/checkpoint").headers["cache-control"] == "no-cache"
    for path in ("tile/0/001", "tile/0/002.p/1", "tile/1/000.p/2", "tile/2/000.p/1", "tile/6/000", "tile/entries/001"):
        assert world.get(f"{LOG}/{path}").status_code == 404, path
    assert world.get(f"{LOG}/proofs/nothing").status_code == 404


def test_a_true_copy_of_the_log_verifies(mirror: Path) -> None:
    assert script(str(mirror)).returncode == 0


@pytest.mark.parametrize(
    "path",
    ["checkpoint", "tile/0/000", "tile/0/001.p/45", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/45"],
)
@pytest.mark.parametrize("place", [0.0, 0.5, 0.99])
def test_a_changed_byte_is_refused_wherever_it_stands(mirror: Path, path: str, place: float) -> None:
    file = mirror / path
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1
    file.write_bytes(content)
    done = script(str(mirror))
    assert done.returncode == 1
    assert "NOT VERIFIED" in done.stderr


def test_a_strangers_key_does_not_verify(logged: tuple[World, str], tmp_path: Path) -> None:
    stranger = KeyStore(tmp_path / "keys", SystemClock()).log.verifier_keys()[0]
    assert "none of the keys" in script(logged[0].url + LOG, "--key", stranger).stderr


def test_the_log_grows_over_restart_and_rotation(world: World, tmp_path: Path) -> None:
    old = tmp_path / "old"
    erase_a_run(world)
    freehold(world, "log", "verify", "--save", str(old))
    older_key = fetch(world, "key").decode().split()[0]
    world.kill()
    freehold(world, "rotate-keys")
    world.start()
    erase_a_run(world)
    found = json.loads(freehold(world, "log", "verify", "--older", str(old), "--json"))
    assert found["size"] == 2
    shown = json.loads(freehold(world, "log", "show", "--json"))
    assert shown["keys"][1:] == [older_key]
    assert "none of the keys" in freehold(world, "log", "verify", "--key", older_key, expect=1)
    changed = old.read_text().replace("\n1\n", "\n0\n")
    old.write_text(changed)
    assert "none of the keys" in freehold(world, "log", "verify", "--older", str(old), expect=1)


def test_a_restored_old_backup_is_noticed_and_never_signed(world: World, tmp_path: Path) -> None:
    """The rows that the backup lacks were signed; neither a shorter nor a rewritten log is, until it is begun anew."""
    erase_a_run(world)
    world.stop()
    shutil.copytree(world.folder, tmp_path / "old", ignore=shutil.ignore_patterns("keys", "server.*"))
    world.start()
    erase_a_run(world)
    freehold(world, "log", "verify", "--save", str(tmp_path / "signed"))
    world.stop()
    for path in world.folder.glob("*.db*"):
        path.unlink()
    for path in (tmp_path / "old").glob("*.db*"):
        shutil.copy(path, world.folder)

    world.start()
    assert "certificate log closed" in world.log()
    for _ in range(2):  # shorter than what was signed; then as long, with others in it
        for name in ("checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"):
            answer = world.get(f"{LOG}/{name}")
            assert (answer.status_code, answer.json()["code"]) == (503, "CertificatesLost")
            assert "begin-anew" in answer.text
        erase_a_run(world)

    world.stop()
    freehold(world, "log", "begin-anew")
    world.start()
    assert json.loads(freehold(world, "log", "verify", "--json"))["size"] == 3
    assert "another log" in freehold(world, "log", "verify", "--older", str(tmp_path / "signed"), expect=1)
    assert not bytes_differ(world)


def test_whoever_restores_erases_or_watches_is_told_of_a_closed_log(world: World, tmp_path: Path) -> None:
    run = make_run(world)
    freehold(world, "backup", str(tmp_path / "backup"))
    open_one = erase_run(world, run)
    fetch(world, "checkpoint")
    assert (open_one["log_closed"], world.get("/readyz").json()["warnings"]) == (None, [])
    world.stop()
    keys = tmp_path / "keys"
    shutil.move(world.folder / "keys", keys)
    shutil.rmtree(world.folder)
    said = " ".join(freehold(world, "restore", str(tmp_path / "backup"), "--keys", str(keys)).split())
    assert "the certificate log is closed: The database has 1 certificates, but its first 1 are not those" in said
    assert "log begin-anew" in said

    world.environment["FREEHOLD_KEYS"] = str(keys)
    world.start()
    ready = world.get("/readyz")
    assert (ready.status_code, ready.json()["warnings"][0].startswith("CertificatesLost: ")) == (200, True)
    assert erase_a_run(world)["log_closed"]["code"] == "CertificatesLost"
    told = freehold(world, "erase", "run", make_run(world), "--yes")
    assert "stands in no log that can be fetched (CertificatesLost)" in " ".join(told.split())
    world.stop()
    freehold(world, "log", "begin-anew")
    world.start()
    assert (erase_a_run(world)["log_closed"], world.get("/readyz").json()["warnings"]) == (None, [])


def bytes_differ(world: World) -> bool:
    """Whether two fetches of the checkpoint differ: it is signed the same way each time."""
    return fetch(world, "checkpoint") != fetch(world, "checkpoint")


def test_a_certificate_is_signed_soon_though_nobody_asks(tmp_path: Path) -> None:
    """Lost with the database afterwards, it would be missed."""
    world = make_world(tmp_path / "data", FREEHOLD_SWEEP_SECONDS="1").start()
    head = world.folder / "keys" / "log" / "head.json"
    try:
        erase_a_run(world)
        deadline = time.monotonic() + 30
        while json.loads(head.read_text())["size"] < 1:
            assert time.monotonic() < deadline, "the server has not looked at its certificates"
            time.sleep(0.1)
    finally:
        world.kill()


def test_certificates_issued_side_by_side_never_come_late(house: House) -> None:
    """Each is followed at once by a reader: whatever it signed must be the beginning of all that came after."""
    log, database = CertificateLog(house.database, house.keys), house.database

    def issue(number: int) -> int:
        def append(db: Transaction) -> None:
            identity = f"c{number}"
            jws = db.keys.certificates.sign_jws(b"{}")
            append_certificate(
                db, {"certificate_id": identity, "operation_id": identity, "kind": "erasure", "jws": jws}
            )
            time.sleep(0.002 * (number % 3))

        database.write_now(append)
        return log.follow_now().size

    with ThreadPoolExecutor(6) as pool:
        assert max(pool.map(issue, range(60))) == 60
    assert CertificateLog(database, house.keys).follow_now().size == 60
