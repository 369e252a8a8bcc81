"""Of the operations each person is shown those that they may see, in full pages, and no id of another."""

from collections.abc import Iterator
from typing import Any

import pytest

from freehold.client import Freehold
from freehold.domain.access import rules
from freehold.domain.access.actor import Actor
from freehold.domain.access.directory import service as directory
from freehold.kit.problems import Problem
from freehold.lifecycle.kept import ready_bag
from freehold.lifecycle.watch import may_see, visible_to
from freehold.operations.engine import OperationEngine
from freehold.operations.service import list_operations, note_operation, request_operation
from freehold.operations.steps import Step, finished
from freehold.records.operations import OperationTarget
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.world import Person, World

OPERATIONS = "/freehold/v1/operations"


@pytest.fixture(scope="module")
def every(shared_world: World) -> list[str]:
    """Of Alice, Bob and Charlie, newest first, and of kinds that need other rights."""
    w = shared_world
    made = w.mlflow("POST", "experiments/create", {"name": "seen"})["experiment_id"]
    runs = [w.mlflow("POST", "runs/create", {"experiment_id": made})["run"]["info"]["run_id"] for _ in range(3)]
    asked = [
        *(w.post(f"/freehold/v1{w.elsewhere}/exports", {"scope": "workspace"}, w.charlie) for _ in range(3)),
        *(w.post("/freehold/v1/exports", {"scope": "run", "id": runs[0]}, who) for who in (w.alice, w.bob, w.alice)),
        w.post(f"/freehold/v1{w.elsewhere}/exports", {"scope": "workspace"}, w.charlie),
        *(w.post("/freehold/v1/erasures", {"scope": "run", "id": run}, w.alice) for run in runs[1:]),
        w.post("/freehold/v1/exports", {"scope": "run", "id": runs[0]}, w.alice),
    ]
    assert {answer.status_code for answer in asked} == {202}
    ids = [str(answer.json()["id"]) for answer in reversed(asked)]
    with Freehold(w.url, w.alice.token) as server:
        for each in ids:
            server.wait(server.operation(each))
    return ids


def pages(world: World, person: Person, limit: int) -> Iterator[tuple[list[str], str | None]]:
    query = {"limit": str(limit)}
    while True:
        answer = world.get(OPERATIONS, person, params=query).json()
        yield [each["id"] for each in answer["value"]], answer["next"]
        if answer["next"] is None:
            return
        query["before"] = answer["next"]


@pytest.mark.parametrize("name", ["alice", "bob", "charlie"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_are_full_and_hold_what_one_may_see(shared_world: World, every: list[str], name: str, limit: int) -> None:
    person: Person = getattr(shared_world, name)
    seen = [each for each in every if shared_world.get(f"{OPERATIONS}/{each}", person).status_code == 200]
    told = list(pages(shared_world, person, limit))
    assert [each for page, _ in told for each in page if each in every] == seen
    assert all(len(page) == limit for page, following in told if following is not None)
    assert {following for _, following in told if following is not None} <= {each for page, _ in told for each in page}


def test_each_person_may_see_some_of_them_only(shared_world: World, every: list[str]) -> None:
    w = shared_world
    shown = {name: {each for page, _ in pages(w, who, 9) for each in page} & set(every) for name, who in people(w)}
    assert shown["alice"] == set(every)  # she owns all that is on this server
    assert (len(shown["charlie"]), len(shown["bob"])) == (4, 4)
    assert not shown["bob"] & shown["charlie"]


@pytest.mark.parametrize("name", ["bob", "charlie"])
@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("GET", OPERATIONS + "/{id}"),
        ("POST", OPERATIONS + "/{id}/cancel"),
        ("POST", OPERATIONS + "/{id}/retry"),
        ("GET", "/freehold/v1/certificates/{id}"),
        ("GET", "/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/local/{status}"),
    ],
)
def test_one_of_others_answers_as_one_that_never_was(
    shared_world: World, every: list[str], name: str, method: str, place: str
) -> None:
    theirs, none = every[1], every[1][:-8] + "0" * 8  # an erasure, asked for by Alice

    def ask(person: Person | None, operation_id: str) -> tuple[int, dict[str, Any]]:
        status = f"computeOperationsStatus/{operation_id}?api-version=2019-11-01"
        answer = shared_world.request(method, place.format(id=operation_id, status=status), person)
        return answer.status_code, {key: value for key, value in answer.json().items() if key != "instance"}

    assert ask(None, theirs)[0] == ask(None, none)[0] == 401
    assert ask(getattr(shared_world, name), theirs) == ask(getattr(shared_world, name), none)
    assert ask(getattr(shared_world, name), theirs)[0] == 404


