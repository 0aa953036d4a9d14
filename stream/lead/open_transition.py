"""A decision that waits for what comes of it."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class OpenTransition:
    """A decision, and what came of it so far.

    ``candidates`` hold what could have been chosen and how probable it was. ``cost`` is what doing
    it cost and ``earned`` what the lead did since, both as rewards. ``next`` is the lead's next
    decision: its features, its candidates, the reward by then, and when it was. ``shadow`` is what
    a policy would have done that did not serve.
    """

    trigger_id: str
    at_s: float
    rule: str
    x: dict[str, float | str]
    action: str
    candidates: dict[str, float]
    policy: str
    version: str
    is_holdout: bool
    cost: float
    earned: float | None = None
    next: list[Any] | None = None
    shadow: dict[str, Any] | None = None

    def row(self) -> list[Any]:
        """Return it as plain JSON, which ``OpenTransition(*row)`` reads."""
        return [getattr(self, name) for name in self.__slots__]

    @property
    def reward(self) -> float:
        """What it was worth so far."""
        return self.cost + (self.earned or 0.0)
