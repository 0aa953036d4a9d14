from random import Random

import orjson
import pytest

from stream.lead.outputs import rfc3339
from stream.policy_evaluation import evaluate_policies
from stream.policy_log import PolicyLog, PolicyLogError

ACTIONS = ("content", "call")
WINS = {"content": 0.2, "call": 0.6}


def decision(at_s=0.0, p=0.5, action="call", reward=1.0, **fields):
    """Return a decision between a mail with content and a call, one of them taken with p."""
    others = [name for name in ACTIONS if name != action]
    chances = {action: p} | {name: (1.0 - p) / len(others) for name in others}
    body = {
        "type": "policy_transition",
        "model": "next_action",
        "rule": "tier_rose",
        "x": {"stage": "demo", "score": 60.0},
        "action": action,
        "action_probability": p,
        "candidates": [{"action": name, "probability": chances[name]} for name in ACTIONS],
        "reward": reward,
        "next": None,
        "is_holdout": False,
        "policy": "rules",
        "policy_version": "1",
        "occurred_at": rfc3339(1_770_000_000.0 + at_s),
        "rewarded_at": rfc3339(1_770_900_000.0 + at_s),
    }
    return orjson.dumps(body | fields)


def decisions(count=1_200, epsilon=0.3, seed=0):
    """Write what rules decided that prefer content, of leads that calls win more often."""
    random, lines = Random(seed), []
    for n in range(count):
        content = 1.0 - epsilon / 2
        action = "content" if random.random() < content else "call"
        p = content if action == "content" else epsilon / 2
        reward = float(random.random() < WINS[action])
        lines.append(decision(n, p=p, action=action, reward=reward))
    return lines


def left_alone(count=300, wins=0.1, seed=1):
    random = Random(seed)
    alone = {
        "candidates": [{"action": "nothing", "probability": 1.0}], "action": "nothing",
        "action_probability": 1.0, "is_holdout": True,
    }  # fmt: skip
    return [decision(n, reward=float(random.random() < wins), **alone) for n in range(count)]


def log_of(lines):
    log = PolicyLog()
    for number, line in enumerate(lines, start=1):
        log.add(number, line)
    return log


@pytest.fixture(scope="module")
def report():
    return evaluate_policies(log_of(decisions(2_000) + left_alone()), exploration_ratio=0.1)


def test_each_policy_is_worth_what_its_actions_are(report):
    truth = dict.fromkeys(report["policies"], 0.05 * 0.2 + 0.95 * 0.6)
    truth["rules"] = 0.95 * 0.2 + 0.05 * 0.6
    for kind, one in report["policies"].items():
        assert one["low"] < truth[kind] < one["high"], kind
    assert [*report["policies"]] == ["rules", "epsilon_greedy", "gaussian_thompson", "lin_ucb"]


def test_one_that_does_better_may_take_over_and_the_rules_may_not(report):
    assert report["policies"]["lin_ucb"]["is_better"]
    assert not report["policies"]["rules"]["is_better"]
    assert "lin_ucb: This policy would have earned" in report["text"]
    assert "beyond chance: it may take over" in report["text"]


def test_it_learns_the_older_half_alone():
    lines = decisions()
    calls_fail = [
        decision(n, p=0.15, reward=0.0) if b'"action":"call","action_p' in line else line
        for n, line in enumerate(lines[:600])
    ]
    # In the newer half calls win as before: who had learned of it would call.
    report = evaluate_policies(log_of(calls_fail + lines[600:]), ["epsilon_greedy"])
    assert report["policies"]["epsilon_greedy"]["value"] < 0.35
    assert (report["learned"], report["evaluated"]) == (600, 600)


def test_the_order_is_that_of_time_not_of_the_log():
    lines = decisions()
    shuffled = Random(3).sample(lines, len(lines))
    assert evaluate_policies(log_of(shuffled)) == evaluate_policies(log_of(lines))


def test_leads_left_alone_show_what_acting_is_worth(report):
    holdout = report["holdout"]
    assert holdout["holdout"]["rows"] == 300
    assert holdout["others"]["rows"] == 2_000
    difference = holdout["difference"]
    assert 0.0 < difference["low"] < 0.16 < difference["high"]
    assert "To act is worth it." in report["text"]
    assert report["decisions"] == 2_300
    assert report["learned"] + report["evaluated"] == 2_000


def test_acting_may_do_harm():
    report = evaluate_policies(log_of(decisions() + left_alone(wins=0.7)), ["rules"])
    assert "To act does harm" in report["text"]


def test_who_nothing_could_be_done_with_is_no_like_of_the_control_group():
    only_nothing = {"candidates": [{"action": "nothing", "probability": 1.0}], "action": "nothing"}
    idle = [decision(n, p=1.0, reward=0.0, **only_nothing) for n in range(500)]
    report = evaluate_policies(log_of(decisions() + left_alone() + idle), ["rules"])
    assert report["holdout"]["others"]["rows"] == 1_200


