"""All learn the same examples; the better one takes over, and not by luck."""

import orjson
from decoder_checks import EXAMPLE

from online_models.catalogue import build_model
from stream.lead.contest import Contest
from stream.lead.learner import Learner, decoded, decoded_checkpoint

KINDS = ("bayesian_logistic", "logistic")


class Stubborn:
    """A model that always says the same."""

    def __init__(self, p: float) -> None:
        self.p = p
        self.positives = self.negatives = 0

    def learn_one(self, _x, y, _weight=1.0):
        self.positives += y
        self.negatives += not y

    def predict_proba_one(self, _x):
        return self.p


def contest(champion="bayesian_logistic"):
    return Contest("p_convert", (Learner("p_convert", k, build_model) for k in KINDS), champion)


def between(**says):
    learners = [
        Learner("p_convert", kind, lambda kind, _=None: Stubborn(says[kind])) for kind in says
    ]
    return Contest("p_convert", learners, next(iter(says)))


def teach(one, n, offset=0):
    for k in range(offset, offset + n):
        x = {"last": f"kind {k % 5}", "age": float(k % 7)}
        one.learn(decoded(orjson.dumps(EXAMPLE | {"x": x, "y": k % 5 == 0})), k)


def test_all_learn_the_same_examples_and_predict_each_before_it():
    one = contest()
    first = one.learn(decoded(orjson.dumps(EXAMPLE)), 0)
    assert {kind: of.p for kind, of in first.items()} == dict.fromkeys(KINDS, 0.5)
    teach(one, 20, offset=1)
    assert {c.learner.next_offset for c in one.contestants.values()} == {21}


def test_the_better_challenger_wins_and_begins_anew_as_champion():
    one = between(champion=0.5, sharp=0.25, dull=0.55)
    teach(one, 499)
    assert one.winner() is None, "nobody wins before enough examples"
    teach(one, 500, offset=499)
    assert one.winner() == "sharp"
    one.promote("sharp")
    assert one.learner.kind == "sharp"
    assert one.winner() is None
    teach(one, 2_000, offset=999)
    assert one.winner() is None


def test_it_goes_on_from_its_checkpoints_with_challenges_as_they_stood():
    one, other = contest(), contest()
    teach(one, 30)
    for record in one.checkpoints():
        other.resume(decoded_checkpoint(record.value))
    assert other.next_offset == 30
    for each in (one, other):
        teach(each, 20, offset=30)
    assert [r.value for r in one.checkpoints()] == [r.value for r in other.checkpoints()]


def test_a_challenge_against_a_former_champion_is_not_gone_on_with():
    one, other = contest(), contest(champion="logistic")
    teach(one, 30)
    for record in one.checkpoints():
        other.resume(decoded_checkpoint(record.value))
    assert all(c.challenge.advantage == 0.0 for c in other.contestants.values())


def test_who_learns_anew_is_not_compared_until_it_has_come_up():
    one, other = contest(), contest()
    teach(one, 30)
    for record in one.checkpoints():
        checkpoint = decoded_checkpoint(record.value)
        if checkpoint.kind == "logistic":
            other.resume(checkpoint)
    assert other.next_offset == 0
    teach(other, 30)
    assert other.contestants["logistic"].challenge.checkpoint()[0] == 30
    assert other.contestants["bayesian_logistic"].learner.next_offset == 30
