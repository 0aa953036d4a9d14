from functools import partial

import orjson
import pytest
from decoder_checks import EXAMPLE

from online_models.formats import ModelFormatError
from stream.lead.learner import Learner
from stream.models import P_CONVERT, build_model

build_logistic = partial(build_model, kind="logistic")


def learner(build=build_model):
    return Learner(P_CONVERT, build(None))


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000,
        orjson.dumps(EXAMPLE | {"x": {"age": None}}), orjson.dumps(EXAMPLE | {"x": []}),
        orjson.dumps(EXAMPLE | {"weight": -1.0}), orjson.dumps(EXAMPLE | {"y": "yes"}),
    ],
)  # fmt: skip
def test_what_is_no_example_is_refused_once_and_teaches_nothing(value):
    one, other = learner(), learner()
    with pytest.raises(ValueError, match="no training example"):
        one.learn(value, 0)
    assert one.learn(value, 0) is None
    for each in (one, other):
        each.learn(orjson.dumps(EXAMPLE), 1)
    assert one.checkpoint() == other.checkpoint()


def test_a_refusal_tells_no_values():
    secret = orjson.dumps(EXAMPLE | {"x": {"attribute:name": ["Jane"]}})
    with pytest.raises(ValueError, match="no training example") as error:
        learner().learn(secret, 0)
    assert "Jane" not in str(error.value)


def test_no_example_outweighs_a_million():
    heavy = learner()
    heavy.learn(orjson.dumps(EXAMPLE | {"weight": 1e308, "x": {"count:a": 1e308}}), 0)
    heavy.learn(orjson.dumps(EXAMPLE | {"weight": 1e308, "y": False}), 1)
    assert b"null" not in (heavy.checkpoint().value or b"")


@pytest.mark.parametrize("missing", ["state", "next_offset", "model"])
def test_a_checkpoint_that_lacks_something_is_refused(missing):
    document = orjson.loads(learner().checkpoint().value or b"")
    del document[missing]
    with pytest.raises(ValueError, match=missing):
        Learner.restore(P_CONVERT, orjson.dumps(document), build_model)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("means", {"age": "x"}), ("vars", {"age": -1.0}), ("weights", []), ("intercept", None),
        ("squares", {"age": "1"}), ("positives", -1), ("iterations", 0.5),
        ("weights", {"a": 1e200}), ("counts", {"age": 2**63}),
    ],
)  # fmt: skip
def test_a_logistic_checkpoint_with_a_broken_field_names_it(field, value):
    document = orjson.loads(learner(build_logistic).checkpoint().value or b"")
    document["state"][field] = value
    with pytest.raises(ValueError, match=field):
        Learner.restore(P_CONVERT, orjson.dumps(document), build_logistic)


def test_real_numbers_that_a_checkpoint_has_as_huge_integers_are_written_again():
    learned = learner(build_logistic)
    learned.learn(orjson.dumps(EXAMPLE), 0)
    document = orjson.loads(learned.checkpoint().value or b"")
    document["state"]["vars"]["age"] = 2**64 - 1
    restored = Learner.restore(P_CONVERT, orjson.dumps(document), build_logistic)
    restored.learn(orjson.dumps(EXAMPLE), 1)
    assert orjson.loads(restored.checkpoint().value or b"")["state"]["vars"]["age"] > 1e18


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("names", []), ("names", ["age"]), ("names", ["", ""]),
        ("curves", {"age": [1, []]}), ("weights", [0.0, 0.0]), ("weights", ["1"]),
        ("covariance", "AAAA"), ("covariance", "no base64"), ("covariance", "AAAAAAAA+H8="),
        ("alone", {"a": [1.0]}), ("curves", {"age": [1, [[0, -1.0]]]}), ("positives", -1),
        ("curves", {"age": [1, [[10**9, 1.0]]]}), ("calibration", [1.0]),
    ],
)  # fmt: skip
def test_a_bayesian_checkpoint_with_a_broken_field_is_refused(field, value):
    document = orjson.loads(learner().checkpoint().value or b"")
    document["state"][field] = value
    with pytest.raises(ModelFormatError, match=field):
        Learner.restore(P_CONVERT, orjson.dumps(document), build_model)


def test_a_checkpoint_of_another_kind_of_model_is_refused():
    checkpoint = learner(build_logistic).checkpoint().value
    with pytest.raises(ModelFormatError, match="learned anew"):
        Learner.restore(P_CONVERT, checkpoint, build_model)


def test_weights_are_relative_also_after_a_restart():
    def taught(weights, restart_after=None):
        one = learner()
        for offset, weight in enumerate(weights):
            one.learn(orjson.dumps(EXAMPLE | {"weight": weight, "y": offset % 3 == 0}), offset)
            if offset == restart_after:
                one = Learner.restore(P_CONVERT, one.checkpoint().value, build_model)
        return orjson.loads(one.checkpoint().value or b"")["state"]

    weights = [1.0, 4.0, 2.0, 90.0, 1.0, 7.0]
    assert taught(weights) == taught([2 * w for w in weights]) == taught(weights, restart_after=2)
    assert taught(weights) != taught([1.0] * 6)


def test_a_checkpoint_at_an_offset_that_no_log_has_is_refused():
    document = orjson.loads(learner().checkpoint().value or b"") | {"next_offset": 2**63}
    with pytest.raises(ValueError, match="checkpoint is broken"):
        Learner.restore(P_CONVERT, orjson.dumps(document), build_model)
