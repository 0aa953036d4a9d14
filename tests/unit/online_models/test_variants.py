import math
from random import Random

import pytest

from online_models.formats import ModelFormatError
from online_models.laplace import expit
from online_models.paired_facts import facts_in, information, pairs_in
from online_models.variants import (
    MAX_COUNTED_FACTS,
    HashedInputs,
    HashedLogisticRegression,
    HashedScorer,
    PairedLogisticRegression,
    PairedScorer,
)

PAGES = ["demo", "careers", "pricing"]


def hashed(n=600, buckets=2**14):
    model, rng = HashedLogisticRegression(max_features=buckets), Random(0)
    for _ in range(n):
        page = rng.choice(PAGES)
        y = rng.random() < (0.8 if page == "demo" else 0.2)
        model.learn_one({"page": page, "age": rng.uniform(0.0, 5.0), "count:open": 1.0}, y)
    return model


@pytest.mark.parametrize("buckets", [2**14, 8])
def test_hashed_inputs_are_told_by_their_own_names_even_where_they_share_buckets(buckets):
    model = hashed(buckets=buckets)
    scorer = HashedScorer("p_convert", "1", model.snapshot())
    x = {"page": "demo", "age": 3.3, "count:open": 1.0}
    intercept, told, _ = scorer.explain_one(x)
    assert set(told) == {"page=demo", "age", "count:open"}
    p = model.predict_proba_one(x)
    assert expit(intercept + math.fsum(told.values())) == pytest.approx(p, abs=1e-12)


def test_with_room_enough_a_hash_loses_nothing():
    model = hashed()
    assert model.predict_proba_one({"page": "demo", "age": 2.0}) > 0.65
    assert model.predict_proba_one({"page": "careers", "age": 2.0}) < 0.35


def test_what_comes_late_is_still_learned_when_ids_have_filled_the_memory():
    model = HashedLogisticRegression(max_features=64)
    for n in range(500):
        model.learn_one({"id": f"visitor {n}"}, n % 2 == 0)
    for _ in range(200):
        model.learn_one({"page": "demo"}, True)
        model.learn_one({"page": "careers"}, False)
    assert model.predict_proba_one({"page": "demo"}) > 0.8
    assert model.predict_proba_one({"page": "careers"}) < 0.2
    assert len(model.snapshot()["weights"]) <= 64


def test_a_hash_is_the_same_in_every_process_and_on_every_machine():
    x = {"a": "x", "n": 2.5, "count:c": 1.0}
    assert [(bucket, value) for _, bucket, value in HashedInputs(2**14).of(x)] == [
        (4821, -1.0),
        (2473, -0.5),
        (3526, 0.5),
        (3782, -1.0),
    ]


def test_a_checkpoint_brings_its_buckets_along():
    model = hashed(100, buckets=32)
    restored = HashedLogisticRegression.restore(model.checkpoint())
    restored.learn_one({"page": "demo"}, True)
    model.learn_one({"page": "demo"}, True)
    assert restored.checkpoint() == model.checkpoint()


@pytest.mark.parametrize("buckets", [0, -1, 2**40, None, "64"])
def test_buckets_that_would_fill_the_memory_are_refused(buckets):
    model = hashed(5)
    with pytest.raises(ModelFormatError, match="buckets"):
        HashedScorer("p_convert", "1", model.snapshot() | {"buckets": buckets})
    with pytest.raises(ModelFormatError, match="buckets"):
        HashedLogisticRegression.restore(model.checkpoint() | {"buckets": buckets})


def test_a_checkpoint_of_anything_but_buckets_is_refused():
    checkpoint = hashed(5).checkpoint()
    checkpoint["model"]["weights"]["page=demo"] = 1.0
    with pytest.raises(ModelFormatError, match="buckets"):
        HashedLogisticRegression.restore(checkpoint)


def together(n, seed=0):
    """Yield leads that convert if exactly one of two facts holds, a little more for one."""
    rng = Random(seed)
    for _ in range(n):
        x = {"stage": rng.choice(["lead", "demo"]), "size": rng.choice(["small", "large"])}
        if rng.random() < 0.5:
            x["count:open"] = 1.0
        one = (x["stage"] == "demo") != ("count:open" in x)
        yield x, rng.random() < 0.1 + 0.7 * one + 0.1 * (x["stage"] == "demo")


