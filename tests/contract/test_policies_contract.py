"""What every policy keeps to: one suite for all kinds of the catalogue."""

import base64
import copy
import json
import math
import sys
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest

from online_models.formats import ModelFormatError
from online_models.policy.catalogue import KINDS, build_acting, build_policy
from online_models.policy.protocol import Acting, Policy, Transition

ACTIONS = ("call", "email", "webinar", "nothing")
SMALL: dict[str, dict[str, Any]] = {
    "lin_ucb": {"max_inputs": 30, "max_actions": 10},
    "q_learning": {"max_states": 500, "grid": {"age": (1.0, 2.0)}, "double": True},
    "dqn": {"hidden": (8,), "memory": 60, "learn_after": 20, "batch": 8, "target_every": 10},
    "policy_gradient": {"hidden": (8,), "memory": 60, "episodes": 3, "baseline_steps": 2},
    "actor_critic": {"hidden": (8, 4), "memory": 32, "batch": 16, "passes": 2},
}
"""So small that learning happens within a few transitions."""
DEEP = ("dqn", "policy_gradient", "actor_critic")
LARGEST_CHECKPOINT_BYTES = 400_000


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def parameters(kind: str, **more: Any) -> dict[str, Any]:
    return SMALL.get(kind, {}) | more


def new(kind: str, **more: Any) -> Policy:
    return build_policy(kind, **parameters(kind, **more))


def states(seed: int) -> Iterator[dict[str, Any]]:
    """Yield what is known of leads: features of all sorts come and go."""
    rng = Random(seed)
    while True:
        state: dict[str, Any] = {"age": rng.gauss(2.0, 1.0), "stage": rng.choice(["new", "demo"])}
        if rng.random() < 0.5:
            state["count:open"] = rng.random()
        if rng.random() < 0.2:
            state[f"attribute_log:{rng.randrange(5)}"] = rng.uniform(0.0, 9.0)
        yield state


def lived(policy: Policy, n: int, seed: int = 0) -> list[Any]:
    """Let a policy act and learn so often; candidates come and go. Return what it chose."""
    rng, known = Random(seed), states(seed)
    state, told = next(known), []
    candidates = ACTIONS
    for _ in range(n):
        choice = policy.act(state, candidates, rng)
        ended = rng.random() < 0.2
        following = next(known)
        can_be_done = tuple(rng.sample(ACTIONS, rng.randrange(1, 5)))
        reward = float(rng.random() < 0.3 + 0.5 * (choice.action == "call"))
        policy.learn(
            Transition(
                state,
                candidates,
                choice.action,
                choice.action_probability,
                reward,
                None if ended else following,
                () if ended else can_be_done,
            )
        )
        told.append((choice.action, dict(choice.probabilities)))
        state, candidates = following, can_be_done
    return told


def through_json(document: dict[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(orjson.dumps(document))
    return loaded


def bits(policy: Policy) -> bytes:
    return orjson.dumps(policy.checkpoint())


def snapshot_of(kind: str, policy: Policy) -> dict[str, Any]:
    return through_json(KINDS[kind].snapshot(policy))


def test_every_kind_says_whether_it_looks_ahead():
    assert {name for name, kind in KINDS.items() if kind.looks_ahead} == {"q_learning", *DEEP}


def test_probabilities_are_positive_and_sum_to_one(kind):
    for n in (0, 1, 150):
        policy = new(kind, epsilon=0.1)
        told = lived(policy, n) + lived(policy, 20, seed=1)
        for action, probabilities in told:
            assert action in probabilities
            assert math.fsum(probabilities.values()) == pytest.approx(1.0, abs=1e-12)
            assert min(probabilities.values()) >= 0.1 / len(probabilities) * (1 - 1e-12)


def test_actions_come_as_often_as_they_are_said_to(kind):
    policy = new(kind, epsilon=0.3)
    lived(policy, 150)
    rng, n, state = Random(3), 2_000, {"age": 1.0, "stage": "demo"}
    probabilities = policy.act(state, ACTIONS, rng).probabilities
    chosen = [policy.act(state, ACTIONS, rng).action for _ in range(n)]
    for action, p in probabilities.items():
        assert chosen.count(action) / n == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n))


def test_inputs_are_never_changed(kind):
    policy, known = new(kind), states(0)
    for _ in range(50):
        state, following, candidates = next(known), next(known), list(ACTIONS)
        before = copy.deepcopy((state, following, candidates))
        choice = policy.act(state, candidates, Random(0))
        transition = Transition(
            state, tuple(candidates), choice.action, 0.5, 1.0, following, tuple(candidates)
        )
        policy.learn(transition)
        assert (state, following, candidates) == before


