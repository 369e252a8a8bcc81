"""A canary in every field of every record; after an erasure those of what went stand in no byte, all others do."""

import base64
import gzip
from pathlib import Path

import pytest
import zstandard

from freehold.lifecycle.levels import VERIFIED
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.selection import Target
from freehold.records.catalogue import catalogue
from freehold.records.rules import Container, Retained, Scope
from tests.lifecycle.erase.everywhere import find_marks, marks_in
from tests.lifecycle.erase.planting import CLOSED, FRAME, Planter, check, counted, erase, marks_of, plan_of
from tests.lifecycle.erase.site import Site

SAMPLE = {Scope.RUN, Scope.MODEL, Scope.PIPELINE_DRAFT}
"""Between them they have every kind of link; the other scopes are for the long tests."""
OUTLIVES = {
    "certificates": "retained: the proof itself",
    "forgotten_ids": "retained: keyed digests, so that no id comes back",
    "log_leaves": "retained: digests of certificates and audit entries",
    "operations": "retained: what the server did, about random ids",
    "resource_groups": "retained: the frame that workspaces stand in",
    "subscriptions": "retained: the frame that workspaces stand in",
    "persons": "belongs to the server: the account of somebody who may own other workspaces",
    "client_credentials": "goes with its person",
    "idempotency_keys": "digests only; goes with its person or after its days",
    "role_assignments": "a role on the server's frame, not on what was erased",
}
"""Whatever has rows after the last workspace is erased, and why."""


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(scope, marks=[] if scope in SAMPLE else [pytest.mark.exhaustive])
        for scope in Scope
        if scope is not Scope.WORKSPACE
    ],
)
def test_one_root_goes_with_every_field_below_it_and_with_no_other(site: Site, scope: Scope) -> None:
    planter = Planter(site)
    planter.server()
    home = planter.workspace()
    neighbours = planter.grove(home)
    grove = planter.grove(home, spared=scope, neighbours=neighbours)
    planter.grove(planter.workspace())
    root = grove.by_table[f"{scope.value}s"][0]
    everything = marks_of(planter, set(planter.rows))
    assert find_marks(site.folder, everything).keys() == everything.keys(), "the canaries were planted"

    plan = plan_of(site, home, scope, root)
    assert erase(site, home, scope, root) == VERIFIED

    gone = check(site, planter, {root})
    assert {step.name: step.number for step in plan.steps} == counted(gone), (
        "the plan counts what goes, no more, no less"
    )
    reached = {record.table.name for record in Reach(Target(scope, 1, (1,))).records()}
    assert reached <= {name[0] for name in gone}, "rows of every record that the erasure reaches were among them"


def test_an_account_goes_with_every_field_of_its_tree(site: Site) -> None:
    planter = Planter(site)
    planter.server()
    account = planter.workspace()
    team = planter.workspace(account[1])
    project = planter.workspace(team[1])
    for container in (account, team, project):
        planter.grove(container)
    planter.grove(planter.workspace())

    assert erase(site, account, Scope.WORKSPACE, None) == VERIFIED

    gone = check(site, planter, {account, team, project})
    fields = set(marks_of(planter, gone).values())
    assert _all_fields(Container.WORKSPACE) - fields == set(), "every field of every record was among what went"
    left = {name[0] for name in planter.rows.keys() - gone if catalogue()[name[0]].rules.container is Container.SERVER}
    assert left == set(OUTLIVES)
    assert {name for name in left if isinstance(catalogue()[name].rules.erasure, Retained)} == {
        name for name, reason in OUTLIVES.items() if reason.startswith("retained")
    }


def _all_fields(container: Container) -> set[str]:
    return {
        f"{name}.{column}"
        for name, record in catalogue().items()
        if record.rules.container is container
        for column in record.column_rules()
        if (name, column) not in CLOSED and name not in FRAME
    }


def test_the_search_sees_through_every_wrapping(tmp_path: Path) -> None:
    """Else nothing found would say nothing."""
    mark = "0f3a5c7e9b1d2468acef1357"
    text = f"Canary é <{mark}>"
    raw = text.encode()
    wrapped = {
        "plain": raw,
        "upper": raw.upper(),
        "utf16": text.encode("utf-16-le"),
        "utf16-be": text.encode("utf-16-be"),
        "hex": raw.hex().encode(),
        "upper hex": raw.hex().upper().encode(),
        "odd hex": b"a" + raw.hex().encode(),
        **{f"base64 {start}": b"x" * start + base64.b64encode(b"y" * start + raw) for start in range(4)},
        "url-safe base64": base64.urlsafe_b64encode(b"\xff\xfe\xfb" + raw),
        "gzip": b"before" + gzip.compress(raw) + b"behind",
        "zstd": b"before" + zstandard.compress(raw) + b"behind",
        "base64 of gzip": base64.b64encode(gzip.compress(raw)),
        "first half": mark[:12].encode(),
        "second half": mark[12:].encode(),
    }
    assert {name for name, data in wrapped.items() if not marks_in(data, [mark])} == set()
    assert marks_in(b"nothing " + b"0f3a5c7e9b1", [mark]) == set()
    (tmp_path / mark).mkdir()
    assert find_marks(tmp_path, [mark]) == {mark: {mark}}
