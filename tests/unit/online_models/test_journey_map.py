"""The journey map: counts of brute force, a chain that holds, bounded, and kept to the bit."""

import json
from collections import Counter
from itertools import pairwise
from math import ceil
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixed_leads import flat, interleaved
from stored_changes import put

from online_models.day_counts import OTHER
from online_models.formats import ModelFormatError
from online_models.journey_chain import levels, solve
from online_models.journey_figures import CUT_RATIO, FEWEST_LEFT
from online_models.journey_map import STAYS_S, JourneyMapModel

DAY_S = 86_400.0
Fact = tuple[str, tuple[Any, ...]]
NEXT = {
    "new": (("qualified", 0.6), ("lost", 0.1), ("silent", 0.3)),
    "qualified": (("demo", 0.5), ("new", 0.1), ("lost", 0.1), ("silent", 0.3)),
    "demo": (("offer", 0.5), ("qualified", 0.2), ("lost", 0.2), ("silent", 0.1)),
    "offer": (("won", 0.5), ("demo", 0.1), ("lost", 0.4)),
}
ENDS = ("won", "lost", "silent")


def journeys(seed: int, count: int = 400) -> list[list[Fact]]:
    """Return the facts of leads, each lead's in order; some are still under way."""
    random, found = Random(seed), []
    for _ in range(count):
        stage: str = "new" if random.random() < 0.8 else "demo"
        facts: list[Fact] = [("entry", (stage,))]
        while random.random() < 0.95:
            stayed_s = random.expovariate(1.0 / (9.0 * DAY_S))
            names, weights = zip(*NEXT[stage], strict=True)
            after = random.choices(names, weights)[0]
            if after in ENDS:
                facts.append(("end", (stage, after, stayed_s)))
                break
            facts.append(("move", (stage, after, stayed_s)))
            stage = after
        found.append(facts)
    return found


def learned(facts: list[Fact], model: JourneyMapModel | None = None) -> JourneyMapModel:
    model = JourneyMapModel() if model is None else model
    for kind, arguments in facts:
        getattr(model, f"learn_{kind}")(*arguments)
    return model


