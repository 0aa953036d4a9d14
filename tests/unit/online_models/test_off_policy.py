"""What a policy would have earned is told from another's log, and when it cannot be told."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.logged_decisions import LoggedDecision, LoggedDecisionError, checked_log
from online_models.off_policy import evaluate_policy, is_better
from online_models.off_policy_estimators import (
    Estimate,
    always_low,
    cross_fit,
    doubly_robust,
    effective_decisions,
    inverse_propensity,
    mean,
    self_normalised,
    skewed_mean,
)
from online_models.reward_models import propensity_rewards, ridge_rewards

ACTIONS = ("call", "mail", "wait")
EARNED = {"call": 5.0, "mail": 2.0, "wait": 1.0}
LOGGING = {"call": 0.2, "mail": 0.3, "wait": 0.5}
TARGET = {"call": 0.6, "mail": 0.3, "wait": 0.1}
TRUE_VALUE = 3.7


def simulated(count=2_000, seed=1, noise=1.0):
    """Fit leads earn more with any action, and most with a call."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        fit = float(rng.normal())
        action = str(rng.choice(ACTIONS, p=list(LOGGING.values())))
        reward = EARNED[action] + fit + float(rng.normal(0.0, noise))
        yield LoggedDecision({"fit": fit}, action, LOGGING[action], reward, ACTIONS)


def always(target):
    return lambda _: target


def told(rows, target=TARGET):
    """Decisions as (action, probability, reward), the log twenty times over."""
    decisions = [LoggedDecision({}, *row, ACTIONS) for row in rows] * 20
    return checked_log(decisions, always(target))


def test_each_reward_counts_as_often_as_the_policy_is_likelier_to_earn_it():
    log = told([("call", 0.2, 1.0), ("mail", 0.6, 4.0)])
    assert log.weights[:2] == pytest.approx([3.0, 0.5])
    assert inverse_propensity(log).value == pytest.approx((3.0 * 1.0 + 0.5 * 4.0) / 2)
    assert self_normalised(log, seed=0).value == pytest.approx((3.0 * 1.0 + 0.5 * 4.0) / 3.5)


def test_doubly_robust_corrects_the_model_by_what_it_missed():
    log = told([("call", 0.2, 1.0), ("mail", 0.6, 4.0)], {"call": 0.6, "mail": 0.4})
    fitted = cross_fit(log, lambda log: lambda _: np.full_like(log.target, 2.0), seed=0)
    assert doubly_robust(log, fitted).value == pytest.approx(
        2.0 + (3.0 * (1.0 - 2.0) + 2.0 / 3.0 * (4.0 - 2.0)) / 2
    )


def test_the_logging_policy_itself_earns_what_was_logged():
    decisions = list(simulated(500))
    report = evaluate_policy(decisions, always(LOGGING))
    assert report["effective_decisions"] == pytest.approx(500)
    for name in ("inverse_propensity", "self_normalised"):
        estimate = report["estimates"][name]
        assert estimate["value"] == pytest.approx(report["logged"]["value"])
        assert estimate["standard_error"] == pytest.approx(report["logged"]["standard_error"], 0.01)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1e3, 1e3))
def test_a_constant_added_to_all_rewards_is_added_to_the_estimate(constant):
    decisions = list(simulated(200))
    moved = [one._replace(reward=one.reward + constant) for one in decisions]
    before, after = (evaluate_policy(log, always(TARGET)) for log in (decisions, moved))
    for name in ("self_normalised", "direct_method", "doubly_robust"):
        one, other = before["estimates"][name], after["estimates"][name]
        assert other["value"] - one["value"] == pytest.approx(constant, abs=1e-6)
        assert other["standard_error"] == pytest.approx(one["standard_error"], abs=1e-6)


def test_doubly_robust_is_right_if_only_the_probabilities_are():
    log = checked_log(simulated(5_000), always(TARGET))
    wrong = cross_fit(log, lambda log: lambda _: np.full_like(log.target, 9.0), seed=0)
    estimate = doubly_robust(log, wrong)
    assert estimate.low < TRUE_VALUE < estimate.high


