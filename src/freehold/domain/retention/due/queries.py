"""Which runs and experiments are due by a retention policy, and why others are not: one statement judges all.

Preview, execution and purge read it, each with its own terms.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.retention.rules import DAY, ExemptTag, Policy, Rule, Verdict
from freehold.domain.runs.rules import ENDED, NAME_TAG
from freehold.domain.runs.views import USER_TAG
from freehold.records.assets import Asset, Model
from freehold.records.containers import Workspace
from freehold.records.experiments import Experiment, ExperimentTag
from freehold.records.lifecycle import Hold
from freehold.records.people import MemberAlias
from freehold.records.runs import Run, RunTag
from freehold.storage.portable import checked
from freehold.storage.transaction import Transaction

_r, _e, _h = Run.c, Experiment.c, Hold.c
EXPERIMENTS_ASIDE, RUNS_ASIDE, RUNS_BY_RULE = 0, 1, 2
PARTS = (EXPERIMENTS_ASIDE, RUNS_ASIDE, RUNS_BY_RULE)
"""The parts of what is judged, in the order in which they go."""


class Terms(NamedTuple):
    """By what is judged. `now`: for ages. `aside_until`: what was set aside at that time or before is due; None:
    nothing is. `is_held`: a hold on the whole workspace is in force."""

    policy: Policy
    now: int
    aside_until: int | None
    is_held: bool


class Found(NamedTuple):
    """A root that was judged. `rule`: which of the policy's rules picked it, from 1; 0 for what was set aside."""

    part: int
    row_id: int
    top_row: int
    rule: int
    verdict: Verdict


def due_roots(
    db: Transaction, workspace_id: int, terms: Terms, limit: int, *, among: Sequence[Found] = ()
) -> list[Found]:
    """What is due, child runs before their parents. `among`: only these and their families, for a short look again."""
    judged = _judged(workspace_id, terms, among)
    c = judged.c
    due = sa.select(judged).where(c.verdict == int(Verdict.DUE))
    ordered = due.order_by(c.part, c.top_row, c.depth.desc(), c.row_id).limit(limit)
    return [_found(row) for row in db.execute(ordered)]


def page_of_judged(
    db: Transaction, workspace_id: int, terms: Terms, verdicts: Collection[Verdict], after: Sequence[int], limit: int
) -> list[Found]:
    """In order of part and row. `after`: part and row of the last one of the page before."""
    judged = _judged(workspace_id, terms, ())
    c = judged.c
    behind = sa.or_(c.part > after[0], sa.and_(c.part == after[0], c.row_id > after[1]))
    wanted = sa.select(judged).where(c.verdict.in_([int(each) for each in verdicts]), behind)
    return [_found(row) for row in db.execute(wanted.order_by(c.part, c.row_id).limit(limit))]


def count_judged(db: Transaction, workspace_id: int, terms: Terms) -> dict[tuple[int, Verdict], int]:
    """(part, verdict) → how many."""
    c = _judged(workspace_id, terms, ()).c
    counted = sa.select(c.part, c.verdict, sa.func.count()).group_by(c.part, c.verdict)
    return {(part, Verdict(verdict)): number for part, verdict, number in map(tuple, db.execute(counted))}


def lock_roots(db: Transaction, workspace_id: int, found: Sequence[Found]) -> None:
    """Until this transaction ends nobody restores one of these or writes to its row."""
    for record, rows in (
        (Experiment, [each.row_id for each in found if each.part == EXPERIMENTS_ASIDE]),
        (Run, sorted({row for each in found if each.part != EXPERIMENTS_ASIDE for row in (each.top_row, each.row_id)})),
    ):
        c = record.c
        here = sa.select(c.row_id).where(checked(c.workspace_id) == workspace_id, c.row_id.in_(rows))
        db.execute(here.order_by(c.row_id).with_for_update())