def test_without_a_control_group_the_report_says_how_to_get_one():
    report = evaluate_policies(log_of(decisions()), ["rules"])
    assert report["holdout"] is None
    assert "LEADSTREAM_HOLDOUT_SHARE" in report["text"]


def test_a_log_in_which_nothing_was_tried_out_is_refused():
    log = log_of([decision(n, p=1.0) for n in range(200)])
    with pytest.raises(PolicyLogError, match=r"nothing was tried out.*EXPLORATION_RATIO"):
        evaluate_policies(log)


def test_it_still_tells_what_acting_is_worth():
    lines = [decision(n, p=1.0, action="content", reward=float(n % 5 == 0)) for n in range(200)]
    report = evaluate_policies(log_of(lines + left_alone()))
    assert report["policies"] == {}
    assert "nothing was tried out" in report["warnings"][0]
    assert report["holdout"] is not None


def test_what_was_not_tried_out_or_no_choice_is_left_out_and_counted():
    lines = decisions(400)
    sure = [decision(1_000 + n, p=1.0) for n in range(50)]
    one = {"candidates": [{"action": "call", "probability": 1.0}]}
    alone = [decision(2_000 + n, p=1.0, **one) for n in range(30)]
    report = evaluate_policies(log_of(lines + sure + alone), ["rules"])
    assert report["unexplored"] == 50
    assert report["without_choice"] == 30
    assert report["evaluated"] == 240 - 50 - 30


@pytest.mark.parametrize(
    ("lines", "remedy"),
    [
        ([], "training-examples"),
        ([b'{"type": "training_example"}'] * 9, "9 records of other types"),
        ([decision(p=1.0, candidates=[{"action": "call", "probability": 1.0}])] * 99, "ACTIONS"),
        (decisions(30), "only 15"),
    ],
)
def test_a_log_that_tells_nothing_is_refused_with_a_remedy(lines, remedy):
    with pytest.raises(PolicyLogError, match=remedy):
        evaluate_policies(log_of(lines))


def test_one_rule_is_asked_for_by_name():
    lines = decisions(200) + [decision(n, rule="absence") for n in range(90)]
    assert evaluate_policies(log_of(lines), ["rules"], rule="absence")["decisions"] == 90
    with pytest.raises(PolicyLogError, match=r"'absense'; it has tier_rose \(200\), absence \(90"):
        evaluate_policies(log_of(lines), rule="absense")


def test_a_policy_that_cannot_learn_from_these_rewards_says_so():
    lines = [decision(n, reward=2.5) for n in range(100)]
    report = evaluate_policies(log_of(lines), ["beta_thompson", "rules"])
    assert "must be 0 or 1" in report["policies"]["beta_thompson"]["error"]
    assert report["policies"]["rules"]["value"] == pytest.approx(2.5)


def test_policies_that_look_ahead_are_evaluated_by_the_whole_reward():
    after = {"x": {}, "candidates": ["call"], "reward": -5.0, "occurred_at": rfc3339(0.0)}
    lines = [decision(n, next=after) for n in range(100)]
    report = evaluate_policies(log_of(lines), ["q_learning"])
    assert report["policies"]["q_learning"]["value"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "is not JSON"),
        (b"[1]", "has no type"),
        (decision()[:-1], "is not JSON"),
        (decision(reward="much"), "reward"),
        (decision(reward=1e200), "reward is 1e\\+200"),
        (decision(action="mail"), "'mail' is not among the candidates"),
        (decision(action_probability=1e-12), "action_probability"),
        (decision(candidates=[{"action": "call", "probability": 0.5}] * 2), "twice"),
    ],
)
def test_broken_records_are_told_with_their_number(line, fault):
    log = log_of([decision(), line])
    assert (len(log.decisions), log.broken) == (1, 1)
    [told] = log.first_faults
    assert told.startswith("record 2: ")
    with pytest.raises(ValueError, match=fault):
        raise ValueError(told)


def test_features_of_any_size_and_sort_leave_the_report_finite():
    odd = [{"size": 1e308}, {"size": -1e308}, {"size": "large"}, {}]
    lines = [
        decision(n, x=odd[n % 4], action=ACTIONS[n % 2], reward=float(n % 3)) for n in range(200)
    ]
    report = evaluate_policies(log_of(lines))
    assert all(one["value"] is not None for one in report["policies"].values())
    assert orjson.loads(orjson.dumps(report)) == report


def test_what_was_written_down_in_shadow_is_evaluated_as_it_was():
    calls = [{"action": "call", "probability": 0.9}, {"action": "content", "probability": 0.1}]
    told = {"policy": "dqn", "policy_version": "dqn-7", "action": "call", "candidates": calls}
    lines = [orjson.dumps(orjson.loads(line) | {"shadow": told}) for line in decisions(1_500)]
    report = evaluate_policies(log_of(lines), kinds=["rules"])
    one = report["policies"]["dqn in shadow"]
    assert one["low"] < 0.9 * 0.6 + 0.1 * 0.2 < one["high"]
    assert one["is_better"]
    assert "dqn in shadow" not in evaluate_policies(log_of(decisions()), ["rules"])["policies"]
