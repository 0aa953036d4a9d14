"""Topic ``personalizer-events``: what was ranked, whether it was shown, what that brought."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.base import Json, Message, Probability, Timestamp

EventId = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""Ids of ranked events and of actions, as long as Azure Personalizer has them."""
Reward = Annotated[float, Field(ge=-1.0, le=1.0)]


class RankedAction(Message):
    """An action that could be taken, and how probable it was; 0 where it was excluded."""

    id: EventId
    features: list[Json]
    probability: Probability


class ActionsRanked(Message):
    """Actions were ranked for somebody.

    ``actions`` stand as they were sent, the house's own first choice first; ``reward_action_id``
    is the one that was taken. ``deferred`` tells that it may not come to be shown. ``learned`` is
    how many rewards the model had learned.
    """

    type: Literal["actions_ranked"] = "actions_ranked"
    event_id: EventId
    occurred_at: Timestamp
    context: list[Json]
    actions: Annotated[list[RankedAction], Field(min_length=1)]
    reward_action_id: EventId
    deferred: bool
    learned: Annotated[int, Field(ge=0)]


class RankActivated(Message):
    """What was ranked with ``deferred`` has come to be shown."""

    type: Literal["rank_activated"] = "rank_activated"
    event_id: EventId
    occurred_at: Timestamp


class RankRewarded(Message):
    """What the action that was taken has brought."""

    type: Literal["rank_rewarded"] = "rank_rewarded"
    event_id: EventId
    occurred_at: Timestamp
    value: Reward
