"""Segments of leads: ids that last, names that tell, sizes that add up, state to the bit."""

import json
import math
from functools import cache
from random import Random

import pytest

from online_models.formats import ModelFormatError
from online_models.segment_inputs import SegmentInputs
from online_models.segment_scorer import SegmentScorer
from online_models.segments import LeadSegments

KINDS = {
    "reader": ({"blog": 8, "webinars": 2, "product": 1}, "media", 3.0),
    "buyer": ({"pricing": 5, "docs": 4, "product": 4}, "finance", 6.0),
    "applicant": ({"careers": 8, "about": 3, "product": 1}, "education", 4.0),
}


def vector(rng: Random, kind: str, views: int = 12) -> dict[str, float | str]:
    pages, industry, size = KINDS[kind]
    seen = rng.choices(list(pages), list(pages.values()), k=views)
    x: dict[str, float | str] = {"age": 9.0, "count:page_view": math.log1p(views)}
    x |= {f"count:page_view:{page}": math.log1p(seen.count(page)) for page in set(seen)}
    if rng.random() < 0.8:
        x["attribute:industry"] = industry if rng.random() < 0.5 else rng.choice("abcd")
    if rng.random() < 0.8:
        x["attribute_log:company_size"] = rng.gauss(size, 1.0)
    return x


def learned(kinds: list[str], leads: int, model: LeadSegments | None = None, seed: int = 1):
    rng = Random(seed)
    model = model or LeadSegments(most_leads=400)
    segments: dict[str, str | None] = {}
    for number in range(leads):
        kind = kinds[number % len(kinds)]
        seen(model, vector(rng, kind), f"{seed}/{number}", segments)
    return model, segments


def seen(
    model: LeadSegments,
    x: dict[str, float | str],
    lead: str,
    segments: dict[str, str | None],
) -> None:
    """Let a lead be seen once more: it is assigned, counted and learned."""
    former = segments.get(lead)
    segments[lead] = model.assign(x, former) or former
    model.move_one(former, segments[lead])
    model.learn_one(x, lead)


@cache
def stored() -> str:
    """Return the checkpoint of a model that knows all kinds, learned once."""
    return json.dumps(learned(list(KINDS), 600)[0].checkpoint())


def known() -> LeadSegments:
    return LeadSegments.restore(json.loads(stored()), most_leads=400)


def ids_of(model: LeadSegments) -> dict[str, str | None]:
    return {kind: model.assign(vector(Random(7), kind, views=30)) for kind in KINDS}


def test_each_kind_is_a_segment_and_its_leads_are_in_it():
    model = known()
    ids = ids_of(model)
    assert len(set(ids.values())) == len(model.segments()) == 3
    rng = Random(3)
    right = sum(model.assign(vector(rng, kind)) == ids[kind] for kind in KINDS for _ in range(100))
    assert right >= 290


def test_names_tell_what_sets_a_segment_apart():
    model = known()
    names = {s.segment_id: s.name for s in model.segments()}
    by_kind = {kind: names[str(segment)] for kind, segment in ids_of(model).items()}
    assert "many blog pages" in by_kind["reader"]
    assert "many careers pages" in by_kind["applicant"]
    assert "pages" in by_kind["buyer"] or by_kind["buyer"].startswith("large company")
    assert len(set(names.values())) == 3


def test_leads_all_alike_are_one_segment():
    model, _ = learned(["buyer"], 400)
    assert [(s.segment_id, s.name) for s in model.segments()] == [("s1", "like most leads")]


def test_a_replay_gives_the_same_ids_and_the_same_state():
    (one, first), (two, second) = learned(list(KINDS), 700), learned(list(KINDS), 700)
    assert first == second
    assert json.dumps(one.checkpoint()) == json.dumps(two.checkpoint())


