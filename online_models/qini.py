"""How well predicted uplift ranks leads: Qini curve and coefficient, and uplift at a share.

Outcomes under both treatments are never seen of one lead, so a ranking is judged by groups: among
the leads that it puts first, treated ones are compared with untreated ones. That is fair only if
treatment was dealt by chance.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = Sequence[bool] | NDArray[np.bool_]
Numbers = Sequence[float] | NDArray[np.float64]


def qini_curve(y: Flags, is_treated: Flags, uplift: Numbers) -> tuple[Array, Array]:
    r"""Return how many leads are targeted, best first, and how many outcomes treatment adds.

    After the first :math:`n` leads, :math:`Y_t - Y_c N_t / N_c`: the outcomes of those treated
    less those that would have come without, by the untreated among them (Radcliffe 2007, "Using
    control groups to target on predicted lift", section 3). Leads of equal uplift enter at once,
    so their order tells nothing. It is ``qini_curve`` of scikit-uplift.

    Parameters
    ----------
    y
        Whether the outcome came.
    is_treated
        Whether the lead was treated.
    uplift
        What was predicted; only its order counts.

    Returns
    -------
    targeted, incremental
        The curve's points, from (0, 0) on.

    Raises
    ------
    ValueError
        If the three are not equally long, or an uplift is not a number.

    Examples
    --------
    >>> targeted, incremental = qini_curve(
    ...     [True, False, False, True], [True, False, True, False], [0.4, 0.3, 0.2, 0.1])
    >>> targeted.tolist(), incremental.tolist()
    ([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 1.0, 1.0, 0.0])
    """
    outcome, treated, predicted = _arrays(y, is_treated, uplift)
    if not len(outcome):
        return np.zeros(1), np.zeros(1)
    order = np.argsort(-predicted, kind="stable")
    outcome, treated, predicted = outcome[order], treated[order], predicted[order]
    ends = np.append(np.flatnonzero(np.diff(predicted)), len(predicted) - 1)
    treated_count = np.cumsum(treated)[ends]
    untreated_count = ends + 1 - treated_count
    treated_outcomes = np.cumsum(outcome * treated)[ends]
    untreated_outcomes = np.cumsum(outcome * (1.0 - treated))[ends]
    # Without an untreated lead nothing is known of what would have come.
    ratio = treated_count / np.maximum(untreated_count, 1.0)
    incremental = treated_outcomes - untreated_outcomes * ratio
    return np.append(0.0, ends + 1.0), np.append(0.0, incremental)


def qini_coefficient(y: Flags, is_treated: Flags, uplift: Numbers) -> float | None:
    """Return the Qini coefficient: 0 for a ranking by chance, 1 for the best there could be.

    The area between the Qini curve and the straight line to its end, as a share of that of the
    best ranking: treated leads with an outcome first, untreated leads with one last. This is
    ``qini_auc_score`` of scikit-uplift (its ``negative_effect=True``). Since nobody can know which
    leads would have come anyway, good models reach a few hundredths.

    Parameters
    ----------
    y, is_treated, uplift
        As in ``qini_curve``.

    Returns
    -------
    coefficient
        None where an arm has no leads, or no ranking is better than another.

    Raises
    ------
    ValueError
        As ``qini_curve`` does.

    Examples
    --------
    >>> y = [True, False, False, True]
    >>> is_treated = [True, False, True, False]
    >>> qini_coefficient(y, is_treated, [1.0, 0.0, 0.0, -1.0])
    1.0
    >>> qini_coefficient(y, is_treated, [-1.0, 0.0, 0.0, 1.0])
    -0.25
    >>> qini_coefficient(y, is_treated, [0.5, 0.5, 0.5, 0.5])
    0.0
    """
    outcome, treated, predicted = _arrays(y, is_treated, uplift)
    if not 0.0 < treated.sum() < len(treated):
        return None
    best = _area_above_line(outcome, treated, outcome * (2.0 * treated - 1.0))
    if not best:
        return None
    return _area_above_line(outcome, treated, predicted) / best


def uplift_at(share: float, y: Flags, is_treated: Flags, uplift: Numbers) -> float | None:
    """Return by how much treatment raised the outcome's share among the leads ranked first.

    ``uplift_at_k`` of scikit-uplift with its strategy ``overall``; but leads that are ranked
    equal to the last one within the share all count, so that their order tells nothing.

    Parameters
    ----------
    share
        Which share of all leads to look at, above 0 and at most 1.
    y, is_treated, uplift
        As in ``qini_curve``.

    Returns
    -------
    difference
        None where an arm has no leads among them.

    Raises
    ------
    ValueError
        If the share is out of its range; and as ``qini_curve`` does.

    Examples
    --------
    >>> uplift_at(0.5, [True, False, False, True], [True, False, True, False], [4., 3., 2., 1.])
    1.0
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share is {share!r}: it must be above 0 and at most 1")
    outcome, treated, predicted = _arrays(y, is_treated, uplift)
    count = int(share * len(predicted))
    if not count:
        return None
    first = predicted >= np.sort(predicted)[-count]
    reached, others = outcome[first & (treated == 1.0)], outcome[first & (treated == 0.0)]
    if not len(reached) or not len(others):
        return None
    return float(reached.mean() - others.mean())


def _area_above_line(y: Array, is_treated: Array, uplift: Array) -> float:
    """Return the area between a Qini curve and the straight line to its end."""
    targeted, incremental = qini_curve(y == 1.0, is_treated == 1.0, uplift)
    under = float((np.diff(targeted) * (incremental[1:] + incremental[:-1])).sum()) / 2.0
    return under - float(targeted[-1] * incremental[-1]) / 2.0


def _arrays(y: Flags, is_treated: Flags, uplift: Numbers) -> tuple[Array, Array, Array]:
    outcome = np.asarray(y, dtype=bool).astype(float)
    treated = np.asarray(is_treated, dtype=bool).astype(float)
    predicted = np.asarray(uplift, dtype=float)
    if not outcome.shape == treated.shape == predicted.shape or outcome.ndim != 1:
        raise ValueError(
            f"outcomes, treatments and uplifts must be equally long: {outcome.shape}, "
            f"{treated.shape}, {predicted.shape}"
        )
    if np.isnan(predicted).any():
        raise ValueError("an uplift is not a number: it cannot be ranked")
    return outcome, treated, predicted
