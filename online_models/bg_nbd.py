r"""How often customers buy, and whether they still do: the BG/NBD model.

Fader, Hardie and Lee 2005, "'Counting your customers' the easy way: an alternative to the
Pareto/NBD model", Marketing Science 24(2). While alive, a customer buys at a rate
:math:`\lambda \sim \mathrm{Gamma}(r, \alpha)`; after each repeat purchase it leaves for good with
probability :math:`p \sim \mathrm{Beta}(a, b)`. Who has bought but once is alive for certain in this
model: whether it will buy within a horizon says more of it than whether it is alive.

Own code: lifetimes has had no release since 2020, btyd is a beta of 2022 that needs PyMC 4, and
pymc-marketing brings PyMC.
"""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from online_models.maximum_likelihood import most_likely

Array = NDArray[np.float64]

LEAST, MOST = 1e-4, 1e4
"""Parameters stay between these, alpha as a multiple of the mean age: where customers do not
differ, the most likely ones are infinite."""
TINY = 1e-200
"""A probability to leave that is none: betaincinv gives the least number for still smaller ones."""
# Nodes and weights of the tanh-sinh rule on (0, 1) (Takahasi and Mori 1974): it bears integrands
# with any power at the ends.
STEP = 0.05
_STEPS = np.arange(-3.8, 3.81, STEP)
_SHARES = special.expit(np.pi * np.sinh(_STEPS))
_WEIGHTS = STEP * np.pi * np.cosh(_STEPS) * _SHARES * special.expit(-np.pi * np.sinh(_STEPS))
_DISCOUNT_NODES, _DISCOUNT_WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True, slots=True)
class BgNbd:
    """A BG/NBD model: its four parameters, all above 0, and what they say of customers.

    Everything takes arrays of customers, shapes as NumPy broadcasts them. Times are in one unit,
    whichever: that of ``alpha``. Of a customer, ``repeats`` is the number of purchases after the
    first, ``recency`` the time from the first to the last, ``age`` the time from the first on.

    Attributes
    ----------
    r, alpha
        Of the purchase rates: shape, and rate in units of time.
    a, b
        Of the probabilities to leave after a purchase.

    Raises
    ------
    ValueError
        If a parameter is not above 0 and finite.

    Examples
    --------
    The customer that the authors took from CDNOW's, times in weeks:

    >>> model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> float(model.expected_purchases(2, 30.43, 38.86, 39.0).round(3))
    1.226
    >>> float(model.alive_probability(2, 30.43, 38.86).round(3))
    0.727
    """

    r: float
    alpha: float
    a: float
    b: float

    def __post_init__(self) -> None:
        for name, value in zip(("r", "alpha", "a", "b"), astuple(self), strict=True):
            if not 0.0 < value < np.inf:
                raise ValueError(f"{name} is {value!r}: it must be above 0 and finite")

    def log_likelihood(self, repeats: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Array:
        """Return the log-likelihood of each customer."""
        x, t_x, t = _customers(repeats, recency, age)
        return _log_likelihood(np.array(astuple(self)), x, t_x, t)[0]

    def alive_probability(self, repeats: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Array:
        """Return the probability that a customer has not left; 1 without repeat purchases."""
        x, t_x, t = _customers(repeats, recency, age)
        return np.asarray(special.expit(-_left_log_odds(np.array(astuple(self)), x, t_x, t)))

    def purchase_probability(
        self, repeats: ArrayLike, recency: ArrayLike, age: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """Return the probability of any purchase within the horizon.

        Who is alive has rates of Gamma(r + x, alpha + T), and can leave only by buying.

        Raises
        ------
        ValueError
            If a customer's numbers contradict each other, or the horizon is negative.
        """
        x, t_x, t = _customers(repeats, recency, age)
        still = -(self.r + x) * np.log1p(_horizon(horizon) / (self.alpha + t))
        return self.alive_probability(x, t_x, t) * -np.expm1(still)

    def expected_purchases(
        self,
        repeats: ArrayLike,
        recency: ArrayLike,
        age: ArrayLike,
        horizon: ArrayLike,
        discount_rate: float = 0.0,
    ) -> Array:
        r"""Return how many purchases to expect within the horizon (equation 10 of the paper).

        The paper's closed form is a difference of hypergeometric functions, which overflow with
        hundreds of purchases and cancel near :math:`a = 1`. It is taken here as what it is the
        closed form of, the mean over :math:`p \sim \mathrm{Beta}(a, b + x)` of
        :math:`[1 - (1 + p t / (\alpha + T))^{-(r + x)}] / p`, times the probability of being alive:
        an integral of positive terms, correct to nine digits where a and b are .1 or more, and to
        six else. It takes 1.2 kB of memory a customer and horizon.

        Parameters
        ----------
        repeats, recency, age
            Of each customer.
        horizon
            How far to look ahead.
        discount_rate
            By how much what comes later counts less, continuously, per unit of time.

        Raises
        ------
        ValueError
            If a customer's numbers contradict each other, or horizon or discount are negative.
        """
        x, t_x, t = _customers(repeats, recency, age)
        ahead = _horizon(horizon)
        if not 0.0 <= discount_rate < np.inf:
            raise ValueError(f"discount_rate is {discount_rate!r}: it must be 0 or more, finite")
        x, t_x, t, ahead = np.broadcast_arrays(x, t_x, t, ahead)
        # Quantiles depend on the number of purchases alone, which many customers share.
        counts, which = np.unique(x, return_inverse=True)
        quantiles = special.betaincinv(self.a, self.b + counts[:, None], _SHARES)
        leaving = quantiles[which.reshape(x.shape)]
        shape, rate = (self.r + x)[..., None], (self.alpha + t)[..., None]

        def until(time: Array) -> Array:
            """Purchases until a time, of who is alive; where nobody leaves they are as ever."""
            per_purchase = time[..., None] / rate
            by = -np.expm1(-shape * np.log1p(leaving * per_purchase))
            met = np.where(leaving > TINY, by / np.maximum(leaving, TINY), shape * per_purchase)
            return np.asarray(met @ _WEIGHTS)

        expected = until(ahead)
        if discount_rate:
            # By parts: the integral of exp(-d u) dE(u), all of its terms positive.
            expected = expected * np.exp(-discount_rate * ahead)
            for node, weight in zip(_DISCOUNT_NODES, _DISCOUNT_WEIGHTS, strict=True):
                time = ahead * (1.0 + node) / 2.0
                share = weight / 2.0 * discount_rate * ahead * np.exp(-discount_rate * time)
                expected = expected + share * until(time)
        return self.alive_probability(x, t_x, t) * expected


def fit_bg_nbd(
    repeats: ArrayLike,
    recency: ArrayLike,
    age: ArrayLike,
    weights: ArrayLike = 1.0,
    start: BgNbd | None = None,
    *,
    to_optimum: bool = True,
) -> BgNbd:
    """Return the most likely BG/NBD model of customers, by maximum likelihood.

    Parameters
    ----------
    repeats, recency, age
        Of each customer, shapes (customers,); not whole where rows are means of customers alike.
    weights
        How many customers each row stands for.
    start
        Where to search from, such as the former optimum; that of any start is the same, but comes
        sooner from near by.
    to_optimum
        Whether to search until nothing is left to gain, or to take a single step from the start.

    Raises
    ------
    ValueError
        If a customer's numbers contradict each other, or nobody has a repeat purchase or an age.
    """
    x, t_x, t = _customers(repeats, recency, age)
    w = np.broadcast_to(np.asarray(weights, float), x.shape)
    if x.ndim != 1 or not np.all(w >= 0.0) or not w @ x > 0.0 or not w @ t > 0.0:
        raise ValueError(
            "customers: at least one must have a repeat purchase, weights be 0 or more"
        )
    unit = float(w @ t / w.sum())
    share, t_x, t = w / w.sum(), t_x / unit, t / unit
    known = start or BgNbd(1.0, unit, 1.0, 1.0)
    r, alpha, a, b = most_likely(
        lambda parameters: _log_likelihood(parameters, x, t_x, t),
        share,
        (known.r, known.alpha / unit, known.a, known.b),
        [(LEAST, MOST)] * 4,
        to_optimum=to_optimum,
    )
    return BgNbd(r, alpha * unit, a, b)


def _customers(
    repeats: ArrayLike, recency: ArrayLike, age: ArrayLike
) -> tuple[Array, Array, Array]:
    """Return customers as arrays of one shape.

    Raises
    ------
    ValueError
        If a customer's numbers contradict each other.
    """
    x, t_x, t = np.broadcast_arrays(
        np.asarray(repeats, float), np.asarray(recency, float), np.asarray(age, float)
    )
    if not np.all((x >= 0.0) & (t_x >= 0.0) & (t_x <= t) & (x < np.inf) & (t < np.inf)):
        raise ValueError(
            "customers: repeats must be 0 or more, and 0 <= recency <= age, all finite"
        )
    if np.any((x > 0.0) & (x < 1.0)) or np.any((x == 0.0) & (t_x > 0.0)):
        raise ValueError("customers: repeats must be 0 or from 1 on, and 0 have a recency of 0")
    return x, t_x, t


def _horizon(horizon: ArrayLike) -> Array:
    ahead = np.asarray(horizon, float)
    if not np.all((ahead >= 0.0) & (ahead < np.inf)):
        raise ValueError(f"horizon is {horizon!r:.60}: it must be 0 or more, and finite")
    return ahead


def _left_log_odds(parameters: Array, x: Array, t_x: Array, t: Array) -> Array:
    """Return log-odds of having left; as one leaves by a repeat purchase only, -inf without."""
    r, alpha, a, b = parameters
    repeated = x > 0.0
    since = np.log1p((t - t_x) / (alpha + t_x))
    odds = np.log(a / np.where(repeated, b + x - 1.0, 1.0)) + (r + x) * since
    return np.where(repeated, odds, -np.inf)


def _log_likelihood(parameters: Array, x: Array, t_x: Array, t: Array) -> tuple[Array, Array]:
    """Return log-likelihoods, and their derivatives by r, alpha, a and b in rows."""
    r, alpha, a, b = parameters
    odds = _left_log_odds(parameters, x, t_x, t)
    alive, left = special.expit(-odds), special.expit(odds)
    log_age, log_recency = np.log(alpha + t), np.log(alpha + t_x)
    value = (
        special.gammaln(r + x)
        - special.gammaln(r)
        - x * np.log(alpha)
        + special.betaln(a, b + x)
        - special.betaln(a, b)
        - (r + x) * np.log1p(t / alpha)
        + np.logaddexp(0.0, odds)
    )
    both = special.digamma(a + b) - special.digamma(a + b + x)
    by_r = special.digamma(r + x) - special.digamma(r) + np.log(alpha)
    by_b = both + special.digamma(b + x) - special.digamma(b)
    gradient = np.stack(
        [
            by_r - alive * log_age - left * log_recency,
            r / alpha - (r + x) * (alive / (alpha + t) + left / (alpha + t_x)),
            both + left / a,
            by_b - left / np.where(x > 0.0, b + x - 1.0, 1.0),
        ]
    )
    return value, gradient
