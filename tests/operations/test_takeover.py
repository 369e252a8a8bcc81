"""What is a dead worker's: what was seen to stand still for long enough, and nothing else."""

from freehold.operations.takeover import Watch

PATIENCE = 120.0


def test_what_stands_still_for_as_long_as_the_patience_is_told_once() -> None:
    watch = Watch(PATIENCE)
    looks = [watch.standing_still({"one": 5, "two": 5}, now) for now in (0, 60, 119, 120, 121, 239, 241)]
    assert looks == [[], [], [], ["one", "two"], [], [], ["one", "two"]]


def test_what_is_old_when_it_is_seen_first_is_given_as_long_as_any_other() -> None:
    watch = Watch(PATIENCE)
    assert watch.standing_still({}, 10_000) == []
    assert watch.standing_still({"waited an hour": 3}, 13_600) == []
    assert watch.standing_still({"waited an hour": 3}, 13_719) == []


def test_any_change_of_a_sign_begins_the_wait_anew_also_one_that_goes_back() -> None:
    watch = Watch(PATIENCE)
    assert watch.standing_still({"one": (7, 7)}, 0) == []
    assert watch.standing_still({"one": (7, 3)}, 120) == []
    assert watch.standing_still({"one": (8, 3)}, 239) == []
    assert watch.standing_still({"one": (8, 3)}, 358) == []
    assert watch.standing_still({"one": (8, 3)}, 359) == ["one"]


def test_what_was_not_there_in_between_is_new() -> None:
    watch = Watch(PATIENCE)
    watch.standing_still({"one": 1}, 0)
    watch.standing_still({}, 60)
    assert watch.standing_still({"one": 1}, 130) == []
    assert watch.standing_still({"one": 1}, 250) == ["one"]
