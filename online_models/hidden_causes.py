"""How strong a cause that nobody recorded would have to be, to explain an effect away."""

import math

SMALLEST_SHARE = 1e-12


def e_value(risk_ratio: float) -> float:
    r"""Return the E-value of a risk ratio (VanderWeele and Ding 2017).

    A hidden cause explains the whole ratio :math:`r` only if it makes both the treatment and the
    outcome at least :math:`r + \sqrt{r (r - 1)}` times as likely, beyond all covariates.

    Parameters
    ----------
    risk_ratio
        Of the outcome, treated against untreated; below 1 its inverse is taken.

    Examples
    --------
    The association of smoking and lung cancer, which the paper works out.

    >>> round(e_value(10.73), 2), e_value(1.0)
    (20.95, 1.0)
    """
    ratio = max(risk_ratio, 1.0 / max(risk_ratio, SMALLEST_SHARE), 1.0)
    return ratio + math.sqrt(ratio * (ratio - 1.0))


def risk_ratio(untreated: float, effect: float, deviation: float, *, is_share: bool) -> float:
    """Return the risk ratio of an effect.

    Parameters
    ----------
    untreated
        Mean outcome of the untreated.
    effect
        Treated less untreated.
    deviation
        The outcome's standard deviation.
    is_share
        Whether outcomes are 0 or 1. Of others the ratio is ``exp(0.91 d)``, ``d`` the effect in
        standard deviations (VanderWeele and Ding 2017, table 2).

    Examples
    --------
    >>> round(risk_ratio(0.1, 0.05, 0.3, is_share=True), 2)
    1.5
    """
    if is_share:
        return max(untreated + effect, SMALLEST_SHARE) / max(untreated, SMALLEST_SHARE)
    return math.exp(0.91 * effect / deviation) if deviation > 0.0 else 1.0