def test_doubly_robust_is_right_if_only_the_model_is():
    third = [one._replace(action_probability=1.0 / 3.0) for one in simulated(5_000)]
    log = checked_log(third, always(TARGET))
    assert inverse_propensity(log).high < TRUE_VALUE
    estimate = doubly_robust(log, cross_fit(log, ridge_rewards, seed=0))
    assert estimate.value == pytest.approx(TRUE_VALUE, abs=0.1)


def test_a_model_that_predicts_well_makes_the_interval_narrow():
    estimates = evaluate_policy(simulated(noise=0.1), always(TARGET))["estimates"]
    errors = {name: estimate["standard_error"] for name, estimate in estimates.items()}
    assert errors["doubly_robust"] < 0.5 * errors["self_normalised"]
    assert errors["self_normalised"] < errors["inverse_propensity"]


def test_no_decision_is_predicted_by_a_model_that_learned_from_it():
    log = checked_log(simulated(200), always(TARGET))

    def remembers(log):
        def predict(learned):
            seen = np.zeros_like(log.target)
            seen[learned] = 1.0
            return seen

        return predict

    assert not cross_fit(log, remembers, seed=3).predicted.any()


def test_rewards_of_true_and_false_may_be_predicted_by_a_propensity_model():
    won = [one._replace(reward=one.reward > 2.5) for one in simulated(600)]
    by_ridge = evaluate_policy(won, always(TARGET))
    by_propensity = evaluate_policy(won, always(TARGET), propensity_rewards("bayesian_logistic"))
    assert by_propensity["value"] == pytest.approx(by_ridge["value"], abs=0.05)
    assert by_propensity["low"] < by_ridge["value"] < by_propensity["high"]


def test_a_propensity_model_refuses_rewards_that_are_not_true_or_false():
    with pytest.raises(LoggedDecisionError, match="use ridge_rewards"):
        evaluate_policy(simulated(50), always(TARGET), propensity_rewards("logistic"))


def test_an_action_never_taken_and_a_text_of_ids_change_nothing():
    decisions = list(simulated(500))
    longer = [
        one._replace(x={"id": str(number), **one.x}, candidates=(*ACTIONS, "gift"))
        for number, one in enumerate(decisions)
    ]
    before, after = (evaluate_policy(log, always(TARGET)) for log in (decisions, longer))
    assert after["value"] == pytest.approx(before["value"])
    assert after["high"] == pytest.approx(before["high"])


def test_the_report_is_json_and_the_same_for_the_same_seed():
    reports = [evaluate_policy(simulated(300), always(TARGET), seed=seed) for seed in (4, 4, 5)]
    assert json.loads(json.dumps(reports[0], allow_nan=False)) == reports[1]
    assert reports[2]["value"] != reports[0]["value"]


def test_equal_weights_lose_no_decision_and_one_heavy_weight_nearly_all():
    assert effective_decisions(np.full(50, 0.3)) == pytest.approx(50)
    assert effective_decisions(np.array([1e6, 1.0, 1.0])) == pytest.approx(1.0, abs=1e-3)
    assert effective_decisions(np.zeros(5)) == 0.0


def test_too_few_effective_decisions_are_warned_of():
    report = evaluate_policy(simulated(150), always({"call": 1.0}))
    assert not report["is_believable"]
    assert "the 150 logged decisions count only as much as" in report["warnings"][0]
    assert "Do not believe the estimate; log more decisions" in report["text"]


def test_a_decision_that_outweighs_many_is_warned_of():
    decisions = list(simulated(1_000))
    number = next(number for number, one in enumerate(decisions) if one.action == "call")
    decisions[number] = decisions[number]._replace(action_probability=0.001)
    report = evaluate_policy(decisions, always(TARGET))
    assert any("A single decision makes up" in warning for warning in report["warnings"])


def test_logged_probabilities_that_were_not_used_are_found_out():
    wrong = [one._replace(action_probability=0.5) for one in simulated(1_000)]
    report = evaluate_policy(wrong, always(TARGET))
    assert any("should average 1" in warning for warning in report["warnings"])
    assert not is_better(report, serving=-100.0)


