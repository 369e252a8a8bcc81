"""The tree against RFC 6962 as it is written: recursive definitions, and proofs checked as RFC 9162 says."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.problems import NotFound
from freehold.lifecycle.log import verify_log
from freehold.lifecycle.log.paths import parse_index, parse_level
from freehold.lifecycle.log.tree import Tree, bundle

sizes = st.integers(min_value=1, max_value=700)


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: list[bytes]) -> bytes:
    """Merkle Tree Hash, RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = largest_power_below(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def subproof(m: int, leaves: list[bytes], is_whole: bool) -> list[bytes]:
    """Consistency proof, RFC 6962 section 2.1.2, word for word."""
    if m == len(leaves):
        return [] if is_whole else [mth(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], is_whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def root_by_inclusion(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    fn, sn, r = index, size - 1, sha256(b"\x00" + entry).digest()
    for p in path:
        assert sn, "the path is too long"
        if fn & 1 or fn == sn:
            r = sha256(b"\x01" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0, "the path is too short"
    return r


def is_consistent(first: int, second: int, old: bytes, new: bytes, proof: list[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2."""
    if first == second:
        return not proof and old == new
    path = [old, *proof] if first & (first - 1) == 0 else list(proof)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha256(b"\x01" + c + fr).digest(), sha256(b"\x01" + c + sr).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha256(b"\x01" + sr + c).digest()
        fn, sn = fn >> 1, sn >> 1
    return fr == old and sr == new and sn == 0


def entries_of(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def grown(size: int) -> Tree:
    tree = Tree()
    for entry in entries_of(size):
        tree.append(entry)
    return tree


@given(sizes, st.data())
def test_every_leaf_is_proved_in_every_tree(size: int, data: st.DataObject) -> None:
    tree = grown(size)
    smaller = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, smaller - 1))
    root = root_by_inclusion(b"entry %d" % index, index, smaller, tree.inclusion(index, smaller))
    assert root == mth(entries_of(smaller)) == tree.root(smaller)
    assert root_by_inclusion(b"another", index, smaller, tree.inclusion(index, smaller)) != root


@given(sizes, st.data())
def test_roots_of_all_sizes_are_consistent(size: int, data: st.DataObject) -> None:
    tree, smaller = grown(size), data.draw(st.integers(1, size))
    proof = subproof(smaller, entries_of(size), True)
    assert is_consistent(smaller, size, tree.root(smaller), tree.root(size), proof)
    assert not is_consistent(smaller, size, sha256(b"another").digest(), tree.root(size), proof)


@given(st.integers(0, 700))
def test_the_script_computes_the_same_root(size: int) -> None:
    leaves = [sha256(b"\x00" + entry).digest() for entry in entries_of(size)]
    assert verify_log.root_of(leaves) == mth(entries_of(size)) == grown(size).root(size)


def test_tiles_of_higher_levels_are_roots_of_full_ones_below() -> None:
    tree = grown(256 * 256 + 300)
    first = tree.tile(1, 0, 256, tree.size)
    assert first is not None
    assert first[:32] == mth(entries_of(256))
    assert tree.tile(1, 1, 1, tree.size) is not None, "300 leaves more make one full tile below"
    assert tree.tile(1, 1, 2, tree.size) is None
    assert tree.tile(2, 0, 1, tree.size) == tree.root(256 * 256)
    assert tree.tile(3, 0, 1, tree.size) is None


@given(sizes, sizes)
def test_a_tile_once_there_never_changes(one: int, other: int) -> None:
    before, after = sorted((one, other))
    tree = grown(after)
    for index in range(-(-before // 256)):
        width = min(256, before - index * 256)
        assert grown(before).tile(0, index, width, before) == tree.tile(0, index, width, after)


@given(st.integers(0, 10**9), st.integers(1, 256))
def test_addresses_read_back(index: int, width: int) -> None:
    assert parse_index(verify_log.path_of(index, width)) == (index, width)


def test_addresses_are_spelt_as_the_specification_says() -> None:
    assert verify_log.path_of(1234067, 256) == "x001/x234/067"
    assert verify_log.path_of(0, 3) == "000.p/3"


@pytest.mark.parametrize(
    "text",
    ["0", "0000", "x000/001", "x001/1", "x001", "001/001", "000.p/0", "000.p/256", "000.p/01", "000.p/", "٠٠٠", ""],
)
def test_no_other_spelling_is_an_address(text: str) -> None:
    with pytest.raises(NotFound):
        parse_index(text)


@pytest.mark.parametrize("text", ["6", "00", "-1", "x", "entries", "٣"])
def test_no_other_level_is_one(text: str) -> None:
    with pytest.raises(NotFound):
        parse_level(text)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_read_back(entries: list[bytes]) -> None:
    assert verify_log.unbundle(bundle(entries), len(entries)) == entries
    with pytest.raises(verify_log.LogFault):
        verify_log.unbundle(bundle(entries)[:-1], len(entries))
