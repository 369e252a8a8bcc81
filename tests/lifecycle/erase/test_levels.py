"""A certificate claims the level of the store that came least far, and no more."""

from freehold.lifecycle import certificate
from freehold.lifecycle.evidence import Evidence
from freehold.lifecycle.levels import ERASED, LOGICALLY, VERIFIED, level_of_objects, lowest_of
from freehold.lifecycle.proof import Proof
from freehold.records.rules import Scope
from tests.lifecycle.erase.site import Site


def test_the_whole_is_as_far_as_its_last_part() -> None:
    assert lowest_of([{"level": VERIFIED}, {"level": ERASED}, {"level": LOGICALLY}]) == ERASED
    assert lowest_of([{"level": VERIFIED}, {"level": LOGICALLY}]) == LOGICALLY
    assert lowest_of([{"level": VERIFIED}]) == VERIFIED


def test_only_a_folder_is_read_byte_by_byte() -> None:
    assert level_of_objects(None)["level"] == VERIFIED


def test_the_certificate_says_what_the_proof_found(plain_site: Site) -> None:
    site = plain_site
    stores = [{"store": "PostgreSQL", "level": LOGICALLY}]
    proof = Proof(LOGICALLY, stores, {"residue": 0}, 1)
    operation = site.request(Scope.EXPERIMENT, site.experiment().experiment_id)
    evidence = Evidence([], "root", "plan", 1, [], [])
    statement = site.database.read_now(
        lambda db: certificate.statement_of_erasure(db, operation, evidence, proof, None)
    )
    assert (statement["level"], statement["stores"]) == (LOGICALLY, stores)
    assert set(certificate.FIELDS) <= set(statement)
