"""From an occasion to a decision, and from what came of it to what policies learn."""

from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from schemas.learning import PolicyTransition
from stream.lead.actions import parse_catalogue
from stream.lead.contest import Contest
from stream.lead.learner import decoded, decoded_checkpoint
from stream.lead.point_rules import PointRules
from stream.lead.policy_learner import PolicyLearner
from stream.lead.state import MAX_TRANSITIONS
from stream.lead.transitions import TASK

CATALOGUE = """
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent"]
cost_minor = 500

[[action]]
name = "mail"
channel = "email"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
framings = ["plain", "loss"]
texts.loss = { de = "verlust", "*" = "loss" }

[[action]]
name = "nothing"
channel = "none"
rules = ["high_intent"]

[governance]
cooldown_s.high_intent = 0

[reward]
horizon_s = 864_000  # 10 days
stages = ["known", "qualified", "proposal"]
minor_per_point = 100_000
"""
LEARNS = replace(
    HOUSE,
    catalogue=parse_catalogue(CATALOGUE),
    logs_decisions=True,
    exploration_ratio=0.2,
    points=PointRules(),  # so that no tier is left, and asking is the one occasion
    absence_s=90 * DAY_S,
)
CHOICES = ["call", "mail", "mail:loss", "nothing"]


def ask(stream: LeadStream, n: int = 0, lead_id: str = "L", after_s: float = 0.0) -> dict[str, Any]:
    """Let a lead ask for a demo, and return the decision on it."""
    stream.send(event("form_fill", f"{lead_id}{n}", after_s, lead_id=lead_id))
    output = next(o for o in reversed(stream.outputs) if o.label == "high_intent")
    body: dict[str, Any] = orjson.loads(output.value or b"")
    assert body["lead_id"] == lead_id
    return body


def taught(stream: LeadStream) -> list[PolicyTransition]:
    found = []
    for output in stream.outputs:
        if output.topic == topics.TRAINING_EXAMPLES.name and output.key == TASK.encode():
            example = decoded(output.value or b"")
            assert isinstance(example, PolicyTransition)
            found.append(example)
    return found


def serve(stream: LeadStream, learner: PolicyLearner) -> None:
    """Let a version of a policy decide from here on."""
    record = learner.snapshot()
    stream.store.put(record.key.decode(), record.value)
    body = {"type": "use_model", "model": TASK, "version": learner.version}
    stream.append(0, None, orjson.dumps(body), [])


def best_policy() -> PolicyLearner:
    """Return one that has learned to put a loss before leads."""
    learner = PolicyLearner("gaussian_thompson", 0.1)
    stream = LeadStream(house=LEARNS)
    for n in range(200):
        body = ask(stream, lead_id=f"L{n}")
        if body["framing"] == "loss":
            stream.send(event("outcome", f"o{n}", 60.0, lead_id=f"L{n}"))
    stream.tick(11 * DAY_S)
    for n, example in enumerate(taught(stream)):
        learner.learn(example, n)
    return learner


def test_the_rules_take_what_stands_first_and_now_and_then_anything():
    stream = LeadStream(house=LEARNS)
    chosen: Counter[str] = Counter()
    for n in range(300):
        body = ask(stream, lead_id=f"L{n}")
        chances = {c["action"]: c["probability"] for c in body["candidates"]}
        assert chances == pytest.approx(dict.fromkeys(CHOICES, 0.05) | {"call": 0.85})
        name = body["action"] + (f":{body['framing']}" if body["framing"] else "")
        assert body["action_probability"] == pytest.approx(chances[name])
        chosen[name] += 1
    assert set(chosen) == set(CHOICES)
    assert 230 < chosen["call"] < 280


def test_a_replay_takes_the_same_actions():
    first, second = (LeadStream(house=LEARNS) for _ in range(2))
    for stream in (first, second):
        for n in range(40):
            ask(stream, n, lead_id=f"L{n % 7}", after_s=n * 3_600.0)
            if stream is second and n == 20:
                stream.restart()
    assert first.bodies(topics.NURTURE_TRIGGERS) == second.bodies(topics.NURTURE_TRIGGERS)
    assert first.states() == second.states()


