"""What is ranked, and what is learned of it: a fold of the topic ``personalizer-events``."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from online_models.policy.protocol import Choice
from online_models.policy.square_cb import SquareCB
from schemas.personalizer import ActionsRanked, RankActivated, RankedAction, RankRewarded
from stream.lead.outputs import rfc3339
from stream.personalizer.features import features_of
from stream.personalizer.requests import Asked, action_features, digest_of, refused

Aggregation = Literal["earliest", "sum"]
Event = ActionsRanked | RankActivated | RankRewarded


@dataclass(frozen=True, slots=True)
class Terms:
    """How rewards are waited for.

    Parameters
    ----------
    wait_s
        Seconds after an event was shown in which its rewards count; as long may it take to come
        to be shown.
    default_reward
        Of what is not rewarded in time.
    aggregation
        Which rewards of an event count: the earliest, or their sum, from -1 to 1.
    """

    wait_s: float = 600.0
    default_reward: float = 0.0
    aggregation: Aggregation = "earliest"


@dataclass(slots=True)
class _Open:
    """An event whose rewards are waited for; ``taken`` are the features of the action taken."""

    deadline_s: float
    digest: bytes
    answer: dict[str, Any]
    context: list[Any]
    taken: list[Any]
    is_shown: bool
    reward: float | None = None


class Personalizer:
    """Ranks, and learns what that brought once all of an event's rewards are in.

    An event teaches when its time is over, rewarded or not: what is rewarded early would count
    for more otherwise. Times are those in the records, so that all who read the topic learn the
    same.

    Parameters
    ----------
    policy
        Chooses among actions, and learns.
    terms
        How rewards are waited for.
    on_outcome
        Called with what became of each reward and of each event.
    """

    def __init__(
        self, policy: SquareCB, terms: Terms, on_outcome: Callable[[str], None] = lambda _: None
    ) -> None:
        self._policy = policy
        self._terms = terms
        self._on_outcome = on_outcome
        self._open: dict[str, _Open] = {}
        self._deadlines: list[tuple[float, str]] = []

    @property
    def pending(self) -> int:
        """How many events wait for rewards."""
        return len(self._open)

    @property
    def learned(self) -> int:
        """How many rewards were learned."""
        return self._policy.learned

    def known(self, event_id: str, asked: Asked) -> dict[str, Any] | None:
        """Return what was answered to the same request; None where it is new.

        Raises
        ------
        stream.collector.refusals.RefusedRequestError
            If the id is that of another request whose rewards are waited for.
        """
        found = self._open.get(event_id)
        if found is not None and found.digest != asked.digest:
            raise refused(
                f"eventId: {event_id!r:.80} is that of another request whose reward is waited "
                "for; give each request an id of its own, or none",
                "eventId",
            )
        return None if found is None else found.answer

    def rank(self, event_id: str, asked: Asked, rng: Random, now_s: float) -> ActionsRanked:
        """Return what is ranked, to be written down before it is answered."""
        candidates = {a: f for a, f in asked.actions.items() if a in asked.open_ids}
        choice: Choice = self._policy.act(asked.context, candidates, rng)
        return ActionsRanked.model_validate(
            {
                "event_id": event_id,
                "occurred_at": rfc3339(now_s),
                "context": asked.request.context,
                "actions": [
                    RankedAction(
                        id=action.id,
                        features=action.features,
                        probability=min(1.0, choice.probabilities.get(action.id, 0.0)),
                    )
                    for action in asked.request.actions
                ],
                "reward_action_id": choice.action,
                "deferred": bool(asked.request.deferred),
                "learned": self._policy.learned,
            }
        )

    def apply(self, event: Event) -> None:
        """Take in a record of the topic; one that is taken in twice counts once."""
        at_s = event.occurred_at.timestamp()
        match event:
            case ActionsRanked():
                self._ranked(event, at_s)
            case RankActivated():
                found = self._open.get(event.event_id)
                if found is not None and not found.is_shown and at_s <= found.deadline_s:
                    found.is_shown = True
                    self._wait(event.event_id, found, at_s)
            case RankRewarded():
                self._rewarded(event, at_s)

    def settle(self, at_s: float) -> None:
        """Learn of the events whose time was over by then."""
        while self._deadlines and self._deadlines[0][0] < at_s:
            deadline_s, event_id = heapq.heappop(self._deadlines)
            found = self._open.get(event_id)
            if found is None or found.deadline_s != deadline_s:
                continue  # it was shown since
            del self._open[event_id]
            if not found.is_shown:
                self._on_outcome("not_shown")
                continue
            reward = self._terms.default_reward if found.reward is None else found.reward
            action = action_features(found.answer["rewardActionId"], found.taken)
            self._policy.learn(features_of(found.context), action, max(-1.0, min(1.0, reward)))
            self._on_outcome("not_rewarded" if found.reward is None else "rewarded")

    def _ranked(self, event: ActionsRanked, at_s: float) -> None:
        if event.event_id in self._open:
            return
        sent = [(action.id, action.features) for action in event.actions]
        open_ids = (action.id for action in event.actions if action.probability > 0.0)
        taken = next((a.features for a in event.actions if a.id == event.reward_action_id), None)
        if taken is None:
            return  # somebody else wrote it: it must not hold up what comes after
        found = self._open[event.event_id] = _Open(
            at_s,
            digest_of(event.context, sent, open_ids),
            answer_of(event),
            event.context,
            taken,
            not event.deferred,
        )
        self._wait(event.event_id, found, at_s)

    def _rewarded(self, event: RankRewarded, at_s: float) -> None:
        found = self._open.get(event.event_id)
        if found is None or at_s > found.deadline_s:
            self._on_outcome("reward_of_no_event")
        elif found.reward is None:
            found.reward = event.value
        elif self._terms.aggregation == "sum":
            found.reward += event.value
        else:
            self._on_outcome("reward_repeated")

    def _wait(self, event_id: str, found: _Open, at_s: float) -> None:
        found.deadline_s = at_s + self._terms.wait_s
        heapq.heappush(self._deadlines, (found.deadline_s, event_id))


def answer_of(event: ActionsRanked) -> dict[str, Any]:
    """Return what the caller is answered.

    Excluded actions stand where they were sent; the others around them, the one taken first, then
    the more probable before the less.
    """
    by_rank = sorted(
        (action for action in event.actions if action.probability > 0.0),
        key=lambda action: (action.id != event.reward_action_id, -action.probability),
    )
    ranked = iter(by_rank)
    ranking = [action if action.probability == 0.0 else next(ranked) for action in event.actions]
    return {
        "ranking": [{"id": action.id, "probability": action.probability} for action in ranking],
        "eventId": event.event_id,
        "rewardActionId": event.reward_action_id,
    }
