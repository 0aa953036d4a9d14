import pytest

from online_models.formats import ModelFormatError
from online_models.linear_scorer import LinearScorer

SNAPSHOT = {
    "schema": 1, "positives": 3, "negatives": 4, "intercept": -1.0,
    "numeric": {"age": [2.0, 10.0, 0.5]}, "plain": {"last=open": 0.25, "count:open": 0.5},
}  # fmt: skip


def explained(x):
    return LinearScorer("p_convert", "7", SNAPSHOT).explain_one(x)[:2]


def test_contributions_are_weight_times_value():
    assert explained({"age": 12.0, "last": "open", "count:open": 3.0}) == (
        -1.0, {"age": 2.0, "last=open": 0.25, "count:open": 1.5},
    )  # fmt: skip


def test_what_the_model_does_not_know_adds_nothing():
    assert explained({"last": "never", "unknown": 3.0, "last=open": "x", "age": "old"}) == (
        -1.0,
        {},
    )


@pytest.mark.parametrize(("age", "contribution"), [(1e300, 10.0), (-1e300, -10.0)])
def test_values_are_clipped_as_the_learner_does(age, contribution):
    assert explained({"age": age})[1] == {"age": contribution}


def test_it_says_which_version_it_is():
    scorer = LinearScorer("p_convert", "7", SNAPSHOT)
    assert (scorer.model, scorer.version, scorer.positives, scorer.negatives) == (
        "p_convert", "7", 3, 4,
    )  # fmt: skip


@pytest.mark.parametrize("schema", [0, 3, None, "1"])
def test_a_snapshot_of_another_schema_is_refused(schema):
    with pytest.raises(ModelFormatError, match="p_convert/7"):
        LinearScorer("p_convert", "7", SNAPSHOT | {"schema": schema})
