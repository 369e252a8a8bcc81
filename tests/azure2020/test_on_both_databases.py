"""What these façades ask of the domain, on SQLite and on PostgreSQL: metrics, blocks, who sees which workspace."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from freehold.domain.access import rules
from freehold.domain.access.actor import Action, WorkspaceName
from freehold.domain.access.directory import service as directory
from freehold.domain.access.kinds import Kind
from freehold.domain.artifacts.blocks import append_content, commit_blocks, list_blocks, stage_block
from freehold.domain.artifacts.service import ArtifactName, get_artifact
from freehold.domain.artifacts.transfer import reap
from freehold.domain.experiments.service import ExperimentView, create_experiment
from freehold.domain.listing.metrics import get_metric, list_metrics
from freehold.domain.metrics.documents import Logged, MetricDocument, Value, Window, log_documents, read_metric
from freehold.domain.runs.events import Event, apply_event
from freehold.domain.runs.service import get_run
from freehold.domain.runs.upsert import RunChanges, put_run
from freehold.domain.workspaces import service as workspaces
from freehold.domain.workspaces.service import Wanted
from freehold.kit.problems import Conflict, Forbidden, Invalid, NotFound
from freehold.storage.blobs import open_objects
from freehold.storage.metrics import Point
from freehold.storage.transaction import Transaction
from tests.conftest import House

EVERYTHING = Window(None, None, 0, 1_000)


@pytest.fixture
def experiment(house: House) -> ExperimentView:
    def make(db: Transaction) -> ExperimentView:
        made = create_experiment(db, house.alice, house.workspace, "both")
        put_run(db, house.alice, house.workspace, made, "r", RunChanges({}))
        return made

    return house.database.write_now(make)


def test_metric_documents_are_kept_and_paged(house: House, experiment: ExperimentView) -> None:
    text = MetricDocument(
        "id-1", "note", "azureml.v1.scalar", 5, {"note": "string"}, [Value(5, None, {"note": "x"})], {}
    )
    points = [Point("loss", step, 10 + step, float(step)) for step in range(25)]
    logged = Logged(points, [text])

    def log(db: Transaction) -> None:
        log_documents(db, house.workspace, "r", logged)
        log_documents(db, house.workspace, "r", Logged([], [text]))

    house.database.write_now(log)
    row = house.database.read_now(lambda db: get_run(db, house.workspace, "r")).row_id
    found = house.database.read_now(lambda db: read_metric(db, house.workspace, row, "loss", Window(15, 30, 2, 5)))
    assert found is not None
    assert [(value.step, value.at) for value in found[0].values] == [(step, 10 + step) for step in range(7, 12)]
    assert found[1]
    kept = house.database.read_now(lambda db: read_metric(db, house.workspace, row, "note", EVERYTHING))
    assert kept is not None
    assert [value.data for value in kept[0].values] == [{"note": "x"}]
    first = house.database.read_now(
        lambda db: list_metrics(db, house.workspace, experiment.row_id, None, limit=1, after=None)
    )
    assert [each.document.name for each in first.metrics] == ["loss"]
    rest = house.database.read_now(
        lambda db: list_metrics(db, house.workspace, experiment.row_id, None, limit=9, after=first.next_place)
    )
    assert ([each.document.name for each in rest.metrics], rest.next_place) == (["note"], None)
    for each in (*first.metrics, *rest.metrics):
        wanted = each.document.metric_id
        again = house.database.read_now(
            lambda db, id_=wanted: get_metric(db, house.workspace, experiment.experiment_id, id_)  # type: ignore[misc]  # binds the loop's value
        )
        assert again == each


def test_blocks_are_joined_and_leave_nothing(house: House, experiment: ExperimentView) -> None:
    objects, name = open_objects(house.settings), ArtifactName("ExperimentRun", "r", "a/b")
    reach = (house.database, objects, house.alice, house.workspace, name)

    async def use() -> None:
        for block, content in (("1", b"one"), ("2", b"two"), ("2", b"TWO"), ("3", b"left out")):
            await stage_block(*reach, block, pieces(content))
        assert await house.database.read(lambda db: list_blocks(db, house.workspace, name)) == [
            ("1", 3),
            ("2", 3),
            ("3", 8),
        ]
        with pytest.raises(Invalid, match="not uploaded"):
            await commit_blocks(*reach, ["1", "4"])
        assert (await commit_blocks(*reach, ["2", "1"])).size == 6
        with pytest.raises(Conflict):
            await commit_blocks(*reach, [], must_be_empty=True)
        await append_content(*reach, pieces(b"more"))
        found = await house.database.read(lambda db: get_artifact(db, house.workspace, name))
        assert found.object_key is not None
        assert b"".join([piece async for piece in await objects.get(found.object_key)]) == b"TWOonemore"
        assert await house.database.read(lambda db: list_blocks(db, house.workspace, name)) == []

    asyncio.run(use())
    reap(house.database, objects, house.clock)
    assert len(list(objects.list())) == 1


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


def test_an_append_that_another_overtook_is_refused(house: House, experiment: ExperimentView) -> None:
    objects, name = open_objects(house.settings), ArtifactName("ExperimentRun", "r", "log")
    reach = (house.database, objects, house.alice, house.workspace, name)

    async def overtaken() -> AsyncIterator[bytes]:
        await append_content(*reach, pieces(b"first"))
        yield b"second"

    async def use() -> None:
        with pytest.raises(Conflict, match="Append to it again"):
            await append_content(*reach, overtaken())
        found = await house.database.read(lambda db: get_artifact(db, house.workspace, name))
        assert found.size == 5

    asyncio.run(use())


def test_workspaces_are_seen_by_role_at_any_height(house: House) -> None:
    home = house.workspace
    name = WorkspaceName(home.subscription_id, home.resource_group.upper(), ("second",))

    def use(db: Transaction) -> None:
        made, is_new = workspaces.put_workspace(db, house.alice, name, Wanted(tags={"a": "b"}))
        assert is_new
        assert made.ref.path.startswith(f"/subscriptions/{home.subscription_id}/resourceGroups/{home.resource_group}/")
        bob = directory.add_person(db, kind="person", display_name="Bob")
        assert workspaces.list_subscriptions(db, bob) == []
        with pytest.raises(NotFound):
            workspaces.get_group(db, bob, home.subscription_id, home.resource_group)
        directory.grant(db, bob, rules.READER, workspace_id=made.ref.workspace_id)
        seen = workspaces.list_in_subscription(db, bob, home.subscription_id, Kind.WORKSPACE, after=0, limit=10)
        assert [each.ref.name for each in seen] == ["second"]
        group = workspaces.get_group(db, bob, home.subscription_id, home.resource_group)
        assert workspaces.list_in_group(db, bob, group, Kind.WORKSPACE, after=made.ref.workspace_id, limit=10) == []
        assert workspaces.find_workspace(db, bob, name._replace(names=("default",))) is None
        with pytest.raises(Forbidden):
            workspaces.put_workspace(db, bob, name, Wanted())
        for taken_or_free in ("default", "nobodys"):  # that one is taken is not for Bob to learn
            with pytest.raises(Forbidden):
                workspaces.put_workspace(db, bob, name._replace(names=(taken_or_free,)), Wanted())
        changed, is_new = workspaces.put_workspace(db, house.alice, name, Wanted(properties={"keyVault": "k"}))
        assert (is_new, changed.tags, changed.properties) == (False, {"a": "b"}, {"keyVault": "k"})

    house.database.write_now(use)


def test_a_contributor_of_the_group_owns_what_they_make(house: House) -> None:
    home = house.workspace

    def use(db: Transaction) -> None:
        bob = directory.add_person(db, kind="person", display_name="Bob")
        group = workspaces.get_group(db, house.alice, home.subscription_id, home.resource_group)
        directory.grant(db, bob, rules.CONTRIBUTOR, resource_group_row=group.row_id)
        name = WorkspaceName(home.subscription_id, home.resource_group, ("bobs",))
        made, _ = workspaces.put_workspace(db, bob, name, Wanted())
        signed = workspaces.enter_by_id(db, bob.tenant_id, bob.object_id, made.ref.public_id, Action.ERASE)
        assert signed == (bob, made.ref)

    house.database.write_now(use)


def test_warnings_and_errors_stay_with_the_run(house: House, experiment: ExperimentView) -> None:
    def use(db: Transaction) -> None:
        for number in range(3):
            warning = Event("Microsoft.MachineLearning.Run.Warning", {"Source": "s", "Message": str(number)}, None)
            apply_event(db, house.workspace, "r", warning)
        apply_event(db, house.workspace, "r", Event("Microsoft.MachineLearning.Run.Completed", {}, 7))
        run = get_run(db, house.workspace, "r")
        assert [each["message"] for each in run.details["warnings"]] == ["0", "1", "2"]
        assert (run.status, run.ended_at) == ("Completed", 7)
        with pytest.raises(Invalid):
            apply_event(db, house.workspace, "r", Event("", {}, None))

    house.database.write_now(use)
