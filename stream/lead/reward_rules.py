"""What happens to a lead after a decision, and what that is worth: read with the catalogue."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from stream.lead.action import Action
from stream.lead.eligibility import fold
from stream.lead.limits import DAY_S, Window
from stream.lead.toml_files import STRICT

Worth = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]
Join = Literal["sum", "earliest", "max"]
"""How rewards of one decision become one: all of them, the first, or the greatest."""

UNSUBSCRIBED = "email_unsubscribe"


class RewardRules(BaseModel):
    """What a decision's consequences are worth; a first deal is the unit.

    Parameters
    ----------
    horizon_s
        What happens within this time of a decision counts to it.
    half_life_s
        A reward counts half after so long: the penalty for delay. None for no discount.
    join
        How several rewards become one.
    won, lost, unsubscribed
        For the outcome, and for a lead that wants no more email.
    stage_gained
        For each stage forward; the same is taken away for each stage back.
    stages
        The stages in their order, where they are the CRM's; else those of the catalogue.
    contact
        For reaching out at all, which tires; below 0.
    minor_per_point
        So many minor units of the catalogue's currency are worth 1: then values of deals and
        purchases count, and costs of actions. None leaves money out.
    """

    model_config = STRICT

    horizon_s: Annotated[Window, Field(ge=60, le=120 * DAY_S)] = 30 * DAY_S
    half_life_s: Window | None = None
    join: Join = "sum"
    won: Worth = 1.0
    lost: Worth = 0.0
    unsubscribed: Worth = -0.5
    stage_gained: Worth = 0.1
    stages: Annotated[tuple[str, ...], Field(max_length=32, strict=False)] = ()
    contact: Annotated[float, Field(ge=-1000, le=0)] = -0.01
    minor_per_point: Annotated[int, Field(gt=0, le=10**15)] | None = None

    @cached_property
    def _rank(self) -> Mapping[str, int]:
        return {fold(name): number for number, name in enumerate(self.stages)}

    def of_event(self, event: Mapping[str, Any], stage_before: str | None) -> float | None:
        """Return what an event is worth; None where it says nothing of any decision.

        Examples
        --------
        >>> rules = RewardRules(stages=("known", "qualified", "proposal"))
        >>> rules.of_event({"type": "stage_change", "stage": "Proposal"}, "known")
        0.2
        >>> rules.of_event({"type": "page_view"}, "known") is None
        True
        """
        match event["type"]:
            case "outcome":
                won = event["result"] == "won"
                return (self.won if won else self.lost) + self._money(event.get("value_minor"))
            case "purchase":
                return self._money(event["value_minor"])
            case "stage_change":
                after = self._rank.get(fold(event["stage"]))
                before = -1 if stage_before is None else self._rank.get(fold(stage_before))
                if after is None or before is None or after == before:
                    return None
                return self.stage_gained * (after - before)
            case kind if kind == UNSUBSCRIBED:
                return self.unsubscribed
        return None

    def cost(self, action: Action) -> float:
        """Return what doing something costs, as a reward: 0 or less."""
        tires = self.contact if action.is_contact else 0.0
        return tires - self._money(action.cost_minor)

    def discounted(self, worth: float, after_s: float) -> float:
        """Return what a reward is worth that comes so long after its decision."""
        if self.half_life_s is None:
            return worth
        return float(worth * 0.5 ** (max(0.0, after_s) / self.half_life_s))

    def _money(self, value_minor: float | None) -> float:
        if self.minor_per_point is None or value_minor is None:
            return 0.0
        return value_minor / self.minor_per_point
