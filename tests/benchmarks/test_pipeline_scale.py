"""The environment: how fast it is, that its scale has a top and a bottom, that it can be fitted."""

import time
from dataclasses import replace
from random import Random

import pytest

from stream.simulator.cohort import evaluate_policy
from stream.simulator.fitting import FitError, fitted
from stream.simulator.guided_training import trained_policy
from stream.simulator.pipeline_log import pipeline_log
from stream.simulator.pipeline_oracle import OraclePolicy
from stream.simulator.pipeline_policies import RandomPolicy, TrainedPolicy, tuned_rules
from stream.simulator.world import WorldParameters

STEPS_PER_S = 20_000
WORLD = WorldParameters()


def test_a_core_takes_20_000_steps_a_second():
    pytest.importorskip("gymnasium")
    from stream.simulator.sales_pipeline import SalesPipeline  # noqa: PLC0415

    env, rng, best = SalesPipeline(), Random(1), 0.0
    for _ in range(3):
        env.reset(seed=1)
        # Of the processor, since others may use it as well.
        started_s, steps = time.process_time(), 20_000
        for _ in range(steps):
            action = rng.randrange(6) if rng.random() < 0.1 else 0
            if env.step(action)[2]:
                env.reset()
        best = max(best, steps / (time.process_time() - started_s))
    print(f"{best:,.0f} steps a CPU-second")
    assert best > STEPS_PER_S


def test_the_oracle_beats_the_trained_and_those_and_tuned_rules_beat_chance():
    """``leadstream bench policy`` has the figures: there is far more training and more leads."""
    budget = {"leads": 400, "contact_budget": 2_000}
    rules = tuned_rules(WORLD, seeds=range(1, 4), trials=12, **budget)
    means = {}
    for name, policy in (
        ("oracle", OraclePolicy(WORLD)),
        ("rules", rules),
        ("trained", TrainedPolicy(trained_policy(WORLD, leads=2_000, rounds=2))),
        ("random", RandomPolicy()),
    ):
        results = evaluate_policy(policy, WORLD, seeds=range(101, 106), **budget)
        means[name] = sum(result.reward for result in results) / len(results)
        assert all(result.contacts * 0.4 <= 2_000 for result in results)
    print({name: round(mean, 4) for name, mean in means.items()})
    assert means["oracle"] > means["rules"] > means["random"]
    assert means["oracle"] > means["trained"] > means["random"]


def test_a_world_is_fitted_back_from_its_log():
    """Within a factor of 1.4, and .04 of ``win_midpoint``, where contacts are made by chance."""
    true = replace(
        WORLD,
        activity=0.7,
        answering=1.4,
        unsubscribing=2.0,
        win_midpoint=0.66,
        lost_ratio=0.5,
        decision_per_day=1 / 10,
        churn_per_month=0.08,
        repeat_per_day=0.007,
    )
    log = pipeline_log(true, RandomPolicy(contact_ratio=0.1), leads=4_000, seed=77)
    fit = fitted(log, leads=2_000, rounds=8)
    assert fit.unchanged == ()
    assert fit.leads > 3_000
    for name in (
        "activity",
        "answering",
        "unsubscribing",
        "lost_ratio",
        "decision_per_day",
        "churn_per_month",
        "repeat_per_day",
    ):
        factor = getattr(fit.parameters, name) / getattr(true, name)
        assert 1 / 1.4 < factor < 1.4, name
    assert abs(fit.parameters.win_midpoint - true.win_midpoint) < 0.04
    for name, observed in fit.observed.items():
        assert fit.simulated[name] == pytest.approx(observed, rel=0.15), name


def test_what_a_log_says_too_little_of_stays():
    log = pipeline_log(WORLD, RandomPolicy(contact_ratio=0.0), leads=300, seed=5)
    fit = fitted(log, leads=200, rounds=1)
    assert "answering" in fit.unchanged
    assert fit.parameters.answering == WORLD.answering
    with pytest.raises(FitError, match="give a log with 100 or more"):
        fitted(log[:100])
