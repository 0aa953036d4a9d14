"""Groups that are treated alike raise no alarm; groups that are not are found, and said plainly."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.fairness import (
    LEAST_ROWS,
    MOST_GROUPS,
    OTHER,
    THRESHOLDS,
    GroupQuality,
    Tally,
    compare,
    named_groups,
)

BASE_RATE = 0.2
HOT = 0.5


def predictions(seed, leads, hidden=0.0, shares=(0.5, 0.5), per_lead=1):
    """Yield predictions of leads; those of the last group are ``hidden`` log-odds too low."""
    rng = Random(seed)
    names = [f"g{i}" for i in range(len(shares))]
    for _ in range(leads):
        (group,) = rng.choices(names, shares)
        log_odds = rng.gauss(math.log(BASE_RATE / (1 - BASE_RATE)), 1.5)
        y = rng.random() < 1 / (1 + math.exp(-log_odds))
        said = log_odds - hidden * (group == names[-1])
        p = 1 / (1 + math.exp(-said))
        for _ in range(per_lead):
            yield group, y, p, p > HOT


def alerts(seed, leads, hidden=0.0, shares=(0.5, 0.5), per_lead=1, rows_per_lead=1.0):
    quality = GroupQuality(rows_per_lead=rows_per_lead, confidence=0.95)
    for row in predictions(seed, leads, hidden, shares, per_lead):
        quality.add(*row)
    return {measure for measure, gap in quality.report().gaps.items() if gap.is_alert}


@pytest.mark.parametrize(
    "shares", [(0.5, 0.5), (0.95, 0.05), (0.3, 0.2, 0.2, 0.1, 0.1, 0.1)], ids=["two", "few", "six"]
)
def test_of_groups_that_are_alike_one_in_twenty_at_most_raises_an_alarm(shares):
    false = sum(bool(alerts(seed, 400, shares=shares)) for seed in range(100))
    assert false <= 8  # of 100 at 5 %, more come in one of sixteen such tests


def test_a_window_that_is_looked_at_again_and_again_raises_no_alarm_by_that():
    alarms = 0
    for seed in range(10):
        quality = GroupQuality(window=500)
        for n, row in enumerate(predictions(seed, 4_000)):
            quality.add(*row)
            if n % 100 == 99:
                alarms += any(gap.is_alert for gap in quality.report().gaps.values())
    assert alarms == 0


def test_a_group_that_the_model_misses_is_found():
    found = [alerts(seed, 1_000, hidden=1.5) for seed in range(20)]
    assert all({"selection", "true_positive"} <= measures for measures in found)
    assert sum("calibration" in measures for measures in found) >= 18


def test_two_predictions_of_a_lead_are_not_taken_for_two_leads():
    twice = [bool(alerts(seed, 400, per_lead=2)) for seed in range(100)]
    told = [bool(alerts(seed, 400, per_lead=2, rows_per_lead=2.0)) for seed in range(100)]
    assert sum(told) <= 8 < sum(twice)


def test_three_leads_of_a_group_are_no_evidence():
    tallies = {"a": Tally(300, 60, 90, 36, 60.0), "b": Tally(3, 1, 0, 0, 1.0)}
    gap = compare(tallies).gaps["true_positive"]
    assert (gap.lower, gap.higher, gap.difference) == (OTHER, "a", 0.6)
    assert not gap.is_certain


def test_a_gap_that_is_certain_and_small_is_no_alert():
    tallies = {"a": Tally(10**6, 2 * 10**5, 10**5, 10**5, 2e5)}
    tallies["b"] = Tally(10**6, 2 * 10**5, 95_000, 95_000, 2e5)
    gaps = compare(tallies).gaps.values()
    assert [(gap.is_certain, gap.is_alert) for gap in gaps] == [
        (True, False), (True, False), (False, False),
    ]  # fmt: skip
    assert compare(tallies, {**THRESHOLDS, "selection": 0.04}).gaps["selection"].is_alert


def test_selection_goes_by_the_four_fifths_rule_however_rare_it_is():
    tallies = {"a": Tally(10**5, 0, 2_000, 0, 0.0), "b": Tally(10**5, 0, 1_500, 0, 0.0)}
    gap = compare(tallies).gaps["selection"]
    assert (gap.difference, gap.ratio, gap.size) == pytest.approx((0.005, 0.75, 0.25))
    assert gap.is_alert


def test_a_certain_gap_goes_before_a_larger_one_that_may_be_chance():
    tallies = {"a": Tally(5_000, 900, 1_000, 600, 900.0), "b": Tally(5_000, 900, 1_000, 300, 900.0)}
    tallies["c"] = Tally(40, 2, 8, 0, 2.0)
    gap = compare(tallies).gaps["true_positive"]
    assert (gap.lower, gap.higher) == ("b", "a")
    assert compare({**tallies, "b": tallies["a"]}).gaps["true_positive"].lower == "c"


def test_groups_that_never_won_and_groups_alone_are_not_compared():
    alone = compare({"a": Tally(50, 10, 10, 5, 10.0)})
    assert alone.gaps == {}
    assert alone.figures["true_positive"]["a"].value == 0.5
    never = compare({"a": Tally(50, 0, 10, 0, 10.0), "b": Tally(50, 0, 0, 0, 10.0)})
    assert set(never.gaps) == {"selection", "calibration"}
    assert compare({}).gaps == {}


def test_intervals_hold_their_figures_and_narrow_with_rows():
    few, many = (compare({"a": Tally(100 * k, 20 * k, 30 * k, 12 * k, 25.0 * k)}) for k in (1, 100))
    for measure in few.figures:
        wide, narrow = few.figures[measure]["a"], many.figures[measure]["a"]
        assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_senders_cannot_make_up_names_of_groups_without_end():
    tallies = {f"made-up-{n}": Tally(rows=LEAST_ROWS - 1) for n in range(5_000)}
    tallies |= {f"group-{n}": Tally(rows=LEAST_ROWS + n) for n in range(MOST_GROUPS + 3)}
    tallies[OTHER] = Tally(rows=100_000)
    named = named_groups(tallies)
    assert set(named) == {OTHER, *(f"group-{n}" for n in range(3, MOST_GROUPS + 3))}
    assert sum(t.rows for t in named.values()) == sum(t.rows for t in tallies.values())


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0, 1), st.booleans()),
        max_size=60,
    ),
    st.integers(1, 20),
)
def test_the_window_counts_its_newest_rows_and_no_others(rows, window):
    quality, fresh = GroupQuality(window), GroupQuality(window)
    for row in rows:
        quality.add(*row)
    for row in rows[-window:]:
        fresh.add(*row)
    assert quality._tallies.keys() == fresh._tallies.keys()
    for group, tally in fresh._tallies.items():
        counted = quality._tallies[group]
        assert counted.p_sum == pytest.approx(tally.p_sum, abs=1e-9)
        counted.p_sum = tally.p_sum
        assert counted == tally