def test_acting_teaches_nothing(kind):
    policy = new(kind)
    lived(policy, 100)
    before = bits(policy)
    for candidates in (ACTIONS, ("never", "seen"), ("call",)):
        policy.act({"never": 1.0, "seen": "before", "age": 9.0}, candidates, Random(0))
    assert bits(policy) == before


def test_the_same_life_makes_the_same_policy_to_the_bit(kind):
    one, other = new(kind), new(kind)
    assert lived(one, 200) == lived(other, 200)
    assert bits(one) == bits(other)


@pytest.mark.parametrize("n", [0, 1, 25, 150])
def test_a_policy_goes_on_from_its_checkpoint_to_the_bit(kind, n):
    policy = new(kind)
    lived(policy, n)
    restored = build_policy(kind, through_json(policy.checkpoint()), **parameters(kind))
    assert bits(restored) == bits(policy)
    assert lived(restored, 120, seed=5) == lived(policy, 120, seed=5)
    assert bits(restored) == bits(policy)


def test_a_checkpoint_is_not_changed_by_what_is_learned_after_it(kind):
    policy = new(kind)
    lived(policy, 100)
    checkpoint = policy.checkpoint()
    before = orjson.dumps(checkpoint)
    lived(build_policy(kind, checkpoint, **parameters(kind)), 50, seed=1)
    lived(policy, 50, seed=2)
    assert orjson.dumps(checkpoint) == before


@pytest.mark.parametrize("n", [0, 3, 150])
def test_a_snapshot_acts_as_the_policy_itself_would(kind, n):
    policy = new(kind)
    lived(policy, n)
    acting: Acting = build_acting(kind, snapshot_of(kind, policy), **parameters(kind))
    known, one, other = states(7), Random(7), Random(7)
    for _ in range(50):
        state = next(known)
        for candidates in (ACTIONS, ACTIONS[:2], ("never", "call")):
            assert acting.act(state, candidates, one) == policy.act(state, candidates, other)


def test_a_snapshot_holds_no_memory(kind):
    policy = new(kind, **({"memory": 1_000} if kind in DEEP else {}))
    lived(policy, 300)
    if kind in DEEP:
        assert len(orjson.dumps(snapshot_of(kind, policy))) < len(bits(policy)) / 5


def test_candidates_vanish_and_appear(kind):
    policy, rng = new(kind), Random(0)
    lived(policy, 60)
    for n in range(60):
        candidates = (f"new {n % 7}", ACTIONS[n % 4])
        choice = policy.act({"age": 1.0}, candidates, rng)
        policy.learn(
            Transition(
                {"age": 1.0}, candidates, candidates[n % 2], 0.5, 1.0, {"age": 2.0}, ("later",)
            )
        )
        assert tuple(choice.probabilities) == candidates
    assert policy.act({}, ("call",), rng).probabilities == {"call": 1.0}
    for wrong in ((), ("call", "call")):
        with pytest.raises(ValueError, match="at least one, and each there once"):
            policy.act({}, wrong, rng)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"age": None},
        {"age": math.nan},
        {"age": math.inf, "count:open": -math.inf},
        {"age": 1e308, "count:open": -1e308},
        {"age": 10**400},
        {"age": True, "stage": 3.0},
        {"age": "text", "stage": None},
        {"stage": "x" * 100_000, "age=1": 1.0},
        {"": "", "stage": "\ud800"},
    ],
    ids=lambda odd: ",".join(map(str, odd)) or "none",
)
def test_features_may_be_odd(kind, odd):
    policy, rng = new(kind), Random(0)
    lived(policy, 40)
    for n in range(40):
        choice = policy.act(odd, ACTIONS, rng)
        assert math.fsum(choice.probabilities.values()) == pytest.approx(1.0)
        ended = n % 4 == 3
        policy.learn(
            Transition(
                odd, ACTIONS, choice.action, 0.5, 1.0, None if ended else odd, ACTIONS[: 4 * ended]
            )
        )
    checkpoint = json.loads(json.dumps(policy.checkpoint()))
    build_policy(kind, checkpoint, **parameters(kind)).act({"age": 1.0}, ACTIONS, rng)


def test_memory_is_bounded_whatever_senders_think_of(kind):
    policy, rng = new(kind), Random(0)
    lived(policy, 200)
    for n in range(1_500):
        candidates = (f"action {n}", ACTIONS[n % 4])
        policy.learn(
            Transition(
                {f"n{n}": 1.0, "id": str(n), "age": rng.random()},
                candidates,
                candidates[n % 2],
                0.5,
                1.0,
                None if n % 3 == 0 else {"id": str(n + 1)},
                candidates,
            )
        )
    assert len(bits(policy)) < LARGEST_CHECKPOINT_BYTES


