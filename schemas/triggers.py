"""Topic ``nurture-triggers``: what to do next with a lead."""

from typing import Literal

from schemas.base import Message, Probability, Timestamp
from schemas.scores import Reason, Score, Tier


class Candidate(Message):
    """An action that the policy could have chosen, and with which probability."""

    action: str
    probability: Probability


class NurtureTriggered(Message):
    """A rule fired and the policy chose an action; act before ``expires_at``."""

    type: Literal["nurture_triggered"] = "nurture_triggered"
    trigger_id: str
    lead_id: str
    rule: str
    action: str
    framing: str | None = None
    action_probability: Probability
    candidates: tuple[Candidate, ...]
    policy: str
    policy_version: str
    is_holdout: bool
    score: Score
    tier: Tier
    reasons: tuple[Reason, ...]
    expires_at: Timestamp
    cause_event_id: str
    occurred_at: Timestamp
