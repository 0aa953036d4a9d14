"""What a lead is worth: a customer what it will still buy, another lead what it may become."""

from typing import Any

from online_models.expected_value import LifetimeValue
from online_models.purchase_history import PurchaseHistory
from online_models.served_lifetime_value import PredictsLifetimeValue
from schemas.topics import DAY_S
from stream.lead.house import House
from stream.lead.state import LeadState

MODEL = "lifetime_value"
"""What predicts it, by the name that its versions go by."""
HORIZON_DAYS = 365.0


def expected(
    state: LeadState,
    p_convert: float,
    now_s: float,
    house: House,
    model: PredictsLifetimeValue | None,
) -> dict[str, Any] | None:
    """Return what a lead is worth within a year, as triggers tell it; None while nobody knows."""
    if model is None:
        return None
    bought = history_of(state)
    if bought is None:
        new_minor = model.predict_new_minor(HORIZON_DAYS)
        value_minor = None if new_minor is None else round(p_convert * new_minor)
        return {"value_minor": value_minor, "currency": house.currency}
    found = predicted(bought, now_s, model)
    return {
        "value_minor": None if found.value_minor is None else round(found.value_minor),
        "currency": house.currency,
        "alive_probability": found.alive_probability,
        "purchase_probability": found.purchase_probability,
    }


def history_of(state: LeadState) -> PurchaseHistory | None:
    """Return what a customer has bought; None of who is none, or where reports are off."""
    return None if state.milestones is None else state.milestones.bought


def predicted(bought: PurchaseHistory, now_s: float, model: PredictsLifetimeValue) -> LifetimeValue:
    """Return what to expect of a customer within a year."""
    return model.predict_one(bought, max(bought.last_day, int(now_s // DAY_S)), HORIZON_DAYS)
