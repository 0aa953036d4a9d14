"""What to expect of one customer, by the parameters of BG/NBD and gamma-gamma alone."""

from dataclasses import dataclass
from math import inf, log

from online_models.bg_nbd import BgNbd
from online_models.gamma_gamma import GammaGamma
from online_models.purchase_history import PurchaseHistory

DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class LifetimeValue:
    """What to expect of a customer.

    Attributes
    ----------
    alive_probability
        That it has not left for good; 1 of a customer with one purchase, as BG/NBD has it. Less
        this is the probability of churn.
    purchase_probability
        That it buys within the horizon; this tells customers with one purchase apart, too.
    expected_purchases
        How often it buys within the horizon.
    expected_spend_minor
        What a purchase comes to; None while too few amounts are known.
    value_minor
        All purchases within the horizon, later ones discounted; None likewise.
    """

    alive_probability: float
    purchase_probability: float
    expected_purchases: float
    expected_spend_minor: float | None
    value_minor: float | None


def lifetime_value(
    bg_nbd: BgNbd,
    gamma_gamma: GammaGamma | None,
    history: PurchaseHistory,
    today: int,
    horizon_days: float,
    yearly_discount: float = 0.15,
) -> LifetimeValue:
    """Return what to expect of a customer.

    Parameters
    ----------
    bg_nbd, gamma_gamma
        The models, in days and minor units; None if nothing is known of amounts.
    history
        Of the customer.
    today
        The present day; silence since the last purchase counts until then.
    horizon_days
        How far to look ahead.
    yearly_discount
        By how much less a purchase a year ahead counts: .15 makes 1.15 then worth 1 now.

    Raises
    ------
    ValueError
        If today is before the last purchase, or horizon or discount are negative.

    Examples
    --------
    >>> value = lifetime_value(
    ...     BgNbd(0.243, 30.9, 0.793, 2.426),
    ...     GammaGamma(9.88, 3.40, 793.0),
    ...     PurchaseHistory(purchases=3, first_day=0, last_day=213, spend_minor=7_500),
    ...     today=272,
    ...     horizon_days=365.25,
    ... )
    >>> round(value.alive_probability, 3), round(value.purchase_probability, 3)
    (0.727, 0.603)
    >>> round(value.expected_purchases, 2), round(value.expected_spend_minor)
    (1.56, 2557)
    """
    known = history.repeats, history.recency_days, history.age_days(today)
    checked_discount(yearly_discount)
    spend = value = None
    if gamma_gamma is not None:
        bought = history.purchases if history.spend_minor > 0 else 0
        spend = float(gamma_gamma.expected_spend(bought, history.spend_minor))
        daily = log(1.0 + yearly_discount) / DAYS_A_YEAR
        value = spend * float(bg_nbd.expected_purchases(*known, horizon_days, daily))
    return LifetimeValue(
        float(bg_nbd.alive_probability(*known)),
        float(bg_nbd.purchase_probability(*known, horizon_days)),
        float(bg_nbd.expected_purchases(*known, horizon_days)),
        spend,
        value,
    )


def checked_discount(yearly_discount: float) -> float:
    """Return a discount that may be.

    Raises
    ------
    ValueError
        If it is negative or not finite.
    """
    if not 0.0 <= yearly_discount < inf:
        raise ValueError(f"yearly_discount is {yearly_discount!r}: it must be 0 or more, finite")
    return yearly_discount