def test_fitted_elsewhere_as_soon_as_that_is_due_it_is_the_same():
    by_itself, _ = learned(list(KINDS), 400)
    eager, second, rng, fits = LeadSegments(most_leads=400), dict[str, str | None](), Random(1), 0
    for number in range(400):
        seen(eager, vector(rng, list(KINDS)[number % 3]), f"1/{number}", second)
        fits += eager.is_fit_due
        eager.fit()
        assert not eager.is_fit_due
    by_itself.fit()
    assert fits >= 4
    assert json.dumps(eager.checkpoint()) == json.dumps(by_itself.checkpoint())


def test_a_restored_model_goes_on_to_the_bit():
    whole, _ = learned(list(KINDS), 700)
    stored = json.loads(json.dumps(whole.checkpoint()))
    restored = LeadSegments.restore(stored, most_leads=400)
    assert restored.snapshot() == whole.snapshot()
    for model in (whole, restored):  # past a fit and a search
        learned(list(KINDS), 600, model, seed=2)
    assert json.dumps(whole.checkpoint()) == json.dumps(restored.checkpoint())


def test_ids_stay_while_segments_move_and_a_new_kind_gets_a_new_one():
    model, _ = learned(["reader", "buyer"], 900)
    before = ids_of(model)
    learned(list(KINDS), 1_500, model, seed=2)
    after = ids_of(model)
    assert (after["reader"], after["buyer"]) == (before["reader"], before["buyer"])
    assert after["applicant"] == "s3"


def test_a_segment_that_is_gone_leaves_its_leads_and_outcomes_to_an_heir():
    model, _ = learned(["reader", "buyer"], 900)
    gone = str(ids_of(model)["reader"])
    model.learn_outcome(gone, converted=True)
    leads = sum(s.leads for s in model.segments())
    learned(["buyer"], 3_000, model, seed=2)
    (kept,) = model.segments()
    assert kept.segment_id != gone
    assert (kept.leads, kept.converted) == (leads + 3_000, 1)
    model.learn_outcome(gone, converted=False)
    assert model.segments()[0].conversion_ratio == 0.5


def test_a_lead_is_counted_once_wherever_it_goes():
    model = known()
    rng, ids = Random(5), ids_of(model)
    before = {s.segment_id: s.leads for s in model.segments()}
    segments = {"1/1": ids["buyer"]}
    seen(model, vector(rng, "reader"), "1/1", segments)
    assert segments == {"1/1": ids["reader"]}
    after = {s.segment_id: s.leads for s in model.segments()}
    assert after[str(ids["reader"])] == before[str(ids["reader"])] + 1
    assert after[str(ids["buyer"])] == before[str(ids["buyer"])] - 1
    model.forget_one("1/1")
    model.move_one(ids["reader"], None)
    assert sum(s.leads for s in model.segments()) == sum(before.values()) - 1
    assert "1/1" not in {row["lead"] for row in model.checkpoint()["rows"]}


def test_too_little_known_is_no_segment_and_changes_nothing():
    model = known()
    model.fit()
    before = json.dumps(model.checkpoint())
    few = vector(Random(1), "reader", views=7)
    assert not model.learn_one(few, "1/1")
    assert (model.assign(few), model.assign(few, "s1")) == (None, None)
    assert json.dumps(model.checkpoint()) == before


def test_memory_is_bounded_whatever_senders_think_of():
    model = LeadSegments(most_leads=150)
    for number in range(1_500):
        x: dict[str, float | str] = {"count:page_view": math.log1p(200.0)}
        x |= {f"count:page_view:{number}/{page}": math.log1p(1.0) for page in range(200)}
        x["attribute:industry"] = f"industry {number}"
        model.learn_one(x, lead=str(number))
    state = model.checkpoint()
    assert len(state["rows"]) == 150
    assert max(len(row["words"]) for row in state["rows"]) <= 65
    assert len(json.dumps(model.snapshot())) < 10_000