def test_a_policy_that_never_did_the_same_has_no_weighted_mean():
    mails = [one._replace(action="mail", action_probability=1.0) for one in simulated(100)]
    report = evaluate_policy(mails, always({"call": 1.0}))
    assert report["estimates"]["self_normalised"]["value"] is None
    assert report["effective_decisions"] == 0.0
    assert not report["is_believable"]


def test_a_policy_is_promoted_only_if_it_is_surely_better():
    decisions = list(simulated())
    report = evaluate_policy(decisions, always(TARGET))
    assert report["always_low"] < report["low"] < TRUE_VALUE
    assert is_better(report, serving=report["always_low"] - 1e-9)
    assert not is_better(report, serving=report["always_low"])
    assert is_better(report, evaluate_policy(decisions, always(LOGGING)))
    assert not is_better(report, report)
    with pytest.raises(ValueError, match="serving is nan"):
        is_better(report, math.nan)


def test_an_interval_reaches_further_to_the_side_of_the_long_tail():
    values = np.random.default_rng(3).lognormal(0.0, 1.5, 300)
    estimate, mirrored = skewed_mean(values), skewed_mean(-values)
    assert estimate.high - estimate.value > 1.2 * (estimate.value - estimate.low)
    assert (mirrored.low, mirrored.high) == pytest.approx((-estimate.high, -estimate.low))
    even = np.array([-1.0, 1.0] * 50)
    assert skewed_mean(even) == mean(even)


def test_who_looks_every_day_is_seldom_misled_by_the_bound_to_promote_by():
    rng = np.random.default_rng(7)
    misled = {"low": 0, "always_low": 0}
    for _ in range(200):
        rewards = rng.exponential(1.0, 3_000)
        looks = [(mean(rewards[:count]), count) for count in range(200, 3_001, 100)]
        misled["low"] += any(look.low > 1.0 for look, _ in looks)
        misled["always_low"] += any(always_low(look, count) > 1.0 for look, count in looks)
    assert misled["always_low"] <= 10 < misled["low"]


def test_the_bound_to_promote_by_comes_closer_as_the_log_grows():
    reach = [
        -always_low(Estimate(0.0, 0.0, 0.0, 1.0 / math.sqrt(n)), n) for n in (100, 1_000, 9_000)
    ]
    assert reach[0] > reach[1] > reach[2] > 0.0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("action_probability", 0.0, "action_probability is 0.0: it must be above 0"),
        ("action_probability", 1.2, "action_probability is 1.2: .*at most 1; log the chance"),
        ("action_probability", math.nan, "action_probability is nan"),
        ("action_probability", "0.5", "action_probability is '0.5'"),
        ("reward", math.nan, "reward is nan: it must be a finite number; leave out"),
        ("reward", math.inf, "reward is inf"),
        ("reward", 10**400, "reward is 1000"),
        ("reward", "12", "reward is '12'"),
        ("reward", None, "reward is None"),
        ("action", "fax", "action is 'fax', which is not among its candidates; log all"),
    ],
)
def test_a_decision_that_cannot_be_says_where_what_and_what_to_do(field, value, message):
    decisions = list(simulated(30))
    decisions[7] = decisions[7]._replace(**{field: value})
    with pytest.raises(LoggedDecisionError, match=f"decision 7: {message}"):
        evaluate_policy(decisions, always(TARGET))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"call": 0.6, "mail": 0.6}, "probabilities sum to 1.2: they must sum to 1"),
        ({}, "probabilities sum to 0.0"),
        ({"call": -0.5, "mail": 1.5}, "probability of 'call' is -0.5: it must be from 0 to 1"),
        ({"call": math.nan}, "probability of 'call' is nan"),
        ({"fax": 1.0}, "takes 'fax', which is not among the candidates"),
    ],
)
def test_a_policy_that_cannot_be_says_where_what_and_what_to_do(target, message):
    with pytest.raises(LoggedDecisionError, match=f"decision 0: the evaluated policy.*{message}"):
        evaluate_policy(simulated(30), always(target))


def test_a_log_that_is_too_short_says_so():
    with pytest.raises(LoggedDecisionError, match="decisions are 5: an evaluation needs 20"):
        evaluate_policy(simulated(5), always(TARGET))