def lower_median(values: list[float]) -> float:
    return max(STAYS_S.lowest, sorted(values)[(len(values) - 1) // 2])


def test_counts_and_medians_are_those_of_brute_force():
    facts = flat(journeys(1))
    told = learned(facts).report()
    moves = [arguments for kind, arguments in facts if kind == "move"]
    ends = [arguments for kind, arguments in facts if kind == "end"]
    assert told.entered == 400
    results = Counter(end[1] for end in ends)
    assert (told.won, told.lost, told.silent) == tuple(results[name] for name in ENDS)
    for stage in told.stages:
        stays = [move[2] for move in moves if move[0] == stage.name]
        stays += [end[2] for end in ends if end[0] == stage.name]
        entered = sum(move[1] == stage.name for move in moves)
        entered += sum(kind == "entry" and of[0] == stage.name for kind, of in facts)
        assert (stage.entered, stage.left, stage.now) == (entered, len(stays), entered - len(stays))
        assert stage.unseen == 0
        assert stage.median_s == pytest.approx(lower_median(stays), rel=0.0501)
        ninth = max(STAYS_S.lowest, sorted(stays)[ceil(0.9 * len(stays)) - 1])
        assert stage.p90_s == pytest.approx(ninth, rel=0.0501)
        own = Counter(end[1] for end in ends if end[0] == stage.name)
        assert (stage.won, stage.lost, stage.silent) == tuple(own[name] for name in ENDS)
        assert stage.drop_off_ratio == (own["lost"] + own["silent"]) / len(stays)
        assert stage.moved_on + stage.moved_back + sum(own.values()) == stage.left
    for move in told.moves:
        stays = [m[2] for m in moves if m[:2] == (move.from_stage, move.to_stage)]
        assert move.count == len(stays)
        assert move.median_s == pytest.approx(lower_median(stays), rel=0.0501)
    for name in NEXT:
        shares = [move.ratio for move in told.moves if move.from_stage == name]
        shares += [end.ratio for end in told.ends if end.stage == name]
        assert sum(shares) == pytest.approx(1.0)


def test_recycling_goes_back_and_stages_are_in_the_order_of_the_journey():
    told = learned(flat(journeys(2))).report()
    assert [stage.name for stage in told.stages] == list(NEXT)
    backward = {(m.from_stage, m.to_stage) for m in told.moves if m.is_backward}
    assert backward == {("qualified", "new"), ("demo", "qualified"), ("offer", "demo")}
    counts = {(m.from_stage, m.to_stage): m.count for m in told.moves}
    back = sum(counts[one] for one in backward)
    assert told.backward_ratio == pytest.approx(back / sum(counts.values()))
    assert sum(stage.moved_back for stage in told.stages) == back


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_facts_of_different_leads_does_not_matter(seed, random):
    found = journeys(seed, count=30)
    told = learned(flat(found)).checkpoint()
    assert json.dumps(learned(interleaved(found, random)).checkpoint()) == json.dumps(told)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([2, 24]))
def test_a_restored_model_goes_on_to_the_bit(seed, cut, max_stages):
    facts = interleaved(journeys(seed, count=40), Random(seed))
    cut %= len(facts)
    half = learned(facts[:cut], JourneyMapModel(max_stages))
    stored = json.loads(json.dumps(half.checkpoint()))
    resumed = learned(facts[cut:], JourneyMapModel.restore(stored, max_stages=max_stages))
    whole = learned(facts, JourneyMapModel(max_stages))
    assert json.dumps(resumed.checkpoint()) == json.dumps(whole.checkpoint())
    assert resumed.report() == whole.report()


def test_conversion_is_that_of_journeys_though_many_are_under_way():
    told = learned(flat(journeys(3, count=20_000))).report()
    finished = told.won + told.lost + told.silent
    names = list(NEXT)
    steps = np.array([[dict(NEXT[one]).get(to, 0.0) for to in names] for one in names])
    won = np.array([dict(NEXT[one]).get("won", 0.0) for one in names])
    from_each = np.linalg.solve(np.eye(4) - steps, won)
    exact = 0.8 * from_each[0] + 0.2 * from_each[2]
    assert told.conversion_ratio == pytest.approx(exact, abs=0.006)
    assert finished < 0.9 * told.entered
    assert [stage.won_ratio for stage in told.stages] == pytest.approx(from_each, abs=0.02)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_gains_are_those_of_the_chain_solved_again(seed, size):
    random = np.random.default_rng(seed)
    starts, won, lost = (random.integers(0, 9, size).astype(float) for _ in range(3))
    moves = random.integers(0, 9, (size, size)) * (random.random((size, size)) < 0.5) * 1.0
    np.fill_diagonal(moves, 0.0)
    chain = solve(starts, moves, won, lost, CUT_RATIO)
    if chain.conversion is None:
        assert not starts.any()
        return
    assert 0.0 <= chain.conversion <= 1.0 + 1e-12
    for stage in range(size):
        went_on = moves[stage].sum() + won[stage]
        kept = lost.copy()
        kept[stage] -= CUT_RATIO * lost[stage]
        grown = 1.0 + (CUT_RATIO * lost[stage] / went_on if went_on else 0.0)
        again_moves, again_won = moves.copy(), won.copy()
        again_moves[stage] *= grown
        again_won[stage] *= grown
        again = solve(starts, again_moves, again_won, kept, CUT_RATIO).conversion
        assert again == pytest.approx(chain.conversion + chain.gains[stage], abs=1e-9)


def test_a_stage_that_never_leads_to_a_deal_is_no_obstacle():
    model = JourneyMapModel()
    for name in ("a", "b"):
        model.learn_entry(name)
    model.learn_move("a", "b", 1.0)
    model.learn_move("b", "a", 1.0)
    told = model.report()
    assert told.conversion_ratio == 0.0
    assert (told.bottleneck, told.slowest) == (None, None)


def test_visits_of_won_leads_are_those_of_journeys_that_were_won():
    found = journeys(4, count=20_000)
    won = [facts for facts in found if facts[-1][0] == "end" and facts[-1][1][1] == "won"]
    told = learned(flat(found)).report()
    for stage in told.stages:
        came = sum(
            fact[1][0] == stage.name for facts in won for fact in facts if fact[0] != "entry"
        )
        stays = [a[2] for facts in found for kind, a in facts if kind != "entry"
                 and a[0] == stage.name and a[1] not in {"lost", "silent"}]  # fmt: skip
        exact_s = came / len(won) * sum(stays) / len(stays)
        assert stage.contribution_s == pytest.approx(exact_s, rel=0.12)


def facts_of_a_line(silent: dict[str, int], stays_days: dict[str, float]) -> list[Fact]:
    facts: list[Fact] = [("entry", ("new",))] * 1_000
    leads = 1_000
    for stage, after in pairwise(["new", "demo", "offer", "won"]):
        dropping, stayed_s = silent[stage], stays_days[stage] * DAY_S
        facts += [("end", (stage, "silent", 1.0))] * dropping
        leads -= dropping
        kind = "end" if after == "won" else "move"
        facts += [(kind, (stage, after, stayed_s))] * leads
    return facts


def test_the_bottleneck_is_the_stage_whose_losses_cost_most_and_the_slowest_takes_most_time():
    losses = {"new": 100, "demo": 600, "offer": 50}
    days = {"new": 2.0, "demo": 3.0, "offer": 30.0}
    told = learned(facts_of_a_line(losses, days)).report()
    assert (told.bottleneck, told.slowest) == ("demo", "offer")
    demo = next(stage for stage in told.stages if stage.name == "demo")
    # 60 of 900 more go on from the demo; of 300, 250 are won
    assert demo.gain_ratio == pytest.approx(60 / 1_000 * 250 / 300)
    assert demo.contribution_s == pytest.approx(3.0 * DAY_S, rel=0.05)
    assert told.conversion_ratio == pytest.approx(0.25)


def test_a_stage_that_few_have_left_is_not_blamed():
    facts = facts_of_a_line({"new": 100, "demo": 0, "offer": 0},
                            {"new": 1.0, "demo": 1.0, "offer": 1.0})  # fmt: skip
    few: list[Fact] = [("end", ("odd", "won", 9e7))] * (FEWEST_LEFT - 2)
    few += [("end", ("odd", "lost", 1.0))]
    told = learned([*facts, *[("entry", ("odd",))] * 900, *few]).report()
    assert told.bottleneck == "new"
    assert told.slowest != "odd"
    assert max(told.stages, key=lambda stage: stage.contribution_s).name == "odd"


def test_leads_that_were_under_way_before_counting_began_are_told_apart():
    model = JourneyMapModel()
    model.learn_end("offer", "won", 5.0)
    (offer,) = model.report().stages
    assert (offer.entered, offer.now, offer.unseen, offer.won_ratio) == (0, 0, 1, 1.0)
    assert model.report().conversion_ratio is None


def test_levels_of_a_line_are_its_places():
    moves = np.diag([5.0, 5.0], 1)
    assert levels(np.array([5.0, 0.0, 0.0]), moves).tolist() == pytest.approx([1.0, 2.0, 3.0])


def test_an_empty_map_is_empty_and_a_map_is_plain_json():
    empty = JourneyMapModel().report()
    assert (empty.stages, empty.conversion_ratio, empty.backward_ratio) == ((), None, None)
    told = learned(flat(journeys(5))).report()
    stored = json.loads(json.dumps(told.to_json(), allow_nan=False))
    assert stored["stages"][0]["name"] == "new"
    assert stored["moves"][0]["count"] == told.moves[0].count


def test_memory_is_bounded_and_what_is_too_much_is_told():
    model = JourneyMapModel(max_stages=3)
    for number in range(3_000):
        model.learn_entry(f"stage-{number}")
        model.learn_move(f"stage-{number % 50}", f"stage-{number}x", 1.03**number % 1e9)
        model.learn_end(f"stage-{number}", "lost", 1.02**number % 1e9)
    told = model.report()
    assert len(told.stages) == 4
    assert len(model) <= 4 + 4 * (4 + 3) * (STAYS_S.last + 1)
    assert told.in_other == 3_000 * 4 - sum(
        stage.entered + stage.left for stage in told.stages if stage.name != OTHER
    )
    assert sum(move.count for move in told.moves) == 3_000


def test_a_stage_of_the_name_that_the_rest_has_is_one_of_the_rest():
    model = JourneyMapModel(max_stages=1)
    model.learn_entry(OTHER)
    model.learn_move(OTHER, "new", 1.0)
    stored = json.loads(json.dumps(model.checkpoint()))
    told = JourneyMapModel.restore(stored, max_stages=1).report()
    assert [stage.name for stage in told.stages] == [OTHER, "new"]
    assert told.in_other == 2


@pytest.mark.parametrize(
    ("kind", "arguments", "named"),
    [
        ("entry", ("",), "stage"),
        ("entry", (None,), "stage"),
        ("entry", ("x" * 257,), "stage"),
        ("move", ("a", "", 1.0), "to_stage"),
        ("move", (3, "a", 1.0), "from_stage"),
        ("move", ("a", "a", 1.0), "to_stage"),
        ("move", ("p", "q", -1.0), "stayed_s"),
        ("move", ("p", "q", float("inf")), "stayed_s"),
        ("end", ("p", "won", float("nan")), "stayed_s"),
        ("end", ("p", "open", 1.0), "result"),
    ],
)
def test_bad_facts_are_refused_and_lose_nothing(kind, arguments, named):
    model = learned(flat(journeys(6, count=5)))
    before = model.checkpoint()
    with pytest.raises(ValueError, match=f"^{named} is"):
        learned([(kind, arguments)], model)
    assert model.checkpoint() == before


@pytest.mark.parametrize(
    "change",
    [
        put("schema", 2),
        put("library", "another"),
        put("stages", ["new"]),
        put("stages", ["demo", "new", "offer", "qualified", "more"]),
        put("stages", ["demo", "new", "offer", "qualified", "new"]),
        put("stages", ["demo", "new", "offer", "qualified", "other"]),
        put("stages", [f"stage-{n}" for n in range(30)]),
        put("in_other", 1),
        put("in_other", -1),
        put("entered/new", 0),
        put("entered/new", 1.5),
        put("entered", []),
        put("moves/0", ["demo", "demo", 3, 1]),
        put("moves/0", ["demo", "offer", 300, 1]),
        put("moves/0/3", 0),
        put("moves/0/1", "else"),
        put("ends/0", ["demo", "open", 3, 1]),
        lambda state: state["ends"].append(state["ends"][0]),
    ],
)
def test_a_broken_checkpoint_is_refused(change):
    state = json.loads(json.dumps(learned(flat(journeys(7))).checkpoint()))
    change(state)
    with pytest.raises(ModelFormatError):
        JourneyMapModel.restore(state)


@pytest.mark.parametrize("state", [None, [], "text", {}])
def test_what_is_no_checkpoint_is_refused(state):
    with pytest.raises(ModelFormatError):
        JourneyMapModel.restore(state)