def test_words_without_end_leave_room_for_fewer_leads():
    model = LeadSegments(SegmentInputs(fewest_events=1))
    for number in range(2_000):
        words = [f"count:page_view:{number}/{page}/{'x' * 150}" for page in range(64)]
        model.learn_one({"count:page_view": 5.0, **dict.fromkeys(words, 0.7)}, str(number))
    assert 100 < len(model.checkpoint()["rows"]) < 200
    assert len(json.dumps(model.checkpoint())) < 3_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": {"count:page_view": math.nan}, "lead": "1"}, "count:page_view is nan"),
        ({"x": {}, "lead": ""}, "lead is ''"),
    ],
)
def test_bad_input_is_refused_and_loses_nothing(arguments, message):
    model = known()
    before = json.dumps(model.checkpoint())
    with pytest.raises(ValueError, match=message):
        model.learn_one(**arguments)
    assert json.dumps(model.checkpoint()) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.update(schema=99),
        lambda state: state.update(learned="many"),
        lambda state: state.update(segment_ids=["s1", "s1", "s2"]),
        lambda state: state.update(issued=1),
        lambda state: state.update(heirs={"s9": "s1"}),
        lambda state: state.update(mixture=None),
        lambda state: state["mixture"]["log_shares"].pop(),
        lambda state: state["mixture"]["words"].pop(),
        lambda state: state["mixture"]["means"][0].append(1.0),
        lambda state: state["rows"].append(state["rows"][0]),
        lambda state: state["inputs"].update(fewest_events=3),
        lambda state: state["rows"][0]["words"].update(x=math.nan),
    ],
)
def test_a_broken_checkpoint_is_refused(damage):
    state = json.loads(stored())
    damage(state)
    with pytest.raises(ModelFormatError):
        LeadSegments.restore(state, most_leads=400)


def test_a_scorer_assigns_as_the_model_does():
    model = known()
    scorer = SegmentScorer.restore(json.loads(json.dumps(model.snapshot())))
    rng, ids = Random(11), ids_of(model)
    for kind in KINDS:
        x = vector(rng, kind)
        assert scorer.assign(x) == model.assign(x) == ids[kind]
        assert scorer.assign(x, former="s99") == ids[kind]
    assert scorer.assign(vector(rng, "buyer", views=20), ids["reader"]) == ids["buyer"]


def test_a_lead_between_two_segments_stays_where_it_was():
    model = known()
    ids = ids_of(model)

    def between(blog: float) -> dict[str, float | str]:
        views = {"count:page_view": 12.0, "count:page_view:blog": blog}
        views["count:page_view:careers"] = 12.0 - blog
        return {name: math.log1p(count) for name, count in views.items()}

    steps = [between(n / 100) for n in range(1_200)]
    from_reader = [model.assign(x, ids["reader"]) == ids["reader"] for x in steps]
    from_applicant = [model.assign(x, ids["applicant"]) == ids["applicant"] for x in steps]
    assert from_reader.count(True) + from_applicant.count(True) > len(steps)  # they overlap
    assert from_reader == sorted(from_reader)
    assert from_applicant == sorted(from_applicant, reverse=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda snapshot: snapshot.update(schema=2),
        lambda snapshot: snapshot["log_weights"].pop(),
        lambda snapshot: snapshot["names"].update(buyer="x"),
        lambda snapshot: next(iter(snapshot["words"].values())).append(0.0),
    ],
)
def test_a_broken_snapshot_is_refused(damage):
    snapshot = json.loads(json.dumps(known().snapshot()))
    damage(snapshot)
    with pytest.raises(ModelFormatError):
        SegmentScorer(snapshot)


def test_parameters_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="most_leads is 3"):
        LeadSegments(most_leads=3)
    with pytest.raises(ValueError, match="mixes is empty"):
        SegmentInputs(mixes=())
    with pytest.raises(ValueError, match="fewest_events is 0"):
        SegmentInputs(fewest_events=0)