def names_of(db: Transaction, workspace_id: int, found: Sequence[Found]) -> dict[tuple[bool, int], sa.Row[Any]]:
    """(is it an experiment, row) → id, name, experiment's name, created_at, deleted_at."""
    experiments = [each.row_id for each in found if each.part == EXPERIMENTS_ASIDE]
    runs = [each.row_id for each in found if each.part != EXPERIMENTS_ASIDE]
    experiment = _e.name.label("experiment")
    of_experiments = sa.select(
        _e.row_id, _e.experiment_id.label("root_id"), _e.name, experiment, _e.created_at, _e.deleted_at
    ).where(checked(_e.workspace_id) == workspace_id, _e.row_id.in_(experiments))
    of_runs = (
        sa.select(
            _r.row_id, _r.run_id.label("root_id"), _r.name, _e.name.label("experiment"), _r.created_at, _r.deleted_at
        )
        .join(Experiment.table, _r.experiment_row == _e.row_id)
        .where(checked(_r.workspace_id) == workspace_id, _r.row_id.in_(runs))
    )
    named = {(True, row.row_id): row for row in db.execute(of_experiments)}
    return named | {(False, row.row_id): row for row in db.execute(of_runs)}


def _found(row: sa.Row[Any]) -> Found:
    return Found(row.part, row.row_id, row.top_row, row.rule, Verdict(row.verdict))


def _judged(workspace_id: int, terms: Terms, among: Sequence[Found]) -> sa.Subquery:
    """Everything that a policy looks at, each with its verdict. `among`: of these and their families only."""
    only = {part: sorted({each.top_row for each in among if each.part == part}) for part in PARTS}
    looked_at = [part for part in PARTS if (only[part] or not among) and (part != RUNS_BY_RULE or terms.policy.rules)]
    made = {EXPERIMENTS_ASIDE: _experiments_aside, RUNS_ASIDE: _runs_aside, RUNS_BY_RULE: _runs_by_rule}
    return sa.union_all(*(made[part](workspace_id, terms, only[part]) for part in looked_at)).subquery("judged")


def _experiments_aside(workspace_id: int, terms: Terms, only: Sequence[int]) -> sa.Select[Any]:
    verdict = sa.case(
        (_holds_experiment(workspace_id, terms), _word(Verdict.HELD)), else_=_by_window(_e.deleted_at, terms)
    )
    found = sa.select(*_judgement(EXPERIMENTS_ASIDE, _e.row_id, verdict))
    found = found.where(_standing_experiments(workspace_id), _e.deleted_at.is_not(None))
    return found.where(_e.row_id.in_(only)) if only else found


def _runs_aside(workspace_id: int, terms: Terms, only: Sequence[int]) -> sa.Select[Any]:
    """Those that do not go with their experiment anyhow."""
    verdict = sa.case((_holds_run(workspace_id, terms), _word(Verdict.HELD)), else_=_by_window(_r.deleted_at, terms))
    goes_along = sa.and_(
        sa.false() if terms.aside_until is None else sa.func.coalesce(_e.deleted_at <= terms.aside_until, sa.false()),
        sa.not_(_holds_experiment(workspace_id, terms)),
    )
    found = sa.select(*_judgement(RUNS_ASIDE, _r.row_id, verdict))
    found = found.join(Experiment.table, _r.experiment_row == _e.row_id)
    found = found.where(_standing_runs(workspace_id), _r.deleted_at.is_not(None), sa.not_(goes_along))
    return found.where(_r.row_id.in_(only)) if only else found


def _runs_by_rule(workspace_id: int, terms: Terms, tops: Sequence[int]) -> sa.Select[Any]:
    """Each run of the families whose top a rule picks, with the verdict on the whole family."""
    family = _families(workspace_id, terms, tops)
    c = family.c
    words = (
        (_holds_run(workspace_id, terms), Verdict.HELD),
        (_is_tagged(workspace_id, terms.policy.exempt_tags), Verdict.TAGGED),
        (sa.false() if terms.policy.registered_too else _is_registered(workspace_id), Verdict.REGISTERED),
        (sa.false() if terms.policy.unfinished_too else _r.status.not_in(sorted(ENDED)), Verdict.UNFINISHED),
    )
    word = sa.case(*((condition, _word(verdict)) for condition, verdict in words), else_=_word(Verdict.DUE))
    verdict = sa.func.min(word).over(partition_by=c.top_row).label("verdict")
    joined = family.join(Run.table, c.row_id == _r.row_id)
    part = _number(RUNS_BY_RULE).label("part")
    return sa.select(part, c.row_id, c.top_row, c.depth, c.rule, verdict).select_from(joined)


