import math
from collections.abc import Callable
from itertools import permutations
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.average_lead import AverageLead
from online_models.permuted_reasons import PermutedReasons

Log = Callable[[dict[str, float]], float]


class Known:
    """A model whose log-odds are a known function, and its average lead has zeros."""

    positives, negatives = 3, 4

    def __init__(self, log_odds: Log, names: str = "abcd") -> None:
        self.leads = AverageLead(max_features=20)
        self.leads.learn_one(dict.fromkeys(names, 0.0))
        self.log_odds = log_odds


def reasons(log_odds: Log, x: dict, fact_of: Callable[[str], str] = str) -> dict[str, float]:
    intercept, contributions, variance = PermutedReasons(
        "p_convert", "1", Known(log_odds), fact_of
    ).explain_one(x)
    assert variance == 0.0
    assert intercept + math.fsum(contributions.values()) == pytest.approx(log_odds(x), abs=1e-9)
    return dict(contributions)


def shapley(log_odds: Log, x: dict[str, float]) -> dict[str, float]:
    """Return the Shapley values, by their definition: the mean over all orders."""
    found = dict.fromkeys(x, 0.0)
    for order in permutations(x):
        lead = dict.fromkeys("abcd", 0.0)
        for name in order:
            before = log_odds(lead)
            lead[name] = x[name]
            found[name] += (log_odds(lead) - before) / factorial(len(x))
    return found


NUMBERS = st.floats(-5, 5)


@given(x=st.fixed_dictionaries(dict.fromkeys("abcd", NUMBERS)), w=st.lists(NUMBERS, min_size=8))
def test_sums_of_facts_and_of_pairs_are_told_exactly(x, w):
    def log_odds(z: dict[str, float]) -> float:
        single = sum(weight * z[name] for weight, name in zip(w, "abcd", strict=False))
        return single + w[4] * z["a"] * z["b"] + w[5] * z["b"] * z["d"] + w[6] * z["c"] * z["d"]

    found = reasons(log_odds, x)
    for name, value in shapley(log_odds, x).items():
        assert found.get(name, 0.0) == pytest.approx(value, abs=1e-9)


def test_three_facts_together_are_shared_to_the_whole_though_not_evenly():
    found = reasons(lambda z: z["a"] * z["b"] * z["c"], {"a": 1.0, "b": 1.0, "c": 6.0, "d": 0.0})
    assert sum(found.values()) == pytest.approx(6.0)
    assert found["a"] == found["c"] == pytest.approx(3.0)


def test_views_of_one_fact_are_replaced_together():
    found = reasons(
        lambda z: z["a"] * z["b"],
        {"a": 2.0, "b": 3.0, "c": 0.0, "d": 0.0},
        lambda name: "both" if name in "ab" else name,
    )
    assert found == {"both": 6.0}


def test_the_order_in_which_a_sender_wrote_its_features_changes_nothing():
    x = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}

    def log_odds(z: dict[str, float]) -> float:
        return z["a"] * z["b"] * z["c"] * z["d"]

    assert reasons(log_odds, x) == reasons(log_odds, dict(reversed(x.items())))


def test_the_average_lead_has_no_reasons():
    scorer = PermutedReasons("p_convert", "1", Known(lambda z: z["a"] + 2.0))
    assert scorer.explain_one(dict.fromkeys("abcd", 0.0)) == (2.0, {}, 0.0)


def test_a_prediction_is_made_twice_a_fact_at_most():
    calls = []
    scorer = PermutedReasons("p_convert", "1", Known(lambda z: calls.append(z) or 0.0))
    calls.clear()
    scorer.explain_one({"a": 1.0, "b": 2.0, "c": 3.0, "d": 0.0})
    assert len(calls) == 2 * 3 - 1


class Texts:
    positives, negatives = 1, 1

    def __init__(self) -> None:
        self.leads = AverageLead(max_features=20)
        for stage in ("new", "demo", "demo"):
            self.leads.learn_one({"stage": stage, "age": 4.0})

    def log_odds(self, inputs: dict[str, float]) -> float:
        return {None: 1.0, -1: 2.0, 0: 5.0, 1: 0.0}[inputs.get("stage=")] + inputs.get("age", 7.0)


@pytest.mark.parametrize(
    ("x", "told"),
    [
        ({"stage": "new", "age": 4.0}, {"stage=new": 5.0}),
        ({"stage": "demo", "age": 4.0}, {}),
        ({"stage": "never seen", "age": 4.0}, {"stage=never seen": 2.0}),
        ({"age": 4.0}, {"stage=demo": 1.0}),  # told of what it lacks
        ({"stage": "demo"}, {"age": 3.0}),
        ({"stage": "demo", "age": 4.0, "never known": 3.0}, {}),
    ],
)
def test_categories_are_told_by_name_and_missing_facts_by_what_the_average_lead_has(x, told):
    scorer = PermutedReasons("p_convert", "1", Texts())
    assert scorer.explain_one(x) == (4.0, told, 0.0)


def test_the_average_lead_has_what_at_least_half_of_leads_have():
    leads = AverageLead(max_features=9)
    for n in range(10):
        leads.learn_one({"age": 2.0 * n, **({"rare": 5.0} if n < 4 else {"stage": f"s{n}"})})
    assert leads.average() == {"age": 9.0}  # six of ten have a stage, but none of them any one


def test_an_example_of_more_weight_is_more_of_the_average_lead():
    leads = AverageLead(max_features=9)
    leads.learn_one({"age": 1.0, "stage": "new"}, 3.0)
    leads.learn_one({"age": 5.0, "stage": "demo"}, 1.0)
    assert leads.average() == {"age": 2.0, "stage": "new"}
