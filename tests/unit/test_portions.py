"""How many things are taken at once, by what those before them weighed."""

from freehold.kit.portions import Portions


def taken(portions: Portions, sizes: list[int]) -> list[int]:
    """How many each portion held of things of these sizes, in order."""
    counts, at = list[int](), 0
    while at < len(sizes):
        some = sizes[at : at + portions.next()]
        for size in some:
            portions.weigh(size)
        counts.append(len(some))
        at += len(some)
    return counts


def test_small_things_are_taken_many_at_a_time_and_no_more_than_may_be() -> None:
    counts = taken(Portions(500, 1 << 20), [10] * 5_000)
    assert counts[0] == 1
    assert max(counts) == 500
    assert len(counts) < 16


def test_large_things_are_taken_so_many_at_a_time_as_fit() -> None:
    counts = taken(Portions(500, 1_000), [100] * 200)
    assert max(counts) == 10
    assert counts[2:-1] == [10] * len(counts[2:-1])


def test_one_is_taken_even_where_none_fits() -> None:
    assert taken(Portions(500, 10), [1_000] * 20) == [1] * 20


def test_things_that_grow_are_fewer_from_the_next_portion_on() -> None:
    counts = taken(Portions(500, 1_000), [1] * 1_000 + [500] * 1_000)
    assert max(counts[-100:]) == 2


def test_what_weighed_nothing_is_taken_many_at_a_time() -> None:
    portions = Portions(500, 1_000)
    assert [portions.next() for _ in range(5)] == [1, 8, 64, 500, 500]
