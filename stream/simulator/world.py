"""How leads live and answer to what is done with them: one set of parameters, as plain JSON.

Personas, intent and the share that buys are those of the demo's simulator; here stand the
magnitudes beside them. They were chosen before any policy was run, each for the reason given at
``WorldParameters``. Where a figure is only an order of magnitude, its reason says "order".
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

from stream.simulator.sales import LOST_RATIO, WIN_MIDPOINT

ActionName = Literal["nothing", "content", "webinar", "demo_invite", "call", "discount"]
ACTIONS: tuple[ActionName, ...] = (
    "nothing",
    "content",
    "webinar",
    "demo_invite",
    "call",
    "discount",
)
NOTHING, CONTENT, WEBINAR, DEMO_INVITE, CALL, DISCOUNT = range(len(ACTIONS))

STAGES = (
    "visitor",
    "known",
    "engaged",
    "qualified",
    "opportunity",
    "customer",
    "lost",
    "churned",
)
VISITOR, KNOWN, ENGAGED, QUALIFIED, OPPORTUNITY, CUSTOMER, LOST, CHURNED = range(len(STAGES))


class WorldError(ValueError):
    """Parameters of the world cannot be used; the message says which and why."""


@dataclass(frozen=True, kw_only=True)
class ActionEffect:
    """What one action costs and does.

    Parameters
    ----------
    cost_minor
        What it costs to do once, in cents.
    fatigue
        What it adds to fatigue; a mail adds 1.
    warmth
        What a response adds to the intent of a lead that is fully open to contact.
    intrusion
        What it takes from the intent of a lead that wants none, response or not.
    delay_days
        From the action to its effect: shortest and longest.
    """

    cost_minor: int
    fatigue: float
    warmth: float
    intrusion: float
    delay_days: tuple[int, int]


_EFFECTS: Mapping[str, ActionEffect] = MappingProxyType(
    {
        "content": ActionEffect(
            cost_minor=200, fatigue=1.0, warmth=0.02, intrusion=0.005, delay_days=(1, 4)
        ),
        "webinar": ActionEffect(
            cost_minor=1_500, fatigue=1.0, warmth=0.05, intrusion=0.005, delay_days=(3, 10)
        ),
        "demo_invite": ActionEffect(
            cost_minor=2_000, fatigue=1.2, warmth=0.07, intrusion=0.015, delay_days=(2, 8)
        ),
        "call": ActionEffect(
            cost_minor=1_200, fatigue=2.0, warmth=0.04, intrusion=0.04, delay_days=(0, 0)
        ),
        "discount": ActionEffect(
            cost_minor=200, fatigue=1.0, warmth=0.06, intrusion=0.005, delay_days=(0, 2)
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class WorldParameters:
    """The magnitudes of the world, per day where they are rates.

    Parameters
    ----------
    actions
        What each action does. Costs: a mail that offers content shares a few hundred euros of
        writing among many readers, a call takes a quarter of an hour, a webinar seat and a demo
        invitation the share of an hour. Effects: the share that buys rises with intent by 12 a
        unit on the log-odds scale, so .05 multiplies the odds by 1.8; several responses together
        (``warmth_limit``) by 5.4 at most. An invitation takes effect when the event takes place.
    activity
        Factor on how often leads return by themselves.
    answering
        Factor on the shares of mails opened, and of calls taken.
    unsubscribing
        Factor on the share that unsubscribes.
    win_midpoint
        The intent at which every second lead buys (the demo's).
    lost_ratio
        Share of decisions against us that somebody writes down (the demo's).
    decision_per_day
        Rate at which an opportunity decides. A mean of 16 days, after one to several weeks on the
        way to it, gives the cycle of weeks to months that smaller B2B deals take.
    sales_per_day
        Rate at which sales gets to a qualified lead unasked: order of a week; many firms take days
        to answer, some never do (Oldroyd, McElheran and Elkington 2011).
    self_service_ratio
        Share of an engaged lead's visits that end in a decision without sales.
    elsewhere_per_day
        Rate, times intent, at which a lead settles with somebody else: at intent .7 half of
        the leads within 100 days. Who is in the market buys in the end, if not here.
    reached_ratio, reached_when_fresh
        Share of calls that are taken, cold and on the day of the lead's own activity; between the
        two it falls with a half-life of ``fresh_half_life_days``. Order of magnitude: the odds to
        qualify a lead fall several times over within days of its request (Oldroyd et al.).
    openness_spread
        Standard deviation, within a persona, of how open leads are to contact. With the means of
        ``responses.OPENNESS``, one buyer in five wants none: a third or more say in surveys that
        they would rather buy without a seller, and fewer act so.
    fatigue_half_life_days, tolerance, tolerance_spread
        Fatigue forgets contacts; above a lead's tolerance (median, and spread of its logarithm)
        contact does harm. A mail a week stands at 2, two a week at 3.4, one a day at 10.6: most
        bear a mail a week, and few one a day.
    overload_harm
        What a contact takes from intent for each multiple of the tolerance above 1.
    warmth_half_life_days, warmth_limit
        How fast what contacts added to intent is forgotten, and how much it can be.
    discount_days, discount_ratio
        How long a discount stands, and what it takes off the price of whoever buys then.
    lead_days, customer_days
        A lead not won by then is closed; a customer is followed for so long.
    churn_per_month
        Share of customers of middling satisfaction that leave in a month: small companies lose 3 to
        7 % of customers a month, larger ones 1 to 2 %; these leads are from small companies mostly.
    churn_steepness
        How much less the satisfied leave: .25 more satisfaction divides the rate by e.
    satisfaction_from_care, satisfaction_harm
        What a customer's response to a right contact adds to satisfaction, and an unwanted or
        overloading one takes that would take .02 from a lead's intent.
    repeat_per_day
        Rate of further purchases at middling satisfaction; .7 in half a year, as in the demo.
    """

    actions: Mapping[str, ActionEffect] = field(default_factory=lambda: _EFFECTS)
    activity: float = 1.0
    answering: float = 1.0
    unsubscribing: float = 1.0
    win_midpoint: float = WIN_MIDPOINT
    lost_ratio: float = LOST_RATIO
    decision_per_day: float = 1 / 16
    sales_per_day: float = 1 / 10
    self_service_ratio: float = 0.06
    elsewhere_per_day: float = 0.010
    reached_ratio: float = 0.15
    reached_when_fresh: float = 0.55
    fresh_half_life_days: float = 2.0
    openness_spread: float = 0.5
    fatigue_half_life_days: float = 7.0
    tolerance: float = 3.0
    tolerance_spread: float = 0.4
    overload_harm: float = 0.02
    warmth_half_life_days: float = 30.0
    warmth_limit: float = 0.14
    discount_days: int = 14
    discount_ratio: float = 0.15
    lead_days: int = 180
    customer_days: int = 180
    churn_per_month: float = 0.045
    churn_steepness: float = 4.0
    satisfaction_from_care: float = 0.07
    satisfaction_harm: float = 0.03
    repeat_per_day: float = 0.004

    def __post_init__(self) -> None:
        if set(self.actions) != set(ACTIONS[1:]):
            raise WorldError(f"actions are {sorted(self.actions)}: give {sorted(ACTIONS[1:])}")
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name != "actions" and not (math.isfinite(value) and value >= 0):
                raise WorldError(f"{one.name}={value!r}: give a number from 0")
        for name in (
            "fatigue_half_life_days",
            "warmth_half_life_days",
            "warmth_limit",
            "fresh_half_life_days",
            "tolerance",
            "lead_days",
            "customer_days",
        ):
            if not getattr(self, name):
                raise WorldError(f"{name}=0: give more than 0")

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as plain JSON."""
        row = {one.name: getattr(self, one.name) for one in fields(self)}
        row["actions"] = {name: asdict(effect) for name, effect in self.actions.items()}
        for effect in row["actions"].values():
            effect["delay_days"] = list(effect["delay_days"])
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "WorldParameters":
        """Rebuild parameters; a missing one takes its default.

        Raises
        ------
        WorldError
            If one is unknown, of another type, or cannot be.

        Examples
        --------
        >>> WorldParameters.from_json(WorldParameters().to_json()) == WorldParameters()
        True
        """
        try:
            given = dict(row)
            if "actions" in given:
                given["actions"] = {
                    name: ActionEffect(
                        **{**effect, "delay_days": _whole_days(effect["delay_days"])}
                    )
                    for name, effect in given["actions"].items()
                }
            return cls(**given)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise WorldError(f"these are no parameters of the world: {error}") from None


def _whole_days(pair: Any) -> tuple[int, int]:
    first, last = pair
    if not 0 <= int(first) <= int(last):
        raise WorldError(f"delay_days={pair!r}: give the shortest, then the longest")
    return int(first), int(last)
