"""Topics of learning: ``training-examples``, ``model-snapshots``, ``model-checkpoints``."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Identifier, Message, Probability, Timestamp
from schemas.events import JsonObject
from schemas.triggers import Candidate, Shadow

FeatureValue = float | str
Number = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TrainingExample(Message):
    """A vector that a lead was scored with, and the label that came later.

    ``weight`` is how many scored vectors it stands for. ``p_convert`` is what was predicted at the
    time, so that every reported loss is of a prediction made before its label was known. Whose
    vector it is is not said, since nothing needs to know; ``x`` holds attributes of the profile all
    the same. ``groups`` are the lead's by attribute, of the attributes that the operator has named
    to compare groups by, or to keep out of ``x``.

    ``model`` names the task (``stream.lead.labels.TASKS``), and ``p_convert`` is what that task's
    model predicted. ``source`` is what the label is taken from: what happened (``outcome``), or
    that nothing did to the end of the horizon (``silence``); that nothing has happened yet
    (``assumed``), and that it did in the end (``corrected``); or a verdict of sales (``feedback``).

    Examples of ``uplift`` say whether the lead was treated (``is_treated``) or held out;
    their ``x`` is of the first decision on the lead.
    """

    type: Literal["training_example"] = "training_example"
    model: str
    x: dict[str, FeatureValue]
    y: bool
    weight: Annotated[float, Field(gt=0)]
    p_convert: Probability
    occurred_at: Timestamp
    labelled_at: Timestamp
    groups: dict[str, Identifier] = Field(default_factory=dict)
    source: Literal["outcome", "silence", "assumed", "corrected", "feedback"] = "outcome"
    is_treated: bool | None = None


class NextDecision(Message):
    """The lead's next decision, for policies that look ahead; ``reward`` is what came before it."""

    x: dict[str, FeatureValue]
    candidates: tuple[str, ...]
    reward: Number
    occurred_at: Timestamp


class PolicyTransition(Message):
    """What a policy knew of a lead, what it did, and what came of it.

    Whose it is is not said. ``model`` is the task, ``next_action``. ``reward`` is what the lead
    earned within the reward's horizon, discounted; ``rewarded_at`` is when that was known.
    ``is_holdout`` decisions were not the policy's: the lead is in the control group.
    ``shadow`` is what another policy would have done.
    """

    type: Literal["policy_transition"] = "policy_transition"
    model: str
    rule: str
    x: dict[str, FeatureValue]
    action: str
    action_probability: Annotated[float, Field(gt=0, le=1)]
    candidates: tuple[Candidate, ...]
    reward: Number
    next: NextDecision | None = None
    is_holdout: bool
    policy: str
    policy_version: str
    shadow: Shadow | None = None
    occurred_at: Timestamp
    rewarded_at: Timestamp


class ModelSnapshot(Message):
    """What a scorer needs of one version: data, never code."""

    type: Literal["model_snapshot"] = "model_snapshot"
    model: str
    version: str
    snapshot_schema: int
    library: str
    examples: int
    positives: int
    state: JsonObject


class Champion(Message):
    """Which kind of a model's contestants serves (key ``name/champion``).

    One decided by ``command`` stands until it is released; the ``rule`` leaves it alone.
    """

    type: Literal["champion"] = "champion"
    model: str
    kind: str
    decided_by: Literal["rule", "command"]


class ServingVersion(Message):
    """Which version of a model serves (key ``name/serving``) or is pinned (``name/pin``)."""

    type: Literal["serving_version"] = "serving_version"
    model: str
    version: str


class ModelCheckpoint(Message):
    """The learner's whole state, and the offset of ``training-examples`` that comes next.

    ``weight_sum`` is the sum of the weights of all ``examples`` learned: weights are relative.
    ``version_offset`` comes after the last example that taught it. ``champion`` and ``challenge``
    are how it stands against which kind: examples, mean and sum of squares of the differences.
    ``drift`` is what watches it, ``successor`` what learns anew beside it since a drift was seen.
    """

    type: Literal["model_checkpoint"] = "model_checkpoint"
    model: str
    next_offset: Annotated[int, Field(ge=0, lt=2**63)]
    weight_sum: NotNegative
    examples: Annotated[int, Field(ge=0, lt=2**63)]
    kind: str
    version_offset: Annotated[int, Field(ge=0, lt=2**63)]
    champion: str | None = None
    challenge: tuple[NotNegative, Number, NotNegative] | None = None
    drift: JsonObject | None = None
    successor: JsonObject | None = None
    checkpoint_schema: int
    library: str
    state: JsonObject
