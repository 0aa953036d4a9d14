from hypothesis import given
from hypothesis import strategies as st

from stream.kafka.assignor import spread_one

MEMBERS = st.lists(st.sampled_from("abcdef"), min_size=1, unique=True).map(sorted)


@given(st.integers(0, 20), MEMBERS, st.dictionaries(st.integers(0, 25), st.sampled_from("abcdxyz")))
def test_every_partition_is_given_once_and_shares_differ_by_one_at_most(
    count: int, members: list[str], held: dict[int, str]
) -> None:
    spread = spread_one(list(range(count)), members, held, dict.fromkeys("abcdef", 0))
    assert sorted(p for numbers in spread.values() for p in numbers) == list(range(count))
    sizes = [len(numbers) for numbers in spread.values()]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 20), MEMBERS)
def test_nothing_moves_when_nobody_comes_or_goes(count: int, members: list[str]) -> None:
    load = dict.fromkeys(members, 0)
    spread = spread_one(list(range(count)), members, {}, load)
    held = {p: member for member, numbers in spread.items() for p in numbers}
    assert spread_one(list(range(count)), members, held, load) == spread


@given(st.integers(1, 20), MEMBERS)
def test_who_joins_takes_only_its_share(count: int, members: list[str]) -> None:
    load = dict.fromkeys([*members, "z"], 0)
    before = spread_one(list(range(count)), members, {}, load)
    held = {p: member for member, numbers in before.items() for p in numbers}
    after = spread_one(list(range(count)), [*members, "z"], held, load)
    moved = [p for member, numbers in after.items() for p in numbers if held[p] != member]
    assert sorted(moved) == after["z"]