def _families(workspace_id: int, terms: Terms, tops: Sequence[int]) -> sa.CTE:
    """Runs without a parent that a rule picks, and all below them. What is set aside is not among them."""
    first = _tops(workspace_id, terms, tops)
    picked = [
        (sa.and_(*_conditions(rule, first, terms.now)), _number(n)) for n, rule in enumerate(terms.policy.rules, 1)
    ]
    rule = sa.case(*picked, else_=_number(0)).label("rule")
    begin = sa.select(first.c.row_id, first.c.row_id.label("top_row"), _number(0).label("depth"), rule)
    begin = begin.where(sa.or_(*(condition for condition, _ in picked)))
    family = begin.cte("family", recursive=True)
    child, above = Run.table.alias("child"), Experiment.table.alias("above")
    below = (
        sa.select(child.c.row_id, family.c.top_row, family.c.depth + 1, family.c.rule)
        .select_from(family.join(child, child.c.parent_row == family.c.row_id))
        .join(above, child.c.experiment_row == above.c.row_id)
        .where(checked(child.c.workspace_id) == workspace_id, child.c.hidden_at.is_(None), child.c.deleted_at.is_(None))
        .where(above.c.hidden_at.is_(None), above.c.deleted_at.is_(None))
    )
    return family.union_all(below)


def _tops(workspace_id: int, terms: Terms, tops: Sequence[int]) -> sa.Subquery:
    """Runs without a parent; `behind_{n}`: older than the n-th newest of its experiment, null where there are fewer."""
    kept = _kept(workspace_id, terms.policy, tops)
    last = {column.name: Run.table.alias(f"last_{column.name}") for column in kept.c if column.name != "row_id"}
    experiment = checked(_r.experiment_row) if tops else _r.experiment_row  # a few are found by their rows
    source: sa.FromClause = kept.join(Run.table, experiment == kept.c.row_id)
    for name, alias in last.items():
        source = source.outerjoin(alias, alias.c.row_id == kept.c[name])
    behind = [_is_older(alias).label(name) for name, alias in last.items()]
    found = sa.select(_r.row_id, _r.created_at, *behind).select_from(source)
    found = found.where(_stands_as_top(Run.table, workspace_id, is_checked=bool(tops)))
    return (found.where(_r.row_id.in_(tops)) if tops else found).subquery("tops")


def _kept(workspace_id: int, policy: Policy, tops: Sequence[int]) -> sa.CTE:
    """Experiments that stand, each with the rows of its n-th newest run without a parent. By an index, run by run: to
    number all runs would take as long as there are runs, while everybody waits."""
    counts = sorted({rule.keep_last for rule in policy.rules if rule.keep_last is not None})
    newest = Run.table.alias("newest")
    found = sa.select(newest.c.row_id).where(
        newest.c.experiment_row == _e.row_id, _stands_as_top(newest, workspace_id, is_checked=True)
    )
    found = found.order_by(newest.c.created_at.desc(), newest.c.row_id.desc()).limit(1).correlate(Experiment.table)
    places = [found.offset(n - 1).scalar_subquery().label(_place(n)) for n in counts]
    kept = sa.select(_e.row_id, *places).where(_standing_experiments(workspace_id), _e.deleted_at.is_(None))
    if tops:
        theirs = sa.select(_r.experiment_row).where(_r.row_id.in_(tops), _r.workspace_id == workspace_id)
        kept = kept.where(_e.row_id.in_(theirs))
    return kept.cte("kept").prefix_with("MATERIALIZED")


def _stands_as_top(run: sa.FromClause, workspace_id: int, *, is_checked: bool = False) -> sa.ColumnElement[bool]:
    """`is_checked`: the statement finds the rows by something better than by these."""
    here, parent = (checked(c) if is_checked else c for c in (run.c.workspace_id, run.c.parent_row))
    return sa.and_(here == workspace_id, parent.is_(None), run.c.hidden_at.is_(None), run.c.deleted_at.is_(None))


def _is_older(last: sa.FromClause) -> sa.ColumnElement[bool]:
    """Than the last one that is kept."""
    same_time = sa.and_(_r.created_at == last.c.created_at, _r.row_id < last.c.row_id)
    return sa.or_(_r.created_at < last.c.created_at, same_time)


def _place(keep_last: int) -> str:
    return f"behind_{keep_last}"


def _conditions(rule: Rule, first: sa.Subquery, now: int) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if rule.older_than_days is not None:
        conditions.append(first.c.created_at <= now - rule.older_than_days * DAY)
    if rule.keep_last is not None:
        conditions.append(first.c[_place(rule.keep_last)])
    return conditions


