"""What goes out when a lead is in another segment."""

from typing import Any, NamedTuple

from online_models.segment_scorer import SegmentScorer
from schemas import topics
from stream.lead.hashing import stable_id
from stream.lead.outputs import Output, cloud_event, rfc3339
from stream.lead.state import LeadState

LEARNED, BY_RULE = "learned", "rule"
KINDS = frozenset({LEARNED, BY_RULE})


class SegmentsInUse(NamedTuple):
    """The version of learned segments that serves, and what assigns leads by it."""

    version: str
    scorer: SegmentScorer


def segment_changed(
    state: LeadState,
    kind: str,
    segment: str | None,
    former: str | None,
    cause: tuple[str, float],
    name: str | None = None,
    version: str | None = None,
) -> Output:
    """Return the record of a lead's change of segment; ``kind`` is how segments came about.

    Parameters
    ----------
    cause
        The id of the event that this answers, and its time.
    name
        What sets the segment's leads apart.
    version
        Of the model, where segments are learned.
    """
    event_id, at_s = cause
    body: dict[str, Any] = {
        "type": "segment_changed",
        "lead_id": state.lead_id,
        "kind": kind,
        "segment": segment,
        "previous_segment": former,
        "name": name,
        "model_version": version,
        "cause_event_id": event_id,
        "occurred_at": rfc3339(at_s),
    }
    ce_id = stable_id("segment_changed", event_id, state.lead_id, kind, segment or former or "")
    return cloud_event(topics.LEAD_SCORES, state.lead_id, ce_id, body, kind)
