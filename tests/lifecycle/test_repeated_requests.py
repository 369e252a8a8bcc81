"""The same request under the same key, many times at the same moment, is done once, and all are told of it."""

import time
from concurrent.futures import ThreadPoolExecutor

from freehold.lifecycle.idempotency import once
from freehold.operations.model import Operation
from freehold.operations.service import list_operations, note_operation
from freehold.storage.transaction import Transaction
from tests.conftest import House

AT_ONCE = 4


def test_requests_that_come_together_are_answered_by_the_same_operation(house: House) -> None:
    def make(db: Transaction) -> Operation:
        time.sleep(0.1)  # long enough for the others to come
        return note_operation(db, kind="import", target_id=db.new_id(), scope="workspace")

    def ask(_: int) -> str:
        return house.database.write_now(lambda db: once(db, house.alice, "a key", b"a request", make)).operation_id

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = set(pool.map(ask, range(AT_ONCE)))
    assert len(answers) == 1
    assert {each.operation_id for each in house.database.read_now(list_operations)} == answers