def test_what_a_decision_brought_is_taught_with_what_was_known_then():
    stream = LeadStream(house=LEARNS)
    body = ask(stream)
    stream.send(event("stage_change", "s1", DAY_S, lead_id="L", stage="Known"))
    stream.send(event("stage_change", "s2", 2 * DAY_S, lead_id="L", stage="Proposal"))
    stream.restart()
    won = event("outcome", "o", 3 * DAY_S, lead_id="L", value_minor=200_000, currency="EUR")
    stream.send(won)
    (told,) = taught(stream)
    cost = {"call": -0.01 - 0.005, "mail": -0.01, "nothing": 0.0}[body["action"]]
    assert told.reward == pytest.approx(cost + 0.1 + 0.2 + 1.0 + 2.0)
    assert told.x["rule"] == "high_intent"
    assert told.x["stage"] == "none"
    assert (told.policy, told.policy_version, told.is_holdout) == ("rules", "1", False)
    assert stream.lead("L").transitions == []


def test_without_an_outcome_it_is_taught_at_the_horizon_and_what_comes_later_counts_no_more():
    stream = LeadStream(house=LEARNS)
    ask(stream)
    stream.tick(9.9 * DAY_S)
    assert taught(stream) == []
    stream.tick(10 * DAY_S)
    stream.send(event("outcome", "o", 11 * DAY_S, lead_id="L"))
    (told,) = taught(stream)
    assert told.reward <= 0.0


@pytest.mark.parametrize(
    ("join", "reward"), [("sum", 0.1 - 0.5 + 1.0), ("earliest", 0.1), ("max", 1.0)]
)
def test_several_rewards_become_one_as_the_house_says(join, reward):
    text = CATALOGUE.replace("minor_per_point = 100_000", f'join = "{join}"\ncontact = 0')
    catalogue = parse_catalogue(text)
    stream = LeadStream(house=replace(LEARNS, catalogue=catalogue))
    ask(stream)
    stream.send(event("stage_change", "s", DAY_S, lead_id="L", stage="known"))
    stream.send(event("email_unsubscribe", "u", 2 * DAY_S, lead_id="L"))
    stream.send(event("outcome", "o", 3 * DAY_S, lead_id="L"))
    (told,) = taught(stream)
    assert told.reward == pytest.approx(reward)


def test_a_reward_that_comes_late_is_worth_less():
    catalogue = parse_catalogue(CATALOGUE + "half_life_s = 86_400\ncontact = 0")
    stream = LeadStream(house=replace(LEARNS, catalogue=catalogue))
    ask(stream)
    stream.send(event("outcome", "o", 2 * DAY_S, lead_id="L"))
    (told,) = taught(stream)
    assert told.reward == pytest.approx(0.25, abs=0.006)


def test_what_was_not_carried_out_teaches_nothing():
    stream = LeadStream(house=LEARNS)
    body = ask(stream)
    result = {"trigger_id": body["trigger_id"], "status": "suppressed"}
    stream.send(event("action_result", "r", 60.0, lead_id="L", **result))
    stream.send(event("outcome", "o", DAY_S, lead_id="L"))
    assert taught(stream) == []


def test_a_decision_knows_the_next_one_for_policies_that_look_ahead():
    stream = LeadStream(house=LEARNS)
    ask(stream, 0)
    stream.send(event("stage_change", "s", 3_600.0, lead_id="L", stage="known"))
    ask(stream, 1, after_s=2 * 3_600.0)
    stream.send(event("outcome", "o", DAY_S, lead_id="L"))
    first, last = taught(stream)
    assert first.next is not None
    assert first.next.reward == pytest.approx(first.reward - 1.0, abs=1e-9)
    assert list(first.next.candidates) == CHOICES
    assert first.next.x["stage"] == "known"
    assert last.next is None


def test_open_decisions_are_bounded():
    stream = LeadStream(house=LEARNS)
    for n in range(MAX_TRANSITIONS + 3):
        ask(stream, n, after_s=n * 60.0)
    assert len(stream.lead("L").transitions) == MAX_TRANSITIONS
    assert stream.overflows >= 3


def test_the_control_group_is_left_alone_and_counted():
    stream = LeadStream(house=replace(LEARNS, holdout_share=0.3))
    bodies = [ask(stream, lead_id=f"L{n}") for n in range(200)]
    held = {b["lead_id"] for b in bodies if b["is_holdout"]}
    assert 35 < len(held) < 85
    for body in bodies:
        if body["is_holdout"]:
            assert (body["action"], body["action_probability"]) == ("nothing", 1.0)
    again = [ask(stream, 1, f"L{n}", DAY_S) for n in range(200)]
    assert {b["lead_id"] for b in again if b["is_holdout"]} == held
    stream.tick(20 * DAY_S)
    assert Counter(t.is_holdout for t in taught(stream))[True] == 2 * len(held)
    learner = PolicyLearner("gaussian_thompson", 0.1)
    for n, example in enumerate(taught(stream)):
        learner.learn(example, n)
    assert learner.transitions == 2 * (200 - len(held))


