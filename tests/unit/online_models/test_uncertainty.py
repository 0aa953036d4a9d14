"""An interval says how far off a score may be: rightly on average, widely for what is new."""

import math
from random import Random

import pytest

from online_models.bayesian_logistic import BayesianLogisticRegression
from online_models.linear_scorer import LinearScorer


def lead(rng):
    """Return a lead's features and its true log-odds."""
    wants, age, views = rng.choice(["demo", "price", "job"]), rng.uniform(2, 9), rng.random() * 3
    x = {"last": wants, "age": age, "count:page_view": views, "count_7d:page_view": views * 0.8}
    truth = {"demo": 1.0, "price": 0.0, "job": -1.5}[wants] + 0.2 * (age - 5.5) + 0.5 * views - 1.5
    return x, truth


def taught(examples, seed=1):
    model, rng = BayesianLogisticRegression(memory=math.inf), Random(seed)
    for _ in range(examples):
        x, truth = lead(rng)
        model.learn_one(x, rng.random() < 1 / (1 + math.exp(-truth)))
    return model


def deviation(scorer, x):
    return math.sqrt(scorer.explain_one(x)[2])


@pytest.mark.parametrize("examples", [100, 400, 1_600])
def test_nine_of_ten_intervals_hold_the_truth_about(examples):
    held = asked = 0
    for seed in range(8):
        scorer = LinearScorer("p_convert", "x-1", taught(examples, seed).snapshot())
        rng = Random(seed + 100)
        for _ in range(100):
            x, truth = lead(rng)
            intercept, contributions, variance = scorer.explain_one(x)
            off = abs(intercept + math.fsum(contributions.values()) - truth)
            held += off <= 1.645 * math.sqrt(variance)
            asked += 1
    assert 0.8 <= held / asked <= 0.99


def test_it_narrows_as_more_is_learned():
    rng = Random(5)
    xs = [lead(rng)[0] for _ in range(50)]
    widths = []
    for examples in (30, 300, 3_000):
        scorer = LinearScorer("p_convert", "x-1", taught(examples).snapshot())
        widths.append(sum(deviation(scorer, x) for x in xs))
    assert widths[0] > 1.5 * widths[1] > 2.5 * widths[2]


def test_what_was_never_seen_widens_it():
    scorer = LinearScorer("p_convert", "x-1", taught(1_000).snapshot())
    usual = {"last": "demo", "age": 5.0, "count:page_view": 1.0, "count_7d:page_view": 0.8}
    new = {"count:form_fill": 2.0, "stage": "won back", "attribute_log:size": 3.0, "age": 30.0}
    for name, value in new.items():
        assert deviation(scorer, usual | {name: value}) > 1.5 * deviation(scorer, usual), name
    assert deviation(scorer, usual | {"attribute:size": 20.0}) == deviation(scorer, usual)


def test_numbers_without_measure_leave_it_a_number():
    scorer = LinearScorer("p_convert", "x-1", taught(200).snapshot())
    for value in (1e308, -1e308, math.inf, 0.0):
        for name in ("age", "count:page_view", "count:never"):
            assert math.isfinite(deviation(scorer, {name: value}))
