import math
from functools import partial
from random import Random

import pytest

from online_models.ensemble import MEMBERS, SUREST, Ensemble, Member, PooledScorer
from online_models.formats import ModelFormatError
from online_models.laplace import expit


class Fixed:
    """A member that always says the same."""

    positives = negatives = 0

    def __init__(self, log_odds):
        self.log_odds = log_odds

    def learn_one(self, x, y, weight=1.0):
        pass

    def predict_proba_one(self, _x):
        return 1.0 / (1.0 + math.exp(-self.log_odds))


def pool(*log_odds, **parameters):
    model = Ensemble(**parameters)
    model._members = {str(n): Fixed(m) for n, m in enumerate(log_odds)}
    model._shares = dict.fromkeys(model._members, 1.0 / len(log_odds))
    return model


def visits(n, seed=0):
    rng = Random(seed)
    for _ in range(n):
        x = {"last": rng.choice(["demo", "careers"]), "age": rng.uniform(0.0, 6.0)}
        yield x, rng.random() < expit(2.0 * (x["last"] == "demo") - 1.5 + math.cos(x["age"]))


def taught(n=150):
    model = Ensemble()
    for x, y in visits(n):
        model.learn_one(x, y)
    return model


def test_shares_follow_hedge_exactly_where_nothing_is_shared_or_fades():
    model = pool(1.0, -1.0, learning_rate=0.5, memory=math.inf, share=0.0)
    for y in (True, True, False):
        model.learn_one({}, y)
    right, wrong = -math.log(expit(1.0)), -math.log(expit(-1.0))
    losses = [2 * right + wrong, 2 * wrong + right]
    powers = [math.exp(-0.5 * loss) for loss in losses]
    assert list(model.shares.values()) == pytest.approx([p / sum(powers) for p in powers])


def test_log_odds_are_pooled_by_shares():
    model = pool(2.0, -1.0)
    model._shares = {"0": 0.75, "1": 0.25}
    assert model.predict_proba_one({}) == pytest.approx(expit(0.75 * 2.0 - 0.25))


def test_who_becomes_best_is_followed_soon():
    model = pool(2.0, -2.0)
    for _ in range(2_000):
        model.learn_one({}, True)
    assert model.shares["0"] > 0.95
    for _ in range(40):
        model.learn_one({}, False)
    assert model.shares["1"] > 0.95


def test_without_sharing_it_is_not():
    model = pool(2.0, -2.0, share=0.0, memory=math.inf)
    for _ in range(1_000):
        model.learn_one({}, True)
    for _ in range(40):
        model.learn_one({}, False)
    assert model.shares["1"] < 0.05


def test_shares_stay_shares_whatever_an_example_weighs():
    model = pool(30.0, -30.0, 0.0)
    for n in range(100):
        model.learn_one({}, n % 3 == 0, 1e300)
        assert math.fsum(model.shares.values()) == pytest.approx(1.0)
        assert min(model.shares.values()) > 0.0


def test_its_loss_is_never_more_than_the_mean_of_its_members():
    model = taught()
    for x, y in visits(50, seed=1):

        def loss(of, x=x, y=y):
            p = of.predict_proba_one(x)
            return -math.log(p if y else 1.0 - p)

        mean = sum(model.shares[kind] * loss(member) for kind, member in model._members.items())
        assert loss(model) <= mean + 1e-12


def test_a_member_that_is_too_sure_is_held_back():
    model = pool(36.0, -1.0)
    assert model.predict_proba_one({}) == pytest.approx(expit(SUREST / 2 - 0.5), abs=1e-9)


def test_reasons_are_those_of_the_members_by_their_shares(monkeypatch):
    class Scorer:
        positives = negatives = 0

        def __init__(self, told, variance):
            self.told, self.variance = told, variance

        def explain_one(self, _x):
            return 1.0, self.told, self.variance

    scorers = [
        Scorer({"a": 2.0}, 0.0),
        Scorer({"a": 1.0, "b": -1.0}, 4.0),
        Scorer({"b": 99.0}, 9.0),
    ]
    snapshot = Ensemble().snapshot()
    for share, member in zip((0.5, 0.25, 0.25), snapshot["members"].values(), strict=True):
        member["share"] = share
    members = {
        kind: Member(None, None, lambda *_, scorer=scorer: scorer)
        for kind, scorer in zip(MEMBERS, scorers, strict=True)
    }
    monkeypatch.setattr("online_models.ensemble.MEMBERS", members)
    intercept, told, variance = PooledScorer("p_convert", "1", snapshot).explain_one({})
    held_back = SUREST / 100.0
    assert intercept == pytest.approx(0.75 + 0.25 * held_back)
    assert told == pytest.approx({"a": 1.25, "b": -0.25 + 0.25 * 99.0 * held_back})
    assert variance == pytest.approx(2.5**2)  # of the two that tell it


def test_its_members_serve_from_one_snapshot():
    model = taught()
    scorer = PooledScorer("p_convert", "1", model.snapshot(), lambda name: name.partition("=")[0])
    x = {"last": "demo", "age": 2.5}
    intercept, told, _ = scorer.explain_one(x)
    assert set(told) == {"last", "age"}
    p = model.predict_proba_one(x)
    assert expit(intercept + math.fsum(told.values())) == pytest.approx(p, abs=1e-9)


def _without(document, kind):
    return {k: v for k, v in document["members"].items() if k != kind}


@pytest.mark.parametrize("form", ["snapshot", "checkpoint"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d | {"members": {}},
        lambda d: d | {"members": _without(d, "logistic")},
        lambda d: d | {"members": d["members"] | {"other": {"share": 0.1, "model": {}}}},
        lambda d: d | {"members": {k: m | {"share": 0.9} for k, m in d["members"].items()}},
        lambda d: d | {"members": {k: m | {"share": 0.0} for k, m in d["members"].items()}},
        lambda d: d | {"members": {k: m | {"model": {}} for k, m in d["members"].items()}},
        lambda d: d | {"members": 7},
    ],
)
def test_a_broken_state_is_refused(form, spoil):
    model = Ensemble()
    spoiled = spoil(getattr(model, form)())
    read = Ensemble.restore if form == "checkpoint" else partial(PooledScorer, "p_convert", "1")
    with pytest.raises(ModelFormatError):
        read(spoiled)