def _judgement(part: int, row: sa.Column[int], verdict: sa.ColumnElement[int]) -> list[Any]:
    """Columns of a root that stands for itself: no family, no rule."""
    alone = (row.label("top_row"), _number(0).label("depth"), _number(0).label("rule"))
    return [_number(part).label("part"), row, *alone, verdict.label("verdict")]


def _by_window(deleted_at: sa.Column[int], terms: Terms) -> sa.ColumnElement[int]:
    if terms.aside_until is None:
        return _word(Verdict.WAITING)
    return sa.case((deleted_at <= terms.aside_until, _word(Verdict.DUE)), else_=_word(Verdict.WAITING))


def _standing_experiments(workspace_id: int) -> sa.ColumnElement[bool]:
    """No erasure has hidden them, nor their workspace."""
    hidden = sa.select(Workspace.c.workspace_id).where(Workspace.c.hidden_at.is_not(None))
    return sa.and_(_e.workspace_id == workspace_id, _e.workspace_id.not_in(hidden), _e.hidden_at.is_(None))


def _standing_runs(workspace_id: int) -> sa.ColumnElement[bool]:
    """Their experiments must be joined."""
    return sa.and_(_r.workspace_id == workspace_id, _r.hidden_at.is_(None), _standing_experiments(workspace_id))


def _holds_run(workspace_id: int, terms: Terms) -> sa.ColumnElement[bool]:
    if terms.is_held:
        return sa.true()
    bears = sa.or_(_h.run_row == _r.row_id, _h.experiment_row == _r.experiment_row)
    return sa.exists().where(_h.workspace_id == workspace_id, _h.lifted_at.is_(None), bears)


def _holds_experiment(workspace_id: int, terms: Terms) -> sa.ColumnElement[bool]:
    """A hold on a run in it holds it, too."""
    if terms.is_held:
        return sa.true()
    inside = Run.table.alias("inside")
    runs = sa.select(inside.c.row_id).where(inside.c.experiment_row == _e.row_id).correlate(Experiment.table)
    bears = sa.or_(_h.experiment_row == _e.row_id, _h.run_row.in_(runs))
    return sa.exists().where(_h.workspace_id == workspace_id, _h.lifted_at.is_(None), bears)


def _is_tagged(workspace_id: int, tags: Sequence[ExemptTag]) -> sa.ColumnElement[bool]:
    if not tags:
        return sa.false()
    return sa.or_(
        *_has_columns(workspace_id, tags),
        *(
            sa.exists().where(
                checked(table.c.workspace_id) == workspace_id, table.c[owner] == row, _matches(table, tags)
            )
            for table, owner, row in (
                (RunTag.table, "run_row", _r.row_id),
                (ExperimentTag.table, "experiment_row", _r.experiment_row),
            )
        ),
    )


def _has_columns(workspace_id: int, tags: Sequence[ExemptTag]) -> Iterator[sa.ColumnElement[bool]]:
    """Tags that are no rows of their own: the run's name, and the name its client wrote for its user."""
    named = MemberAlias.table
    for tag in tags:
        if tag.key == NAME_TAG:
            yield _r.name != "" if tag.value is None else sa.and_(_r.name != "", _r.name == tag.value)
        if tag.key == USER_TAG:
            mine = (checked(named.c.workspace_id) == workspace_id, named.c.row_id == _r.author_alias)
            yield sa.exists().where(*mine, *([] if tag.value is None else [named.c.alias == tag.value]))


def _matches(table: sa.Table, tags: Sequence[ExemptTag]) -> sa.ColumnElement[bool]:
    c = table.c
    return sa.or_(
        *(c.key == tag.key if tag.value is None else sa.and_(c.key == tag.key, c.value == tag.value) for tag in tags)
    )


def _is_registered(workspace_id: int) -> sa.ColumnElement[bool]:
    """A model that stands refers to the run, or its asset does."""
    m = Model.c
    stands = sa.and_(checked(m.workspace_id) == workspace_id, m.hidden_at.is_(None))
    assets = sa.select(Asset.c.row_id).where(Asset.c.run_row == _r.row_id).correlate(Run.table)
    return sa.or_(sa.exists().where(stands, m.run_row == _r.row_id), sa.exists().where(stands, m.asset_row.in_(assets)))


def _word(verdict: Verdict) -> sa.ColumnElement[int]:
    return _number(int(verdict))


def _number(value: int) -> sa.ColumnElement[int]:
    """Spelt out: PostgreSQL must know its type in a union, and a recursion both its parts alike."""
    return sa.cast(sa.literal_column(str(value)), sa.Integer)
