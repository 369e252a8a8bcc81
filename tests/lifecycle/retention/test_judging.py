"""Which runs a policy finds due, which it leaves and why: the preview, on both databases."""

import pytest

from freehold.kit.problems import Invalid
from freehold.lifecycle.holds import lift
from freehold.lifecycle.holds import place as place_hold
from freehold.lifecycle.plan import plan_erasure
from freehold.records.rules import Scope
from tests.lifecycle.retention.place import DAY, ExemptTag, Place, Policy, Rule, Verdict

OLD = Policy(rules=[Rule(older_than_days=90)])


def test_age_picks_what_is_as_old_and_nothing_younger(place: Place) -> None:
    digits = place.experiment()
    old, _ = place.run(digits, days_old=90), place.run(digits, days_old=89.99)
    assert place.due(OLD) == [old]


def test_the_last_runs_are_counted_in_each_experiment(place: Place) -> None:
    digits, faces = place.experiment(), place.experiment("faces")
    runs = [place.run(digits, days_old=50 - n) for n in range(5)]
    for _ in range(2):
        place.run(faces)
    assert place.due(Policy(rules=[Rule(keep_last=2)])) == runs[:3]


def test_age_and_count_in_one_rule_must_both_hold_and_of_two_rules_one_is_enough(place: Place) -> None:
    digits = place.experiment()
    oldest, old, young = (place.run(digits, days_old=days) for days in (200, 100, 1))
    assert place.due(Policy(rules=[Rule(older_than_days=90, keep_last=2)])) == [oldest]
    assert place.due(Policy(rules=[Rule(older_than_days=150), Rule(keep_last=1)])) == [oldest, old]
    assert young not in place.due(Policy(rules=[Rule(older_than_days=90), Rule(keep_last=1)]))


def test_exempt_tags_keep_a_run_by_key_or_by_value_and_by_its_experiment(place: Place) -> None:
    digits = place.experiment()
    kept_experiment = place.experiment("baseline", tags={"keep": "yes"})
    by_key = place.run(digits, days_old=100, tags={"keep": "whatever"})
    by_value = place.run(digits, days_old=100, tags={"stage": "production"})
    other_value = place.run(digits, days_old=100, tags={"stage": "trial"})
    with_experiment = place.run(kept_experiment, days_old=100)
    policy = Policy(rules=OLD.rules, exempt_tags=[ExemptTag("keep"), ExemptTag("stage", "production")])
    assert place.due(policy) == [other_value]
    found = place.preview(policy, Verdict.TAGGED).page
    assert sorted(each.root_id for each in found) == sorted([by_key, by_value, with_experiment])
    assert all("exempt tag" in each.because for each in found)


@pytest.mark.parametrize("key", ["mlflow.user", "mlflow.runName"])
def test_tags_that_are_no_rows_of_their_own_keep_a_run_too(place: Place, key: str) -> None:
    digits = place.experiment()
    named = [
        place.run(digits, days_old=100, name=name, tags={"mlflow.user": name} if name else {})
        for name in ("ann", "bob", "")
    ]
    by_value = place.preview(Policy(rules=OLD.rules, exempt_tags=[ExemptTag(key, "ann")]), Verdict.TAGGED).page
    assert [each.root_id for each in by_value] == named[:1]
    by_key = place.preview(Policy(rules=OLD.rules, exempt_tags=[ExemptTag(key)]), Verdict.TAGGED).page
    assert [each.root_id for each in by_key] == named[:2]


def test_a_run_that_has_not_ended_stays_unless_the_policy_takes_it_too(place: Place) -> None:
    run = place.run(place.experiment(), days_old=100, status="Running")
    assert place.due(OLD) == []
    assert place.preview(OLD, Verdict.UNFINISHED).page[0].root_id == run
    assert place.due(Policy(rules=OLD.rules, unfinished_too=True)) == [run]


def test_a_run_that_a_registered_model_was_made_of_stays_unless_the_policy_takes_it_too(place: Place) -> None:
    run = place.run(place.experiment(), days_old=100)
    place.register(run)
    assert place.due(OLD) == []
    assert place.preview(OLD, Verdict.REGISTERED).page[0].root_id == run
    assert place.due(Policy(rules=OLD.rules, registered_too=True)) == [run]


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.EXPERIMENT, Scope.WORKSPACE])
def test_holds_win_over_rules_and_over_the_restore_window(place: Place, scope: Scope) -> None:
    digits, faces = place.experiment(), place.experiment("faces")
    run, aside = place.run(digits, days_old=100), place.run(digits, run_id="aside")
    place.run(faces)
    place.delete(aside)
    place.house.clock.at += 31 * DAY
    policy = Policy(rules=OLD.rules, restore_days=30)
    assert place.due(policy) == sorted([aside, run])
    h = place.house
    held_roots: dict[Scope, list[str | None]] = {
        Scope.RUN: [run, aside],
        Scope.EXPERIMENT: [digits.experiment_id],
        Scope.WORKSPACE: [None],
    }
    for root_id in held_roots[scope]:
        held = place.write(lambda db, at=root_id: place_hold(db, h.alice, h.workspace, scope, at, "dispute"))
    found = place.preview(policy)
    assert found.page == []
    assert found.counts[Verdict.HELD] == 2
    for each in (run, aside):
        assert place.read(lambda db, at=each: plan_erasure(db, h.workspace, Scope.RUN, at)).holds
    place.write(lambda db: lift(db, h.alice, h.workspace, held.hold_id) and None)
    assert place.due(policy) == ([aside] if scope is Scope.RUN else sorted([aside, run]))


