"""What the learner does with the comparison of treated and held-out leads: one S-learner learns it.

It stands in a contest of one (``stream.lead.contest``), so versions, snapshots and checkpoints are
those of every model. An S-learner, since the control group is small: what both arms share is
learned of all leads, and effects are shrunk towards none. Simulated, with a tenth held out: where
nurturing changed nothing, fewer than one lead in a hundred was left alone (a T-learner: two);
where it cut the odds of a quarter of the leads to a third, 20,000 leads showed six of ten of them.
"""

from typing import Any

from online_models.formats import LARGEST_WEIGHT, ModelFormatError
from online_models.uplift import SLearner
from online_models.uplift_parts import LIBRARY, SCHEMA
from schemas import topics
from schemas.learning import ModelCheckpoint, TrainingExample
from stream.lead.enrolment import TASK
from stream.lead.learner import Decoded, Learned, record
from stream.lead.outputs import Output
from stream.lead.versions import version_of

KIND = "s_learner"
"""What learns uplift, by the name that its versions go by."""


class UpliftLearner:
    """A learner of uplift, and the offset of ``training-examples`` that it learns next."""

    name = TASK
    kind = KIND

    def __init__(self) -> None:
        self.model = SLearner()
        self.next_offset = 0
        self._version_offset = 0
        self._weight_sum = 0.0

    @property
    def version(self) -> str:
        """Name what has been learned so far."""
        return version_of(self.kind, self._version_offset)

    @property
    def has_learned(self) -> bool:
        """Whether there is anything to publish."""
        return self.model.learned > 0

    def learn(self, example: Decoded, offset: int) -> Learned | None:
        """Learn from one lead; return the effect that had been predicted of it just before.

        One that was learned before, or is of another model, is passed over: None.
        """
        if offset < self.next_offset:
            return None
        self.pass_over(offset)
        if not isinstance(example, TrainingExample) or example.model != self.name:
            return None
        if example.is_treated is None:
            return None  # nothing is known of what it would be compared with
        effect = self.model.predict_effect_one(example.x)
        weight = min(example.weight, LARGEST_WEIGHT)
        self.model.learn_one(example.x, example.is_treated, example.y, weight=weight)
        self._version_offset = offset + 1
        self._weight_sum += weight
        return Learned(effect, [])

    def pass_over(self, offset: int) -> None:
        """Count a record as done that taught nothing."""
        self.next_offset = max(self.next_offset, offset + 1)

    def resume(self, checkpoint: ModelCheckpoint) -> None:
        """Go on from a checkpoint; raises ValueError if it does not fit this release."""
        model = SLearner.restore(dict(checkpoint.state))
        if model.learned != checkpoint.examples:
            raise ModelFormatError(
                f"the checkpoint is of {checkpoint.examples} examples, its model of "
                f"{model.learned}: see who wrote it"
            )
        self.model = model
        self.next_offset = checkpoint.next_offset
        self._version_offset = checkpoint.version_offset
        self._weight_sum = checkpoint.weight_sum

    def snapshot(self) -> Output:
        """Return the record that publishes this version."""
        body = {
            "type": "model_snapshot",
            "model": self.name,
            "version": self.version,
            "snapshot_schema": SCHEMA,
            "library": LIBRARY,
            "examples": self.model.learned,
            "positives": self.model.converted,
            "state": self.model.snapshot(),
        }
        return record(topics.MODEL_SNAPSHOTS, f"{self.name}/{self.version}", body)

    def checkpoint(self, **standing: Any) -> Output:
        """Return the record that a restart goes on from; ``standing`` is that in its contest."""
        body = {
            "type": "model_checkpoint",
            "model": self.name,
            "kind": self.kind,
            "next_offset": self.next_offset,
            "version_offset": self._version_offset,
            "weight_sum": self._weight_sum,
            "examples": self.model.learned,
            "checkpoint_schema": SCHEMA,
            "library": LIBRARY,
            "state": self.model.checkpoint(),
            **standing,
        }
        return record(topics.MODEL_CHECKPOINTS, f"{self.name}/{self.kind}", body)
