"""What a lead is worth: a customer what it will still buy, another lead what it may become."""

from typing import Any

from online_models.expected_value import LifetimeValue
from online_models.purchase_history import PurchaseHistory
from online_models.served_deal_value import INTERVAL, PredictsDealValue, ServedDealValue
from online_models.served_lifetime_value import PredictsLifetimeValue
from schemas.topics import DAY_S
from stream.lead.features import Features
from stream.lead.house import House
from stream.lead.state import LeadState

MODEL = "lifetime_value"
"""What predicts it, by the name that its versions go by."""
DEAL_MODEL = "deal_value"
"""What predicts a lead's deal, likewise."""
HORIZON_DAYS = 365.0


def expected(
    state: LeadState,
    p_convert: float,
    now_s: float,
    house: House,
    model: PredictsLifetimeValue | None,
    x: Features,
    deal_model: PredictsDealValue | None,
) -> dict[str, Any] | None:
    """Return what a lead is worth, as triggers tell it; None while nobody knows.

    A customer is worth what it will buy within a year. Another lead is worth what its own deal
    will bring, times the probability that it converts; while too few deals are known to say that,
    what a new customer brings within a year stands for the deal.

    Parameters
    ----------
    x
        The features that the lead was scored with.
    """
    bought = history_of(state)
    if bought is None:
        deal = None if deal_model is None else deal_model.predict_one(x)
        if deal is not None:
            brings_minor: float | None = deal.expected_minor
        elif model is not None:
            brings_minor = model.predict_new_minor(HORIZON_DAYS)
        else:
            return None
        value_minor = None if brings_minor is None else round(p_convert * brings_minor)
        return {"value_minor": value_minor, "currency": house.currency}
    if model is None:
        return None
    found = predicted(bought, now_s, model)
    return {
        "value_minor": None if found.value_minor is None else round(found.value_minor),
        "currency": house.currency,
        "alive_probability": found.alive_probability,
        "purchase_probability": found.purchase_probability,
    }


def deal_told(
    state: LeadState, x: Features, house: House, model: ServedDealValue | None
) -> dict[str, Any] | None:
    """Return what a lead's deal will bring if it is won, as ``explain`` tells it.

    None of a customer, and while too few deals are known.
    """
    if model is None or history_of(state) is not None:
        return None
    deal = model.predict_one(x)
    return {
        **{name: round(minor) for name, minor in deal._asdict().items()},
        "interval_ratio": INTERVAL,
        "deals": model.deals,
        "currency": house.currency,
    }


def history_of(state: LeadState) -> PurchaseHistory | None:
    """Return what a customer has bought; None of who is none, or where reports are off."""
    return None if state.milestones is None else state.milestones.bought


def predicted(bought: PurchaseHistory, now_s: float, model: PredictsLifetimeValue) -> LifetimeValue:
    """Return what to expect of a customer within a year."""
    return model.predict_one(bought, max(bought.last_day, int(now_s // DAY_S)), HORIZON_DAYS)
