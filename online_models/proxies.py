"""Which features stand in for a group: what a model may not see it can still guess from them."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from online_models.intervals import quantile
from online_models.metrics import auc
from online_models.protocols import Features

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

LEAST_AUC = 0.7
"""AUC from which discrimination is acceptable (Hosmer and Lemeshow 2000, section 5.2.4)."""
LEAST_ROWS = 30
"""Rows of a group, and with a feature, below which nothing is said of it."""
MOST_GROUPS = 10
BINS = 10
FALSE_NAMES = 0.05
"""Chance that any feature at all is named where none tells the groups apart."""


class Proxy(NamedTuple):
    """A feature that tells a group from all others: of pairs of leads, so many it ranks right."""

    feature: str
    group: str
    auc: float


def proxies(
    rows: Sequence[tuple[Features, str]],
    least_auc: float = LEAST_AUC,
    fact_of: Callable[[str], str] = str,
) -> list[Proxy]:
    """Return the features from which alone a lead's group can be told, strongest first.

    For each feature the share of each group is learned at each of its values (numbers in ten bins
    of equally many, a missing feature being a value, too) on one half of the rows, and the other
    half is ranked by it, and the other way round. So a feature with a value for every lead tells
    nothing by itself, and one that tells a group by its middle values is found as well. A feature
    is named where its AUC is high enough, and higher than chance would have made any feature's
    (Mann and Whitney 1947, with Bonferroni's correction).

    That none is named does not mean that the group cannot be told from several together.

    Parameters
    ----------
    rows
        Features and group of each lead. Two rows of one lead would let its values tell its group.
    least_auc
        Half for chance, one for certainty.
    fact_of
        What a feature is a view of, which is what is named; its strongest view counts.

    Examples
    --------
    >>> rows = [({"postcode": f"{n % 4}", "pages": float(n % 7)}, "ab"[n % 4 > 1])
    ...         for n in range(400)]
    >>> proxies(rows)
    [Proxy(feature='postcode', group='a', auc=1.0)]
    """
    sizes = Counter(group for _, group in rows)
    groups = [g for g, n in sizes.most_common(MOST_GROUPS) if LEAST_ROWS <= n < len(rows)]
    seen = Counter(name for x, _ in rows for name in x)
    names = [name for name, n in seen.items() if n >= LEAST_ROWS]
    if len(groups) == 2 == len(sizes):
        groups = groups[:1]  # who is not of the one is of the other
    z = quantile(1.0 - 2.0 * FALSE_NAMES, of=max(1, len(groups) * len(names)))
    needed = {g: max(least_auc, 0.5 + z * _chance(sizes[g], len(rows))) for g in groups}
    member = {g: np.array([group == g for _, group in rows], dtype=np.float64) for g in groups}
    strongest: dict[str, Proxy] = {}
    for name in names:
        codes = _codes([x.get(name) for x, _ in rows])
        for group in groups:
            found = Proxy(fact_of(name), group, _held_out_auc(codes, member[group]))
            known = strongest.get(found.feature)
            if found.auc >= needed[group] and (known is None or found.auc > known.auc):
                strongest[found.feature] = found
    return sorted(strongest.values(), key=lambda proxy: (-proxy.auc, proxy.feature))


def _chance(members: int, rows: int) -> float:
    """Return the standard error of an AUC of no worth (Mann and Whitney 1947)."""
    return math.sqrt((rows + 1) / (12.0 * members * (rows - members)))


def _codes(values: Sequence[float | str | None]) -> Codes:
    """Return small numbers for a feature's values: equal ones, and near ones, have the same."""
    known: dict[str | None, int] = {}
    codes = np.zeros(len(values), dtype=np.int64)
    places, numbers = [], []
    for place, value in enumerate(values):
        if value is None or isinstance(value, str):
            codes[place] = BINS + known.setdefault(value, len(known))
        else:
            places.append(place)
            numbers.append(value)
    if numbers:
        edges = np.unique(np.quantile(numbers, np.arange(1, BINS) / BINS))
        codes[places] = np.searchsorted(edges, numbers, side="right")
    return codes


def _held_out_auc(codes: Codes, member: Array) -> float:
    """Return how well the share of members at a value ranks rows that it was not learned from."""
    half = len(codes) // 2
    found = []
    for learned, held_out in (
        (slice(None, half), slice(half, None)),
        (slice(half, None), slice(None, half)),
    ):
        share = _shares(codes[learned], member[learned], int(codes.max()) + 1)
        found.append(auc(member[held_out].astype(bool).tolist(), share[codes[held_out]].tolist()))
    told = [value for value in found if value is not None]
    return sum(told) / len(told) if told else 0.5


def _shares(codes: Codes, member: Array, values: int) -> Array:
    """Return the share of members at each value, drawn to that of all by one row's weight."""
    rows = np.bincount(codes, minlength=values)
    members = np.bincount(codes, weights=member, minlength=values)
    shares: Array = (members + member.mean()) / (rows + 1.0)
    return shares