def test_a_served_policy_decides_and_signs_for_it_and_may_be_taken_back():
    stream = LeadStream(house=LEARNS)
    learner = best_policy()
    serve(stream, learner)
    bodies = [ask(stream, lead_id=f"M{n}", after_s=12 * DAY_S) for n in range(50)]
    assert {b["policy_version"] for b in bodies} == {learner.version}
    assert {b["policy"] for b in bodies} == {"gaussian_thompson"}
    assert sum(b["framing"] == "loss" for b in bodies) > 40
    assert all(b["candidates"][0]["action"] == "mail:loss" for b in bodies)
    serve(stream, PolicyLearner("rules", 0.2))
    assert ask(stream, lead_id="N", after_s=13 * DAY_S)["policy"] == "rules"


def test_in_shadow_the_rules_choose_and_what_the_policy_would_have_done_is_kept_with_it():
    learner = best_policy()
    shadow, alone = (LeadStream(house=replace(LEARNS, policy_mode=m)) for m in ("shadow", "learn"))
    for stream in (shadow, alone):
        serve(stream, learner)
    for n in range(60):
        body, same = ask(shadow, lead_id=f"L{n}"), ask(alone, lead_id=f"L{n}")
        assert body | {"shadow": None} == same
        told = body["shadow"]
        assert (told["policy"], told["policy_version"]) == (learner.kind, learner.version)
        assert told["candidates"][0]["action"] == "mail:loss"
    shadow.restart()
    for n in range(60):
        shadow.send(event("outcome", f"o{n}", 60.0, lead_id=f"L{n}"))
    for example in taught(shadow):
        assert (example.policy, example.policy_version) == ("rules", "1")
        assert example.shadow is not None
        assert example.shadow.policy_version == learner.version
        assert {c.action for c in example.shadow.candidates} == set(CHOICES)
    assert len(taught(shadow)) == 60


def test_in_shadow_the_control_group_is_asked_nothing():
    stream = LeadStream(house=replace(LEARNS, policy_mode="shadow", holdout_share=0.5))
    serve(stream, best_policy())
    bodies = [ask(stream, lead_id=f"L{n}") for n in range(40)]
    assert {(b["is_holdout"], b["shadow"] is None) for b in bodies} == {
        (True, True),
        (False, False),
    }


def test_texts_are_in_the_leads_language():
    stream = LeadStream(house=replace(LEARNS, exploration_ratio=1.0))
    texts = set()
    for n in range(60):
        lead_id = f"L{n}"
        attributes = {"locale": "de-AT"} if n % 2 else {}
        stream.send(event("lead_profile", f"p{n}", 0.0, lead_id=lead_id, attributes=attributes))
        body = ask(stream, lead_id=lead_id)
        texts.add((n % 2, body["framing"], body["text"]))
    assert {(0, "loss", "loss"), (1, "loss", "verlust")} < texts


def test_histories_that_become_one_keep_their_decisions():
    stream = LeadStream(house=LEARNS)
    ask(stream, 0, "L")
    ask(stream, 1, "M", 60.0)
    stream.send(event("lead_merge", "m", 120.0, lead_id="L", into_lead_id="M"))
    stream.send(event("outcome", "o", DAY_S, lead_id="M"))
    assert len(taught(stream)) == 2


def test_the_better_of_two_policies_wins_the_contest_and_it_goes_on_after_a_restart():
    stream = LeadStream(house=replace(LEARNS, exploration_ratio=0.5))
    for n in range(1_500):
        lead_id = f"L{n}"
        body = ask(stream, lead_id=lead_id)
        if body["action"] == "mail" and n % 2:
            stream.send(event("outcome", f"o{n}", 60.0, lead_id=lead_id))
    stream.tick(11 * DAY_S)
    examples = taught(stream)

    def contest() -> Contest[PolicyLearner]:
        kinds = ("rules", "gaussian_thompson", "random")
        return Contest(TASK, [PolicyLearner(kind, 0.1) for kind in kinds], "rules")

    one, two = contest(), contest()
    for n, example in enumerate(examples):
        one.learn(example, n)
        two.learn(example, n)
        if n == 700:
            stored, two = two.checkpoints(), contest()
            for output in stored:
                two.resume(decoded_checkpoint(output.value or b""))
    assert one.winner() == two.winner() == "gaussian_thompson"
    assert [c.learner.version for c in one.contestants.values()] == [
        c.learner.version for c in two.contestants.values()
    ]
    assert one.checkpoints() == two.checkpoints()
