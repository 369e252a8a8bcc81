"""What names an erased parent once more, beside the link, goes with the link; nothing else does."""

from collections import Counter

import pytest
import sqlalchemy as sa

from freehold.domain.runs import queries
from freehold.domain.runs.service import create_run, get_run, set_properties, set_tags
from freehold.lifecycle import proof, removal
from freehold.lifecycle.cleaning import NotErased
from freehold.lifecycle.joint import joints
from freehold.lifecycle.plan import plan_erasure
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.repeats import Repeated
from freehold.lifecycle.selection import Target
from freehold.operations.model import State
from freehold.records.catalogue import catalogue
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site, traces

PARENT, ROOT = "mlflow.parentRunId", "mlflow.rootRunId"
PIPELINE, PIPELINE_ROOT = "azureml.pipelinerunid", "azureml.rootpipelinerunid"


class Family:
    """A top, its child and its grandchild, with every name by which a client says whose they are."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.top = site.run(site.experiment(), points=10)
        self.middle = self._below(self.top)
        self.low = self._below(self.middle)

    def _below(self, parent: str) -> str:
        site = self.site
        run_id = site.run(site.experiment(), points=10)
        tags = {PARENT: parent, ROOT: self.top, "note": "as it was"}
        site.database.write_now(lambda db: set_tags(db, site.actor, site.workspace, run_id, tags))
        properties = {PIPELINE: parent, PIPELINE_ROOT: self.top}
        site.database.write_now(lambda db: set_properties(db, site.workspace, run_id, properties))
        return run_id

    def said(self, run_id: str) -> dict[str, str]:
        run = self.site.database.read_now(lambda db: get_run(db, self.site.workspace, run_id))
        names = (PARENT, ROOT, PIPELINE, PIPELINE_ROOT, "note")
        return {key: value for key, value in (run.tags | run.properties).items() if key in names}

    def parent_of(self, run_id: str) -> str | None:
        return self.site.database.read_now(lambda db: get_run(db, self.site.workspace, run_id)).parent_run_id

    def root_of(self, run_id: str) -> str:
        workspace_id = self.site.workspace.workspace_id

        def read(db: Transaction) -> str:
            row = get_run(db, self.site.workspace, run_id).row_id
            return queries.roots_of(db, workspace_id, [row])[row]

        return self.site.database.read_now(read)


@pytest.fixture
def family(plain_site: Site) -> Family:
    return Family(plain_site)


def test_a_tag_that_names_a_parent_makes_the_link(family: Family) -> None:
    """As MLflow's clients make a child of a run that stands; a line has no beginning that is its own end."""
    assert (family.parent_of(family.low), family.root_of(family.low)) == (family.middle, family.top)
    site = family.site
    for parent in (family.low, family.top, "none"):
        tags = {PARENT: parent}
        site.database.write_now(lambda db, tags=tags: set_tags(db, site.actor, site.workspace, family.top, tags))  # type: ignore[misc]  # binds the loop's value
        assert family.parent_of(family.top) is None
        assert family.said(family.top)[PARENT] == parent


def test_an_erased_top_is_named_nowhere(family: Family) -> None:
    ended = family.site.erase(Scope.RUN, family.top)
    assert ended.state is State.SUCCEEDED, ended
    assert family.said(family.middle) == {"note": "as it was"}
    assert family.said(family.low) == {PARENT: family.middle, PIPELINE: family.middle, "note": "as it was"}
    assert (family.parent_of(family.middle), family.root_of(family.low)) == (None, family.middle)
    assert traces(family.site.folder, [family.top]) == {}


def test_what_hangs_below_an_erased_run_stands_by_itself(family: Family) -> None:
    """As if that run had never been: nobody would know of whom it descends, so nothing above is told either."""
    ended = family.site.erase(Scope.RUN, family.middle)
    assert ended.state is State.SUCCEEDED, ended
    assert family.said(family.low) == {"note": "as it was"}
    assert (family.parent_of(family.low), family.root_of(family.low)) == (None, family.low)
    assert family.root_of(family.top) == family.top
    assert traces(family.site.folder, [family.middle]) == {}
    assert family.site.erase(Scope.RUN, family.top).state is State.SUCCEEDED
    assert traces(family.site.folder, [family.top]) == {}


