from random import Random

import orjson
import pytest
from decoder_checks import EXAMPLE

from online_models.catalogue import build_model
from online_models.formats import ModelFormatError
from stream.lead.learner import Learner, decoded, decoded_checkpoint
from stream.models import P_CONVERT


def learner(kind="bayesian_logistic"):
    return Learner(P_CONVERT, kind, build_model)


def restored(checkpoint):
    document = decoded_checkpoint(checkpoint)
    one = Learner(document.model, document.kind, build_model)
    one.resume(document)
    return one


def teach(one, offset=0, **changed):
    return one.learn(decoded(orjson.dumps(EXAMPLE | changed)), offset)


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000,
        orjson.dumps(EXAMPLE | {"x": {"age": None}}), orjson.dumps(EXAMPLE | {"x": []}),
        orjson.dumps(EXAMPLE | {"weight": -1.0}), orjson.dumps(EXAMPLE | {"y": "yes"}),
    ],
)  # fmt: skip
def test_what_is_no_example_is_refused(value):
    with pytest.raises(ValueError, match="no training example"):
        decoded(value)


def test_an_example_is_learned_once_and_only_by_its_own_model():
    one, other = learner(), learner()
    assert teach(one, 4)[:2] == (0.5, [])
    assert teach(one, 4, y=False) is None
    assert teach(one, 5, model="returns_in_day") is None
    assert (one.version, one.next_offset) == ("bayesian_logistic-5", 6)
    teach(other, 4)
    assert one.model.checkpoint() == other.model.checkpoint()
    one.pass_over(6)
    assert (one.version, one.next_offset) == ("bayesian_logistic-5", 7)


def test_a_refusal_tells_no_values():
    secret = orjson.dumps(EXAMPLE | {"x": {"attribute:name": ["Jane"]}})
    with pytest.raises(ValueError, match="no training example") as error:
        decoded(secret)
    assert "Jane" not in str(error.value)


def test_no_example_outweighs_a_million():
    heavy = learner()
    teach(heavy, 0, weight=1e308, x={"count:a": 1e308})
    teach(heavy, 1, weight=1e308, y=False)
    assert b"null" not in orjson.dumps(heavy.model.checkpoint())


@pytest.mark.parametrize("missing", ["state", "next_offset", "model", "kind"])
def test_a_checkpoint_that_lacks_something_is_refused(missing):
    document = orjson.loads(learner().checkpoint().value or b"")
    del document[missing]
    with pytest.raises(ValueError, match=missing):
        restored(orjson.dumps(document))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("means", {"age": "x"}), ("vars", {"age": -1.0}), ("weights", []), ("intercept", None),
        ("squares", {"age": "1"}), ("positives", -1), ("iterations", 0.5),
        ("weights", {"a": 1e200}), ("counts", {"age": 2**63}),
    ],
)  # fmt: skip
def test_a_logistic_checkpoint_with_a_broken_field_names_it(field, value):
    document = orjson.loads(learner("logistic").checkpoint().value or b"")
    document["state"][field] = value
    with pytest.raises(ValueError, match=field):
        restored(orjson.dumps(document))


def test_real_numbers_that_a_checkpoint_has_as_huge_integers_are_written_again():
    learned = learner("logistic")
    teach(learned)
    document = orjson.loads(learned.checkpoint().value or b"")
    document["state"]["vars"]["age"] = 2**64 - 1
    again = restored(orjson.dumps(document))
    teach(again, 1)
    assert orjson.loads(again.checkpoint().value or b"")["state"]["vars"]["age"] > 1e18


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("names", []), ("names", ["age"]), ("names", ["", ""]),
        ("curves", {"age": [1, []]}), ("curves", {"age": [1, [[4, 1.0]]]}),
        ("weights", [0.0, 0.0]), ("weights", ["1"]),
        ("covariance", "AAAA"), ("covariance", "no base64"), ("covariance", "AAAAAAAA+H8="),
        ("alone", {"a": [1.0]}), ("curves", {"age": [1, [[0, -1.0]]]}), ("positives", -1),
        ("curves", {"age": [1, [[10**9, 1.0]]]}), ("calibration", [1.0]),
    ],
)  # fmt: skip
def test_a_bayesian_checkpoint_with_a_broken_field_is_refused(field, value):
    document = orjson.loads(learner().checkpoint().value or b"")
    document["state"][field] = value
    with pytest.raises(ModelFormatError, match=field):
        restored(orjson.dumps(document))


