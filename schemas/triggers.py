"""Topic ``nurture-triggers``: what to do next with a lead."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Currency, Message, Probability, Timestamp
from schemas.scores import Reason, Score, Tier


class Candidate(Message):
    """An action that the policy could have chosen, and with which probability."""

    action: str
    probability: Probability


class ExpectedValue(Message):
    """What a lead is worth within a year.

    That is of a customer its purchases to come, later ones discounted, of another lead
    ``p_convert`` times what a new customer is worth.
    ``alive_probability`` is that the customer has not left for good, ``purchase_probability`` that
    it buys within the year.
    """

    value_minor: int | None
    currency: Currency
    alive_probability: Probability | None = None
    purchase_probability: Probability | None = None


class Shadow(Message):
    """What a policy would have done that is tried in shadow: it was asked, and nothing followed."""

    policy: str
    policy_version: str
    action: str
    candidates: tuple[Candidate, ...]


class NurtureTriggered(Message):
    """A rule fired and the policy chose an action; act before ``expires_at``.

    ``candidates`` are what it chose among, the likeliest first: an action, or ``action:framing``.
    The action ``nothing`` asks for nothing to be done: the policy leaves the lead alone, or the
    lead is in the control group (``is_holdout``). ``text`` names the text or template of the
    framing in the lead's language, where the catalogue has one. ``uplift`` is by how much nurturing
    is expected to raise the lead's probability to convert, as far as that is known: where there are
    more triggers than hands, the largest come first; or by ``expected_value``.
    """

    type: Literal["nurture_triggered"] = "nurture_triggered"
    trigger_id: str
    lead_id: str
    rule: str
    action: str
    channel: str | None = None
    framing: str | None = None
    text: str | None = None
    action_probability: Probability
    candidates: tuple[Candidate, ...]
    policy: str
    policy_version: str
    shadow: Shadow | None = None
    is_holdout: bool
    uplift: Annotated[float, Field(ge=-1, le=1)] | None = None
    expected_value: ExpectedValue | None = None
    score: Score
    tier: Tier
    reasons: tuple[Reason, ...]
    expires_at: Timestamp
    cause_event_id: str
    occurred_at: Timestamp
