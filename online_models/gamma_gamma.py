r"""How much a customer spends per purchase: the gamma-gamma model.

Fader and Hardie 2013, "The Gamma-Gamma Model of Monetary Value" (brucehardie.com/notes/025).
Amounts of a customer are :math:`\mathrm{Gamma}(p, \nu)`, its :math:`\nu` is
:math:`\mathrm{Gamma}(q, \gamma)`; how much it spends has nothing to do with how often it buys.
"""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from online_models.maximum_likelihood import most_likely

Array = NDArray[np.float64]

LEAST, MOST = 1e-3, 1e4
"""Parameters stay between these, gamma as a multiple of the mean amount."""
LEAST_Q = 1.01
"""With a q of 1 or less the mean amount of all customers is infinite."""


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """A gamma-gamma model: its three parameters, and what they say of customers.

    Attributes
    ----------
    p
        Shape of a customer's amounts, above 0.
    q
        Shape of how customers differ, above 1.
    gamma
        Its rate, above 0, in units of money: those of the amounts.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    CDNOW's customers, in dollars. One of two purchases of 22.35 on average:

    >>> model = GammaGamma(p=6.25, q=3.74, gamma=15.44)
    >>> float(model.expected_spend(2, 44.70).round(2))
    24.66
    >>> float(model.expected_spend(0, 0.0).round(2))
    35.22
    """

    p: float
    q: float
    gamma: float

    def __post_init__(self) -> None:
        for name, value, least in (("p", self.p, 0), ("q", self.q, 1), ("gamma", self.gamma, 0)):
            if not least < value < np.inf:
                raise ValueError(f"{name} is {value!r}: it must be above {least} and finite")

    def expected_spend(self, purchases: ArrayLike, spend: ArrayLike) -> Array:
        """Return the amount to expect of each customer's next purchase.

        Parameters
        ----------
        purchases
            How many purchases are known of each customer; 0 gives the mean of all customers.
        spend
            What they came to in all; below 0, by refunds, it counts as 0.

        Raises
        ------
        ValueError
            If purchases are negative, or a number is not finite.
        """
        n, s = np.asarray(purchases, float), np.asarray(spend, float)
        if not np.all((n >= 0.0) & (n < np.inf) & np.isfinite(s)):
            raise ValueError("customers: purchases must be 0 or more, and spend finite")
        return np.asarray(
            self.p * (self.gamma + np.maximum(s, 0.0)) / (self.p * n + self.q - 1.0), float
        )

    def log_likelihood(self, purchases: ArrayLike, spend: ArrayLike) -> Array:
        """Return the log-likelihood of each customer's mean amount.

        Parameters
        ----------
        purchases, spend
            As in ``expected_spend``; both above 0.

        Raises
        ------
        ValueError
            If a number is not above 0 and finite.
        """
        n, s = _spenders(purchases, spend)
        # The density of the mean, n times that of the sum.
        return _log_likelihood(np.array(astuple(self)), n, s)[0] + np.log(n)


def fit_gamma_gamma(
    purchases: ArrayLike,
    spend: ArrayLike,
    weights: ArrayLike = 1.0,
    start: GammaGamma | None = None,
    *,
    to_optimum: bool = True,
) -> GammaGamma:
    """Return the most likely gamma-gamma model of customers, by maximum likelihood.

    Parameters
    ----------
    purchases, spend
        How often each customer bought and what that came to, shapes (customers,); customers
        without spend tell nothing here and must be left out.
    weights
        How many customers each row stands for.
    start
        Where to search from, such as the former optimum.
    to_optimum
        Whether to search until nothing is left to gain, or to take a single step from the start.

    Raises
    ------
    ValueError
        If a number is not above 0 and finite, nobody bought twice or there is no weight.
    """
    n, s = _spenders(purchases, spend)
    w = np.broadcast_to(np.asarray(weights, float), n.shape)
    if n.ndim != 1 or not np.all(w >= 0.0) or not np.any(w * (n > 1.0) > 0.0):
        raise ValueError("customers: one at least must have 2 purchases, weights be 0 or more")
    unit = float(w @ s / (w @ n))
    share, s = w / w.sum(), s / unit

    first = (1.0, 2.0, 1.0) if start is None else (start.p, start.q, start.gamma / unit)
    p, q, gamma = most_likely(
        lambda parameters: _log_likelihood(parameters, n, s),
        share,
        first,
        [(LEAST, MOST), (LEAST_Q, MOST), (LEAST, MOST)],
        to_optimum=to_optimum,
    )
    return GammaGamma(p, q, gamma * unit)


def _spenders(purchases: ArrayLike, spend: ArrayLike) -> tuple[Array, Array]:
    n, s = np.broadcast_arrays(np.asarray(purchases, float), np.asarray(spend, float))
    if not np.all((n > 0.0) & (n < np.inf) & (s > 0.0) & (s < np.inf)):
        raise ValueError("customers: purchases and spend must be above 0, and finite")
    return n, s


def _log_likelihood(parameters: Array, n: Array, s: Array) -> tuple[Array, Array]:
    """Return log-densities of sums of amounts, and their derivatives by p, q, gamma in rows."""
    p, q, gamma = parameters
    shape = p * n
    log_share = -np.log1p(gamma / s)
    log_rest = -np.log1p(s / gamma)
    value = -special.betaln(shape, q) - np.log(s) + shape * log_share + q * log_rest
    both = special.digamma(shape + q)
    gradient = np.stack(
        [
            n * (both - special.digamma(shape) + log_share),
            both - special.digamma(q) + log_rest,
            q / gamma - (shape + q) / (gamma + s),
        ]
    )
    return value, gradient
