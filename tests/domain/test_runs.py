"""Runs, their author, their maps: the same on both databases."""

import pytest
import sqlalchemy as sa

from freehold.domain.experiments.service import ExperimentView, create_experiment
from freehold.domain.forgetting.service import forget
from freehold.domain.runs import service as runs
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.records.people import MemberAlias
from freehold.storage.transaction import Transaction
from tests.conftest import House


def in_house(house: House, command: object) -> object:
    return house.database.write_now(command)  # type: ignore[arg-type]  # a function of a transaction


@pytest.fixture
def experiment(house: House) -> ExperimentView:
    return house.database.write_now(
        lambda db: create_experiment(db, house.alice, house.workspace, "digits", tags={"stage": "first"})
    )


def make_run(house: House, experiment: ExperimentView, **more: object) -> str:
    return house.database.write_now(
        lambda db: runs.create_run(db, house.alice, house.workspace, experiment, **more)  # type: ignore[arg-type]  # as given
    )


def test_a_run_reads_as_it_was_made(house: House, experiment: ExperimentView) -> None:
    run_id = make_run(house, experiment, name="first", tags={"mlflow.user": "alice@home", "k": "värde 🎉"})
    run = house.database.read_now(lambda db: runs.get_run(db, house.workspace, run_id))
    assert (run.name, run.status, run.run_number, run.experiment_name) == ("first", "Running", 1, "digits")
    assert run.tags == {"mlflow.user": "alice@home", "k": "värde 🎉"}
    assert run.author is not None
    assert run.author.object_id == house.alice.object_id
    assert run.data_container_id == f"dcid.{run_id}"


def test_a_name_for_its_author_goes_with_the_last_run_that_has_it(house: House, experiment: ExperimentView) -> None:
    first, second = (make_run(house, experiment, tags={"mlflow.user": "ann"}) for _ in range(2))

    def name(run_id: str, **tags: str) -> list[str]:
        def change(db: Transaction) -> list[str]:
            named = {f"mlflow.{key}": value for key, value in tags.items()}
            if named:
                runs.set_tags(db, house.alice, house.workspace, run_id, named)
            else:
                runs.remove_tags(db, house.workspace, run_id, ["mlflow.user"])
            return list(db.execute(sa.select(MemberAlias.c.alias).order_by(MemberAlias.c.row_id)).scalars())

        return house.database.write_now(change)

    assert name(first, user="bea") == ["ann", "bea"], "the other run has it still"
    assert name(first, user="bea") == ["ann", "bea"]
    assert name(second) == ["bea"]
    assert name(second, user="bea") == ["bea"]
    assert name(first, user="ann") == ["bea", "ann"]
    assert name(second) == ["ann"]


def test_run_numbers_go_on(house: House, experiment: ExperimentView) -> None:
    numbers = []
    for _ in range(3):
        run_id = make_run(house, experiment)
        numbers.append(house.database.read_now(lambda db, r=run_id: runs.get_run(db, house.workspace, r)).run_number)  # type: ignore[misc]  # binds the loop's value
    assert numbers == [1, 2, 3]


def test_a_parameter_is_not_changed(house: House, experiment: ExperimentView) -> None:
    run_id = make_run(house, experiment)

    def log(pairs: list[tuple[str, str]]) -> None:
        house.database.write_now(lambda db: runs.log_parameters(db, house.workspace, run_id, pairs))

    log([("c", "1"), ("gamma", "0.1")])
    log([("c", "1")])
    with pytest.raises(Conflict):
        log([("new", "x"), ("c", "2")])
    run = house.database.read_now(lambda db: runs.get_run(db, house.workspace, run_id))
    assert run.parameters == {"c": "1", "gamma": "0.1"}, "all or none"


def test_a_client_chosen_id_stands_once(house: House, experiment: ExperimentView) -> None:
    make_run(house, experiment, run_id="my-run_1")
    with pytest.raises(Conflict):
        make_run(house, experiment, run_id="my-run_1")


@pytest.mark.parametrize("run_id", ["", "a/b", "..", "x" * 256, "æ", "a b", "nul\0"])
def test_a_bad_id_is_refused(house: House, experiment: ExperimentView, run_id: str) -> None:
    with pytest.raises(Invalid):
        make_run(house, experiment, run_id=run_id)


def test_an_erased_id_does_not_come_back(house: House, experiment: ExperimentView) -> None:
    def erase(db: Transaction) -> None:
        forget(db, "run", house.workspace.public_id, ["gone"], expires_at=db.now() + 10**12)

    house.database.write_now(erase)
    with pytest.raises(NotFound):
        make_run(house, experiment, run_id="gone")
    make_run(house, experiment, run_id="other")


def test_a_deleted_run_takes_no_writes_until_it_is_restored(house: House, experiment: ExperimentView) -> None:
    run_id = make_run(house, experiment)
    house.database.write_now(lambda db: runs.delete_run(db, house.workspace, run_id))
    with pytest.raises(Conflict):
        house.database.write_now(lambda db: runs.set_tags(db, house.alice, house.workspace, run_id, {"a": "b"}))
    house.database.write_now(lambda db: runs.restore_run(db, house.workspace, run_id))
    house.database.write_now(lambda db: runs.set_tags(db, house.alice, house.workspace, run_id, {"a": "b"}))


def test_text_refuses_nul_and_half_surrogates(house: House, experiment: ExperimentView) -> None:
    run_id = make_run(house, experiment)
    for text in ("a\0b", "\ud800"):
        with pytest.raises(Invalid):
            house.database.write_now(
                lambda db, t=text: runs.set_tags(db, house.alice, house.workspace, run_id, {"k": t})  # type: ignore[misc]  # binds the loop's value
            )