def test_a_certificate_by_its_own_id_is_shown_to_whom_its_operation_is(shared_world: World, every: list[str]) -> None:
    w, none = shared_world, "01990000-0000-7000-8000-000000000000"
    by_operation = w.get(f"/freehold/v1/certificates/{every[1]}", w.alice).json()
    own = f"/freehold/v1/certificates/{by_operation['id']}"
    assert w.get(own).status_code == 401
    for person in (w.charlie, w.bob):
        refused, unknown = w.get(own, person), w.get(f"/freehold/v1/certificates/{none}", person)
        assert (refused.status_code, refused.json()["code"]) == (404, unknown.json()["code"])
        assert refused.json()["detail"] == unknown.json()["detail"]
    assert w.get(own, w.alice).json() == by_operation


def people(world: World) -> list[tuple[str, Person]]:
    return [("alice", world.alice), ("bob", world.bob), ("charlie", world.charlie)]


def test_the_client_goes_on_from_page_to_page(shared_world: World, every: list[str]) -> None:
    with Freehold(shared_world.url, shared_world.alice.token) as server:
        whole = [each.id for each in server.operations(limit=150)]
        assert len(whole) == len(set(whole))
        assert [each.id for each in server.operations(limit=3)] == whole[:3]


def test_of_an_export_under_way_it_is_said_that_its_bag_is_not_finished(house: House) -> None:
    """Before it has noted what it covers; to whom may not see it, as if it never was."""
    engine = OperationEngine(house.database, house.settings)
    engine.register("export", [Step("snapshot", lambda db, context: finished())])

    def look(db: Transaction) -> list[str]:
        asked = {"kind": "export", "target_id": "here", "scope": "workspace", "requested_by": house.alice.person_row}
        begun = request_operation(db, engine, **asked).operation_id  # type: ignore[arg-type]  # each is of its type
        stranger = directory.add_person(db, kind="person", display_name="Someone")
        return [code_of(db, who, begun) for who in (house.alice, stranger)]

    def code_of(db: Transaction, who: Actor, operation_id: str) -> str:
        with pytest.raises(Problem) as told:
            ready_bag(db, house.settings, who, operation_id)
        return told.value.code

    assert house.database.write_now(look) == ["BagNotReady", "BagNotFound"]


@pytest.mark.parametrize("role", [None, *rules.ALLOWED])
def test_the_query_sees_what_the_rule_lets_see(house: House, role: str | None) -> None:
    def lay_out(db: Transaction) -> Actor:
        someone = directory.add_person(db, kind="person", display_name="Someone")
        if role is not None:
            directory.grant(db, someone, role, workspace_id=house.workspace.workspace_id)
        target = {"workspace_id": house.workspace.workspace_id, "target_id": "here", "scope": "workspace"}
        db.execute(OperationTarget.table.insert().values(target))
        for kind in ("export", "erase", "import", "tidy"):
            for place in ("here", "gone"):
                for row in (house.alice.person_row, someone.person_row, None):
                    note_operation(db, kind=kind, target_id=place, scope="workspace", requested_by=row)
        return someone

    someone = house.database.write_now(lay_out)
    every = house.database.read_now(list_operations)
    allowed = house.database.read_now(lambda db: [each for each in every if may_see(db, someone, each)])
    found = house.database.read_now(lambda db: list_operations(db, visible=visible_to(someone)))
    assert (len(every), found) == (24, allowed)
    assert 8 <= len(found) <= 16