def test_child_runs_go_with_the_run_above_them_and_are_not_counted(place: Place) -> None:
    digits = place.experiment()
    tops = [place.run(digits, run_id=f"top-{n}", days_old=10 - n) for n in range(3)]
    children = [place.run(digits, run_id=f"{top}-child-{n}", parent_run_id=top) for top in tops for n in range(4)]
    grandchild = place.run(digits, run_id="top-0-child-0-child", parent_run_id="top-0-child-0")
    policy = Policy(rules=[Rule(keep_last=2)])
    assert place.due(policy) == sorted([tops[0], *children[:4], grandchild])


def test_one_exempt_child_keeps_the_whole_family(place: Place) -> None:
    digits = place.experiment()
    top = place.run(digits, days_old=100)
    child = place.run(digits, parent_run_id=top)
    place.run(digits, parent_run_id=child, tags={"keep": ""})
    policy = Policy(rules=OLD.rules, exempt_tags=[ExemptTag("keep")])
    assert place.due(policy) == []
    assert len(place.preview(policy, Verdict.TAGGED).page) == 3


def test_what_is_set_aside_is_judged_by_the_window_alone(place: Place) -> None:
    digits = place.experiment()
    aside, standing = place.run(digits, days_old=100), place.run(digits, days_old=100)
    place.delete(aside)
    assert place.due(OLD) == [standing]
    assert "a purge takes it" in place.preview(OLD, Verdict.WAITING).page[0].because
    window = Policy(restore_days=30)
    assert place.due(window) == []
    place.house.clock.at += 30 * DAY
    assert place.due(window) == [aside]


def test_an_experiment_that_was_set_aside_goes_whole_and_an_archived_one_stays(place: Place) -> None:
    gone, archived = place.experiment("gone"), place.experiment("archived")
    inside, own = place.run(gone, run_id="inside"), place.run(gone, run_id="set-aside-before")
    place.run(archived)
    place.delete(own)
    place.house.clock.at += DAY
    place.set_aside(gone)
    place.archive(archived)
    window = Policy(restore_days=30)
    place.house.clock.at += 29 * DAY + DAY // 2
    assert place.due(window) == [own]
    place.house.clock.at += DAY
    assert place.due(window) == [gone.experiment_id]
    assert place.preview(window).plan.steps
    assert inside not in place.due(window)


def test_a_hold_on_one_run_keeps_its_experiment_and_not_the_runs_beside_it(place: Place) -> None:
    gone = place.experiment("gone")
    held, beside = place.run(gone, run_id="held"), place.run(gone, run_id="beside")
    h = place.house
    place.write(lambda db: place_hold(db, h.alice, h.workspace, Scope.RUN, held, "dispute"))
    place.delete(held, beside)
    place.set_aside(gone)
    place.house.clock.at += 31 * DAY
    assert place.due(Policy(restore_days=30)) == [beside]
    assert place.preview(Policy(restore_days=30)).counts[Verdict.HELD] == 2


def test_pages_show_everything_once_and_their_plans_add_up(place: Place) -> None:
    digits = place.experiment()
    runs = sorted(place.run(digits, days_old=100, tags={"n": str(n)}) for n in range(7))
    place.delete(place.run(digits, run_id="aside"))
    place.house.clock.at += 31 * DAY
    policy = Policy(rules=OLD.rules, restore_days=30)
    seen, tags, after, pages = [], 0, None, 0
    while True:
        found = place.preview(policy, after=after, limit=3)
        seen += [each.root_id for each in found.page]
        tags += sum(step.number for step in found.plan.steps if step.name == "run_tags")
        pages += 1
        if found.next_place is None:
            break
        after = found.next_place
    assert (sorted(seen), pages, tags) == (["aside", *runs], 3, 7)
    assert found.counts[Verdict.DUE] == 8


def test_a_policy_that_says_nothing_is_refused(place: Place) -> None:
    for empty in (Policy(), Policy(rules=[Rule()])):
        with pytest.raises(Invalid):
            place.set_policy(empty)
