import pytest

from stream.lead.decay import HALF_LIVES_S, MAX_HALF_LIVES, DecayedCounts

DAY_S = 86_400.0


def brute(times_s: list[float], at_s: float) -> list[float]:
    return [
        float(len(times_s)),
        *(sum(2.0 ** (-(at_s - t) / h) for t in times_s) for h in HALF_LIVES_S),
    ]


def test_counts_decay_with_each_half_life():
    counts = DecayedCounts(1_000.0)
    times_s = [1_000.0, 5_000.0, 90_000.0, 200_000.0]
    for t in times_s:
        assert counts.add("k", t)
    assert counts.read("k", 300_000.0) == pytest.approx(brute(times_s, 300_000.0), rel=1e-12)


def test_a_late_occurrence_counts_with_the_weight_of_its_own_time():
    counts = DecayedCounts(10 * DAY_S)
    for t in (10 * DAY_S, 2 * DAY_S):
        counts.add("k", t)
    expected = brute([10 * DAY_S, 2 * DAY_S], 11 * DAY_S)
    assert counts.read("k", 11 * DAY_S) == pytest.approx(expected, rel=1e-12)


def test_years_of_events_move_the_landmark_and_change_no_count():
    counts = DecayedCounts(0.0)
    times_s = [i * 5 * DAY_S for i in range(400)]
    for t in times_s:
        counts.add("k", t)
    assert counts.landmark_s > MAX_HALF_LIVES * HALF_LIVES_S[0]
    assert counts.read("k", times_s[-1]) == pytest.approx(brute(times_s, times_s[-1]), rel=1e-9)


@pytest.mark.parametrize("landmarks", [(0.0, 50 * DAY_S), (50 * DAY_S, 0.0), (0.0, 900 * DAY_S)])
def test_merging_equals_having_added_everything(landmarks):
    one, other = (DecayedCounts(at_s) for at_s in landmarks)
    both = DecayedCounts(min(landmarks))
    added = [(c, f"k{i % 3}", c.landmark_s + i * DAY_S / 4) for c in (one, other) for i in range(8)]
    for counts, kind, at_s in sorted(added, key=lambda a: a[2]):
        counts.add(kind, at_s)
        both.add(kind, at_s)
    assert one.merge(other)
    at_s = max(landmarks) + 3 * DAY_S
    for kind in ("k0", "k1", "k2"):
        assert one.read(kind, at_s) == pytest.approx(both.read(kind, at_s), rel=1e-9)


def test_kinds_beyond_the_bound_count_together_and_say_so():
    counts = DecayedCounts(0.0, max_kinds=2)
    assert [counts.add(k, 0.0) for k in ("a", "b", "c", "d", "a")] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert counts.read(DecayedCounts.OTHER, 0.0)[0] == 2.0
    other = DecayedCounts(0.0, max_kinds=2)
    other.add("e", 0.0)
    assert not counts.merge(other)
    assert counts.read(DecayedCounts.OTHER, 0.0)[0] == 3.0
    assert len(counts.counts) == 3


def test_a_kind_never_seen_counts_nothing():
    assert list(DecayedCounts(0.0).read("k", 5.0)) == [0.0] * 5
