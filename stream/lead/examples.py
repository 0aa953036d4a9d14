"""Training examples: a vector that was scored, the label that came later, and its weight."""

from typing import Any, Literal

import orjson

from schemas import topics
from stream.lead.groups import groups_of
from stream.lead.hashing import unit_interval
from stream.lead.house import House
from stream.lead.outputs import Output, rfc3339
from stream.lead.samples import Sample
from stream.lead.state import LeadState

Source = Literal["outcome", "silence", "assumed", "corrected", "feedback"]
"""What a label is taken from (``schemas.learning.TrainingExample``)."""


def example(
    state: LeadState,
    task: str,
    sample: Sample,
    y: bool,
    labelled_s: float,
    weight: float,
    source: Source,
    house: House,
    *,
    is_treated: bool | None = None,
) -> list[Output]:
    """Return the example that a label makes of a vector; none where it is not drawn.

    Where negatives are many, a share of them says as much: each is drawn with the probability
    ``house.negatives_share`` and weighs its inverse (Horvitz and Thompson 1952), so that what is
    learned is the same on average. The draw is seeded by lead, task and time: a replay draws the
    same ones. Verdicts of sales and the comparison of treated with held-out leads (``is_treated``)
    have too few for that.
    """
    is_drawn = source != "feedback" and is_treated is None
    if not y and house.negatives_share < 1.0 and is_drawn:
        if unit_interval(state.lead_id, task, repr(sample.at_s)) >= house.negatives_share:
            return []
        weight /= house.negatives_share
    body: dict[str, Any] = {
        "type": "training_example",
        "model": task,
        "x": sample.x,
        "y": y,
        "weight": weight,
        "p_convert": sample.p_convert,
        "occurred_at": rfc3339(sample.at_s),
        "labelled_at": rfc3339(labelled_s),
        "source": source,
    }
    groups = groups_of(state, house)
    if groups:
        body["groups"] = groups
    if is_treated is not None:
        body["is_treated"] = is_treated
    return [Output(topics.TRAINING_EXAMPLES.name, task.encode(), orjson.dumps(body), [])]