def test_a_text_that_names_another_is_the_users_own(family: Family) -> None:
    site = family.site
    own = {PARENT: "a word of mine", ROOT: family.low}
    for run_id in (family.middle, family.top):
        site.database.write_now(lambda db, run_id=run_id: set_tags(db, site.actor, site.workspace, run_id, own))  # type: ignore[misc]  # binds the loop's value
    assert site.erase(Scope.RUN, family.top).state is State.SUCCEEDED
    assert family.said(family.middle) == {**own, "note": "as it was"}


def test_the_plan_counts_what_the_certificate_counts(family: Family) -> None:
    site = family.site
    plan = site.database.read_now(lambda db: plan_erasure(db, site.workspace, Scope.RUN, family.top))
    planned = Counter({step.name: step.number for step in plan.steps})
    counts = site.erase(Scope.RUN, family.top).progress.counts
    own = 2  # its note and the tag with a canary for a key
    assert planned["run_tags"] == counts["run_tags"] == own + 3
    assert planned["run_properties"] == counts["run_properties"] == 3
    assert all(counts[name] == number for name, number in planned.items() if name in counts)


@pytest.mark.parametrize(("going", "texts"), [(("top", "middle", "low"), [0, 0]), (("top", "middle"), [2, 2])])
def test_what_goes_anyhow_is_not_counted_twice(family: Family, going: tuple[str, ...], texts: list[int]) -> None:
    """And below what goes by itself the line is cut at its lower end, too."""
    site = family.site
    rows = [site.row_of("runs", "run_id", getattr(family, each)) for each in going]
    target = Target(Scope.RUN, site.workspace.workspace_id, tuple(rows))
    (joint,) = joints([Reach(target, hidden_only=False)])
    found = site.database.read_now(
        lambda db: {str(each.record.table.name): db.execute(_count(each)).scalar() for each in joint.repeats()}
    )
    assert [found["run_tags"], found["run_properties"]] == texts


def _count(each: Repeated) -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(each.record.table).where(each.rows)


@pytest.mark.parametrize("when", ["hidden", "erased"])
def test_a_late_writer_does_not_bring_the_id_back(family: Family, when: str) -> None:
    site = family.site
    operation = site.request(Scope.RUN, family.top)
    if when == "erased":
        site.work_off(operation)
    experiment = site.experiment()
    tags = {PARENT: family.top, ROOT: family.top, "note": "late"}

    def write(db: Transaction) -> str:
        set_tags(db, site.actor, site.workspace, family.low, tags)
        set_properties(db, site.workspace, family.low, {PIPELINE: family.top})
        return create_run(db, site.actor, site.workspace, experiment, tags=tags)

    late = site.database.write_now(write)
    assert site.work_off(operation).state is State.SUCCEEDED
    assert family.said(late) == {"note": "late"}
    assert family.said(family.low)["note"] == "late"
    assert traces(site.folder, [family.top]) == {}


def test_the_verifier_sees_what_the_eraser_left(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks again itself: an eraser that forgets them is not believed."""

    monkeypatch.setattr(removal._cut(catalogue()["runs"]), "_repeating", [])
    seen: list[str] = []
    really = proof._refuse_leftovers

    def look(*given: object) -> None:
        try:
            really(*given)  # type: ignore[arg-type]  # as it was called
        except NotErased as fault:
            seen.append(fault.code)
            raise

    monkeypatch.setattr(proof, "_refuse_leftovers", look)
    operation = family.site.request(Scope.RUN, family.top)
    with pytest.raises(NotErased, match="still name"):
        family.site.work_off(operation)
    assert seen == ["RepeatsLeft"]
