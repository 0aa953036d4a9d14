"""What a silence means: a lead is absent; a customer may have left for good."""

from online_models.served_lifetime_value import PredictsLifetimeValue
from stream.lead import worth
from stream.lead.action import ABSENCE, CHURN_RISK
from stream.lead.house import House
from stream.lead.state import LeadState

LEFT_BELOW = 0.5
"""A customer that is less likely alive than this has more likely left for good than not."""


def occasion(
    state: LeadState, now_s: float, house: House, model: PredictsLifetimeValue | None
) -> str | None:
    """Return the rule that a silence meets; None where it is to be looked at again later.

    A customer who buys twice a year says nothing by a month of silence, one who buys weekly says
    much. So where the catalogue has an answer to ``churn_risk``, the silence of who has bought on
    two days or more is judged by its purchases (BG/NBD: Fader, Hardie and Lee 2005); one
    purchase says nothing of how often others come, and its silence is an absence.
    """
    bought = worth.history_of(state)
    if model is None or bought is None or bought.purchases < 2:
        return ABSENCE
    if not house.catalogue.offered(CHURN_RISK):
        return ABSENCE
    alive_probability = worth.predicted(bought, now_s, model).alive_probability
    return CHURN_RISK if alive_probability < LEFT_BELOW else None
