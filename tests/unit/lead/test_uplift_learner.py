"""The learner of uplift: each example once, the same after a crash, checked versions."""

from random import Random
from typing import Any

import orjson
import pytest

from online_models.formats import ModelFormatError
from schemas.learning import ModelSnapshot, PolicyTransition, TrainingExample
from stream.lead.contest import Contest
from stream.lead.learner import decoded_checkpoint
from stream.lead.uplift_learner import KIND, UpliftLearner
from stream.models import UPLIFT, SnapshotStore

AT = "2026-03-01T09:30:00Z"


def examples(count: int, seed: int = 1) -> list[TrainingExample]:
    """Return leads of whom nurturing wakes the new ones and puts off who bought."""
    random, found = Random(seed), []
    for _ in range(count):
        stage, is_treated = random.choice(["new", "bought"]), random.random() < 0.7
        p = {"new": 0.1 + 0.3 * is_treated, "bought": 0.5 - 0.3 * is_treated}[stage]
        found.append(example({"stage": stage}, y=random.random() < p, is_treated=is_treated))
    return found


def example(x: dict[str, Any], **fields: Any) -> TrainingExample:
    known: dict[str, Any] = {
        **{"model": UPLIFT, "x": x, "weight": 1.0, "p_convert": 0.3},
        **{"occurred_at": AT, "labelled_at": AT},
    }
    return TrainingExample(**(known | fields))


def taught(count: int) -> UpliftLearner:
    learner = UpliftLearner()
    for offset, one in enumerate(examples(count)):
        assert learner.learn(one, offset) is not None
    return learner


def checkpoint_of(learner: UpliftLearner, **changed: Any) -> Any:
    body = orjson.loads(learner.checkpoint(champion=KIND).value or b"")
    return decoded_checkpoint(orjson.dumps(body | changed))


def test_versions_are_named_by_the_examples_that_taught_them():
    learner = UpliftLearner()
    assert not learner.has_learned
    first, second = examples(2)
    assert learner.learn(first, 6) is not None
    assert learner.version == "s_learner-7"
    transition = PolicyTransition.model_construct()
    for other in (second.model_copy(update={"model": "p_convert"}), transition):
        assert learner.learn(other, 7) is None
    assert learner.learn(second.model_copy(update={"is_treated": None}), 8) is None
    assert (learner.version, learner.next_offset) == ("s_learner-7", 9)
    assert learner.learn(second, 8) is None, "learned before"
    assert learner.model.learned == 1


def test_what_is_told_of_an_example_was_predicted_before_it():
    learner, same = taught(200), taught(200)
    for offset, one in enumerate(examples(20, seed=2), start=200):
        expected = same.model.predict_uplift_one(one.x).effect
        told = learner.learn(one, offset)
        same.learn(one, offset)
        assert told is not None
        assert told.p == pytest.approx(expected, abs=1e-9)


def test_after_a_crash_it_comes_to_the_same_bits():
    whole = UpliftLearner()
    rows = examples(300)
    for offset, one in enumerate(rows):
        if offset == 200:
            kept = whole.checkpoint(champion=KIND).value
        whole.learn(one, offset)
    again = UpliftLearner()
    again.resume(decoded_checkpoint(kept or b""))
    for offset, one in enumerate(rows):  # all are delivered again
        assert (again.learn(one, offset) is None) == (offset < 200)
    assert again.snapshot() == whole.snapshot()
    assert again.checkpoint() == whole.checkpoint()


def test_a_contest_of_one_goes_on_from_its_record():
    contest = Contest(UPLIFT, [taught(150)], KIND)
    (record,) = contest.checkpoints()
    assert record.key == b"uplift/s_learner"
    again = Contest(UPLIFT, [UpliftLearner()], KIND)
    again.resume(decoded_checkpoint(record.value or b""))
    assert again.checkpoints() == [record]
    assert again.winner() is None


def test_a_checkpoint_that_does_not_fit_is_refused_and_changes_nothing():
    learner, other = taught(60), UpliftLearner()
    whole = orjson.loads(learner.checkpoint().value or b"")["state"]
    for changed in (
        {"examples": 59},
        {"state": whole | {"schema": 0}},
        {"state": whole | {"library": "another"}},
        {"state": whole | {"learner": "t"}},
        {"state": whole | {"arms": [1, 2, 3]}},
        {"state": whole | {"arms": [1, 2, 3, -4]}},
        {"state": {}},
    ):
        with pytest.raises(ModelFormatError):
            other.resume(checkpoint_of(learner, **changed))
    assert not other.has_learned


def test_a_snapshot_serves_what_the_learner_knows():
    learner, store = taught(2_500), SnapshotStore()
    record = learner.snapshot()
    ModelSnapshot.model_validate_json(record.value or b"")
    store.put(record.key.decode(), record.value)
    served = store.uplift(learner.version)
    assert served is not None
    for stage, harmed in (("new", False), ("bought", True)):
        told = served.predict_uplift_one({"stage": stage})
        assert told == learner.model.predict_uplift_one({"stage": stage})
        assert told.do_not_disturb is harmed


def test_a_broken_snapshot_is_not_served():
    learner = taught(60)
    body = orjson.loads(learner.snapshot().value or b"")
    state = body["state"]
    for wrong in (
        {"model": {}},
        {"model": state["model"] | {"library": "numpy 0"}},
        {"arms": [1, 2]},
        {"arms": None},
        {"schema": 1},
        {"library": "another"},
    ):
        store = SnapshotStore()
        store.put(f"{UPLIFT}/{learner.version}", orjson.dumps(body | {"state": state | wrong}))
        assert not store.has(UPLIFT, learner.version)
        assert store.uplift(learner.version) is None


def test_where_nurturing_does_nothing_hardly_a_lead_is_left_alone():
    random, learner = Random(3), UpliftLearner()
    asked = alone = 0
    for offset in range(4_000):
        x = {"score": random.random(), "stage": random.choice(["new", "known", "bought"])}
        y = random.random() < 0.05 + 0.3 * x["score"]
        is_treated = random.random() < 0.9
        if offset % 200 == 199:
            for n in range(30):
                lead = {"score": n / 30, "stage": random.choice(["new", "known", "bought"])}
                asked += 1
                alone += learner.model.predict_uplift_one(lead).do_not_disturb
        learner.learn(example(x, y=y, is_treated=is_treated), offset)
    assert alone / asked < 0.01