@pytest.mark.parametrize("reward", [1e15, -1e15])
def test_a_reward_without_measure_does_not_undo_the_policy(kind, reward):
    if kind == "beta_thompson":  # rewards of 0 and 1 only
        with pytest.raises(ValueError, match="must be 0 or 1"):
            new(kind).learn(Transition({}, ACTIONS, "call", 1.0, reward))
        return
    policy = new(kind)
    lived(policy, 50)
    for n in range(60):
        policy.learn(
            Transition(
                {"age": 1.0},
                ACTIONS,
                "call",
                1e-9,
                reward,
                None if n % 5 == 0 else {"age": 1.0},
                ACTIONS,
            )
        )
    lived(policy, 100, seed=1)
    restored = build_policy(kind, through_json(policy.checkpoint()), **parameters(kind))
    assert bits(restored) == bits(policy)


# --- what is stored is checked whole -----------------------------------------------------------

NASTY: list[Any] = [
    *(None, True, -1, 0, 1, 10**9, 10**30, 0.5, -1e308, 1e308, math.nan, math.inf, "", "x", "AAAA"),
    *([], [[]], {}, {"x": None}, [None] * 3, "unheard of", "\ud800", [10**30], {"": {}}),
]


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a document."""
    yield path
    if isinstance(document, dict):
        for name, value in document.items():
            yield from places(value, (*path, name))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from places(value, (*path, number))


def spoiled(document: Any, rng: Random) -> Any:
    """Return a copy with one value changed, left out, doubled or scrambled."""
    found = copy.deepcopy(document)
    *way, last = rng.choice([path for path in places(found) if path])
    holder = found
    for step in way:
        holder = holder[step]
    value, how = holder[last], rng.random()
    if how < 0.15:
        del holder[last]
    elif isinstance(value, str) and len(value) > 8 and how < 0.6:
        try:
            raw = bytearray(base64.b64decode(value, validate=True))
            for _ in range(rng.randrange(1, 4)):
                raw[rng.randrange(len(raw))] = rng.randrange(256)
            holder[last] = base64.b64encode(raw[: rng.choice([len(raw), len(raw) // 2])]).decode()
        except ValueError:
            holder[last] = value[::-1]
    elif isinstance(value, list) and how < 0.3:
        holder[last] = value + value
    elif isinstance(value, dict) and how < 0.3:
        value["new"] = rng.choice(NASTY)
    else:
        holder[last] = rng.choice(NASTY)
    return found


@pytest.mark.parametrize("snapshot", [False, True], ids=["checkpoint", "snapshot"])
def test_what_is_stored_and_broken_is_refused_or_lives(kind, snapshot):
    policy, rng = new(kind), Random(kind)
    lived(policy, 70)
    sound = snapshot_of(kind, policy) if snapshot else through_json(policy.checkpoint())
    refused = 0
    for _ in range(300):
        broken = spoiled(sound, rng)
        try:
            if snapshot:
                rebuilt = build_acting(kind, broken, **parameters(kind))
            else:
                rebuilt = build_policy(kind, broken, **parameters(kind))
        except ModelFormatError:
            refused += 1
            continue
        choice = rebuilt.act({"age": 1.0, "stage": "demo"}, ACTIONS, rng)
        assert math.fsum(choice.probabilities.values()) == pytest.approx(1.0)
        if not snapshot:
            lived(rebuilt, 5)
            json.dumps(rebuilt.checkpoint())
    assert refused > 100


@pytest.mark.parametrize("state", [*NASTY[:18], {"schema": 0}, {"schema": 1}])
def test_what_is_no_policy_at_all_is_refused(kind, state):
    for rebuild in (KINDS[kind].restore, KINDS[kind].acting):
        with pytest.raises(ModelFormatError):
            rebuild(state, **parameters(kind))


def test_one_kind_does_not_take_anothers_checkpoint(kind):
    policy = new(kind)
    lived(policy, 30)
    for other in KINDS.keys() - {kind}:
        with pytest.raises(ModelFormatError):
            build_policy(other, through_json(policy.checkpoint()), **parameters(other))


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        ModelFormatError, match="no kind of policy is called 'x'; there are rules, random"
    ):
        build_policy("x")


def test_acting_needs_no_autograd(kind, monkeypatch):
    policy = new(kind)
    lived(policy, 30)
    monkeypatch.setitem(sys.modules, "autograd", None)
    acting = build_acting(kind, snapshot_of(kind, policy), **parameters(kind))
    assert acting.act({"age": 1.0}, ACTIONS, Random(0)).action in ACTIONS