def paired(n=1_000, **parameters):
    model = PairedLogisticRegression(**({"choose_after": 400} | parameters))
    for x, y in together(n):
        model.learn_one(x, y)
    return model


def test_pairs_tell_what_no_sum_of_facts_can():
    model, sums = paired(), paired(max_facts=0)

    def loss(of):
        ps = [(of.predict_proba_one(x), y) for x, y in together(500, seed=1)]
        return -sum(math.log(p if y else 1.0 - p) for p, y in ps) / len(ps)

    assert loss(model) < loss(sums) - 0.1


def test_a_pair_is_told_under_both_names():
    model = paired()
    x = {"stage": "demo", "size": "small", "count:open": 1.0}
    scorer = PairedScorer("p_convert", "1", model.snapshot(), lambda name: name.upper())
    intercept, told, _ = scorer.explain_one(x)
    pairs = {name for name in told if " x " in name}
    assert pairs
    assert all(
        set(name.split(" x ")) <= {"STAGE=DEMO", "SIZE=SMALL", "COUNT:OPEN"} for name in pairs
    )
    assert {"STAGE=DEMO", "SIZE=SMALL", "COUNT:OPEN"} <= set(told)
    p = model.predict_proba_one(x)
    assert expit(intercept + math.fsum(told.values())) == pytest.approx(p, abs=1e-12)


def test_pairs_are_of_the_facts_that_tell_most_and_are_chosen_once():
    model, rng = PairedLogisticRegression(max_facts=2, choose_after=300), Random(0)
    chosen = []
    for n in range(400):
        y = rng.random() < 0.5
        good = "yes" if rng.random() < (0.9 if y else 0.1) else "no"
        model.learn_one({"good": good, "noise": rng.choice("ab"), "id": str(n % 50)}, y)
        if n in (298, 299, 399):
            chosen.append(sorted(model.checkpoint()["paired"]))
    assert chosen == [[], ["good=no", "good=yes"], ["good=no", "good=yes"]]
    assert model.checkpoint()["counts"] == {}


def test_facts_are_counted_up_to_a_bound():
    model = PairedLogisticRegression(choose_after=10_000)
    for n in range(30):
        model.learn_one({f"field {k}": str(n) for k in range(100)}, n % 2 == 0)
    assert len(model.checkpoint()["counts"]) == MAX_COUNTED_FACTS


def test_it_goes_on_from_a_checkpoint_made_before_pairs_were_chosen():
    model = paired(200)
    restored = PairedLogisticRegression.restore(model.checkpoint(), choose_after=400)
    for x, y in together(400, seed=3):
        model.learn_one(x, y)
        restored.learn_one(x, y)
    assert restored.checkpoint() == model.checkpoint()
    assert model.checkpoint()["paired"]


def test_facts_hold_or_do_not():
    x = {"stage": "demo", "count:open": 2.0, "count:click": 0.0, "count_7d:open": 1.0, "age": 1.0}
    assert facts_in(x) == ["stage=demo", "count:open"]
    assert pairs_in(x, ["count:open", "stage=lead", "stage=demo"]) == {
        "count:count:open x stage=demo": 1.0
    }
    assert pairs_in({}, ["a", "b"]) == {}


def test_information_is_what_knowing_the_fact_saves():
    assert information([50.0, 0.0], [50.0, 50.0]) == pytest.approx(math.log(2.0))
    assert information([30.0, 60.0], [100.0, 200.0]) == pytest.approx(0.0, abs=1e-12)
    assert information([0.0, 10.0], [100.0, 100.0]) == 0.0  # too few to say
    assert information([100.0, 90.0], [100.0, 100.0]) == 0.0  # nearly all


@pytest.mark.parametrize(
    "broken", [{"paired": ["f"] * 65}, {"paired": [1]}, {"model": None}, {"model": {"schema": 2}}]
)
def test_a_broken_snapshot_of_pairs_is_refused(broken):
    with pytest.raises(ModelFormatError):
        PairedScorer("p_convert", "1", paired(20).snapshot() | broken)
