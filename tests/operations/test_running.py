"""Operations that nothing disturbs, that fail, and that are cancelled."""

import pytest

from freehold.operations.model import Progress, State
from freehold.operations.service import cancel_operation
from freehold.operations.workflows import AT_ONCE
from tests.operations.conftest import Site, until

ALL = ["hide", "rows 0", "rows 1", "rows 2", "rows 3", "file 7", "seal"]


def test_an_operation_runs_to_its_end_and_says_how_far_it_is(site: Site) -> None:
    code, (operation_id,) = site.run("--request", "erase", "--until-ended")
    operation = site.operation(operation_id)
    assert code == 0
    assert site.marks(operation_id) == ALL
    assert (operation.state, operation.fence, operation.result) == (State.SUCCEEDED, len(ALL), {"rows": 40})
    assert operation.progress == Progress(4, 4, {"rows": 40})
    assert operation.progress.percent == 100
    assert operation.ended_at is not None
    assert operation.created_at <= operation.ended_at


def test_a_refused_step_ends_the_operation_at_once_and_keeps_no_content(site: Site) -> None:
    _, (operation_id,) = site.run("--request", "refused", "--until-ended")
    operation = site.operation(operation_id)
    assert (operation.state, operation.error_code) == (State.FAILED, "TooOld")
    assert "secret" not in (operation.error_message or "")
    assert site.marks(operation_id) == ["hide"]
    assert site.work() == ["clean up Failed"]


def test_a_step_that_breaks_is_tried_five_times_then_given_up(site: Site) -> None:
    _, (operation_id,) = site.run("--request", "broken", "--until-ended")
    operation = site.operation(operation_id)
    assert (operation.state, operation.error_code) == (State.FAILED, "RuntimeError")
    assert site.work() == ["try"] * 5 + ["clean up Failed"]
    assert site.marks(operation_id) == []


def test_a_fault_that_passes_leaves_no_trace_in_the_outcome(site: Site) -> None:
    _, (operation_id,) = site.run("--request", "shaky", "--until-ended")
    operation = site.operation(operation_id)
    assert (operation.state, operation.error_code) == (State.SUCCEEDED, None)
    assert site.work() == ["try"] * 3
    assert site.marks(operation_id) == ["seal"]


def test_on_a_full_disk_what_can_be_asked_for_anew_ends_and_gives_back_what_it_took(site: Site) -> None:
    (site.data / "full").touch()
    _, (operation_id,) = site.run("--request", "roomy", "--until-ended")
    operation = site.operation(operation_id)
    assert (operation.state, operation.error_code) == (State.FAILED, "InsufficientStorage")
    assert site.work()[0] == "try"
    assert any(line.startswith("clean up") for line in site.work())
    assert site.marks(operation_id) == ["hide"]


@pytest.mark.parametrize("kind", ["roomy_to_its_end", "file_to_its_end"])
def test_on_a_full_disk_what_must_not_be_given_up_waits_says_so_and_goes_on_by_itself(site: Site, kind: str) -> None:
    (site.data / "full").touch()
    process = site.start("--request", kind)
    until(lambda: site.work().count("try") >= 2)
    assert process.stdout is not None
    operation_id = process.stdout.readline().strip()
    waiting = site.operation(operation_id)
    assert (waiting.state, waiting.error_code) == (State.RUNNING, "InsufficientStorage")
    assert "goes on by itself" in (waiting.error_message or "")
    (site.data / "full").unlink()
    until(lambda: site.operation(operation_id).is_ended)
    assert site.stop(process) == 0
    ended = site.operation(operation_id)
    assert (ended.state, ended.error_code) == (State.SUCCEEDED, None)
    assert site.marks(operation_id) == ["hide", "seal"]
    assert "clean up" not in " ".join(site.work())


def test_those_that_wait_leave_room_for_what_they_wait_for(site: Site) -> None:
    """More of them than may run at once."""
    asked = ["--request", *["waiting"] * (AT_ONCE + 1), "speaking"]
    code, operations = site.run(*asked, "--until-ended")
    assert code == 0
    assert {site.operation(each).state for each in operations} == {State.SUCCEEDED}
    assert [site.marks(each) for each in operations] == [["seal"]] * len(operations)


def test_a_cancelled_operation_commits_no_further_step_and_cleans_up(site: Site) -> None:
    (site.data / "hold").touch()
    process = site.start("--request", "erase")
    until(lambda: "file" in site.work())
    assert process.stdout is not None
    operation_id = process.stdout.readline().strip()
    database = site.open()
    database.write_now(lambda db: cancel_operation(db, operation_id))
    database.close()
    until(lambda: "clean up Canceled" in site.work())
    assert site.stop(process) == 0
    assert site.operation(operation_id).state is State.CANCELED
    assert site.marks(operation_id) == ALL[:5]


def test_a_graceful_stop_leaves_the_rest_for_the_next_start(site: Site) -> None:
    (site.data / "hold").touch()
    process = site.start("--request", "erase")
    until(lambda: "file" in site.work())
    assert process.stdout is not None
    operation_id = process.stdout.readline().strip()
    assert site.stop(process) == 0
    assert site.operation(operation_id).state is State.RUNNING
    (site.data / "hold").unlink()
    assert site.run("--until-ended")[0] == 0
    assert site.marks(operation_id) == ALL