def test_a_checkpoint_of_another_kind_of_model_is_refused():
    document = orjson.loads(learner("logistic").checkpoint().value or b"")
    with pytest.raises(ModelFormatError, match="learned anew"):
        restored(orjson.dumps(document | {"kind": "bayesian_logistic"}))


def test_weights_are_relative_also_after_a_restart():
    def taught(weights, restart_after=None):
        one = learner()
        for offset, weight in enumerate(weights):
            teach(one, offset, weight=weight, y=offset % 3 == 0)
            if offset == restart_after:
                one = restored(one.checkpoint().value)
        return orjson.loads(one.checkpoint().value or b"")["state"]

    weights = [1.0, 4.0, 2.0, 90.0, 1.0, 7.0]
    assert taught(weights) == taught([2 * w for w in weights]) == taught(weights, restart_after=2)
    assert taught(weights) != taught([1.0] * 6)


def test_a_checkpoint_at_an_offset_that_no_log_has_is_refused():
    document = orjson.loads(learner().checkpoint().value or b"") | {"next_offset": 2**63}
    with pytest.raises(ValueError, match="checkpoint is broken"):
        restored(orjson.dumps(document))


def flipping(one, flip_at, examples, *, stop=False):
    """Teach a relation that turns into its opposite; return when a drift of the loss was seen."""
    rng, seen = Random(3), []
    for offset in range(examples):
        wants = rng.random() < 0.5
        odds = 0.9 if wants == (offset < flip_at) else 0.1
        learned = teach(one, offset, x={"last": "demo" if wants else "job"}, y=rng.random() < odds)
        seen += [offset for alert in learned.alerts if alert.what == "loss"]
        if seen and stop:
            break
    return seen


@pytest.mark.parametrize("kind", ["bayesian_logistic", "naive_bayes"])
@pytest.mark.parametrize("on_drift", ["raise_learning_rate", "replace", "tell"])
def test_a_relation_that_turns_is_seen_and_reacted_to(on_drift, kind):
    one = Learner(P_CONVERT, kind, build_model, on_drift)
    (seen,) = flipping(one, 3_000, 4_000)
    assert 3_000 < seen < 3_400
    demo = one.model.predict_proba_one({"last": "demo"})
    assert demo > 0.3 if on_drift == "tell" else demo < 0.3


def test_a_successor_and_what_watches_survive_a_restart():
    one = Learner(P_CONVERT, "bayesian_logistic", build_model, "replace")
    (seen,) = flipping(one, 3_000, 4_000, stop=True)
    document = decoded_checkpoint(one.checkpoint().value)
    assert document.successor is not None
    again = Learner(P_CONVERT, "bayesian_logistic", build_model, "replace")
    again.resume(document)
    for offset in range(seen + 1, seen + 150):
        for each in (one, again):
            teach(each, offset, x={"last": "demo"}, y=offset % 9 == 0)
    assert again.checkpoint() == one.checkpoint()


def test_a_verdict_of_sales_is_learned_and_says_nothing_of_drift():
    one = learner()
    before = one.checkpoint(), one.model.predict_proba_one({"last": "demo"})
    assert teach(one, 0, x={"last": "demo"}, source="feedback").alerts == []
    assert one.model.predict_proba_one({"last": "demo"}) > before[1]
    drift = [orjson.loads(c.value)["drift"] for c in (before[0], one.checkpoint())]
    assert drift[0] == drift[1]
