"""What was erased stands in no byte of the data folder; what was not erased is all there."""

import pytest

from freehold.lifecycle.plan import plan_erasure
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.selection import Target
from freehold.operations.model import State
from freehold.records.catalogue import catalogue
from freehold.records.rules import Scope
from tests.lifecycle.erase.site import Site, traces


def _went(site: Site, scope: Scope) -> list[str]:
    """Canaries but those of records that do not hang on what was erased, and of objects that nothing referred to."""
    reached = {record.table.name for record in Reach(Target(scope, 1, (1,))).records()}
    stays = (*(f"<{name}." for name in catalogue() if name not in reached), "<stored_objects.", "<object>")
    return [canary for canary in site.canaries if not any(place in canary for place in stays)]


def test_run_leaves_no_trace_and_its_neighbours_all(site: Site) -> None:
    experiment = site.experiment()
    site.run(experiment)
    neighbours = site.canaries.copy()
    site.canaries.clear()
    run_id = site.run(experiment)
    row = site.row_of("runs", "run_id", run_id)
    site.fill({"workspaces": 1, "experiments": experiment.row_id, "runs": row})
    assert set(traces(site.folder, site.canaries)) == set(site.canaries), "the canaries were planted"

    operation = site.erase(Scope.RUN, run_id)

    assert operation.state is State.SUCCEEDED
    assert operation.result is not None
    assert operation.result["level"] == "verified"
    assert traces(site.folder, [run_id, *_went(site, Scope.RUN)]) == {}
    assert set(traces(site.folder, neighbours)) == set(neighbours)


def test_experiment_takes_its_runs_along(site: Site) -> None:
    other = site.experiment()
    site.run(other)
    neighbours = site.canaries.copy()
    site.canaries.clear()
    experiment = site.experiment()
    run_ids = [site.run(experiment) for _ in range(3)]

    operation = site.erase(Scope.EXPERIMENT, experiment.experiment_id)

    assert operation.state is State.SUCCEEDED
    assert traces(site.folder, [*site.canaries, *run_ids, experiment.experiment_id]) == {}
    assert set(traces(site.folder, neighbours)) == set(neighbours)


def test_workspace_leaves_nothing_at_all(site: Site) -> None:
    experiment = site.experiment()
    run_id = site.run(experiment)
    row = site.row_of("runs", "run_id", run_id)
    site.fill({"workspaces": 1, "experiments": experiment.row_id, "runs": row})

    operation = site.erase(Scope.WORKSPACE, None)

    assert operation.state is State.SUCCEEDED
    assert traces(site.folder, [*site.canaries, run_id, site.workspace.public_id]) == {}


def test_every_free_form_column_was_planted(plain_site: Site) -> None:
    """Else the tests above would pass for a column that nobody wrote to."""
    site = plain_site
    experiment = site.experiment()
    row = site.row_of("runs", "run_id", site.run(experiment))
    site.fill({"workspaces": 1, "experiments": experiment.row_id, "runs": row})
    plan = site.database.read_now(lambda db: plan_erasure(db, site.workspace, Scope.WORKSPACE, None))
    reached = {step.name for step in plan.steps} - {"workspaces", "experiments", "runs", "role_assignments"}
    wanted = {
        f"<{name}.{column.name}>"
        for name in reached
        for column in catalogue()[name].table.columns
        if "rule" in column.info and "object_prefix" not in column.info
    }
    planted = "".join(site.canaries)
    assert {place for place in wanted if place not in planted} == set()


@pytest.mark.parametrize("number", [400])
def test_indexed_short_rows_leave_nothing_in_split_pages(site: Site, number: int) -> None:
    """Page splits of text indexes are what secure_delete alone does not clear."""
    experiment = site.experiment()
    for _ in range(3):
        site.run(experiment, points=0)
    run_ids = [site.run(experiment, points=0) for _ in range(number // 100)]
    for run_id in run_ids:
        row = site.row_of("runs", "run_id", run_id)
        site.fill({"workspaces": 1, "experiments": experiment.row_id, "runs": row}, rows=100)
    site.canaries.clear()
    doomed = site.run(experiment)
    site.erase(Scope.RUN, doomed)
    assert traces(site.folder, [doomed, *site.canaries]) == {}
