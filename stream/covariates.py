"""Features of many leads as columns of numbers, for methods that take all leads at once."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_COLUMNS = 60
LEAST_SHARE = 0.05
"""What fewer leads have is no column: nobody could be found to match it."""


def columns_of(rows: Sequence[Mapping[str, float | str]]) -> dict[str, NDArray[np.float64]]:
    """Return columns by name: numbers as they are, text as one column of 0 and 1 a value.

    A number that a lead lacks counts as 0 where it counts something, else as the others' mean,
    with a column beside it that says who lacks it.

    Examples
    --------
    >>> rows = [{"stage": "mql", "size": 3.0}, {"stage": "mql"}, {"size": 5.0}]
    >>> {name: column.tolist() for name, column in columns_of(rows).items()}
    {'no size': [0.0, 1.0, 0.0], 'size': [3.0, 4.0, 5.0], 'stage=mql': [1.0, 1.0, 0.0]}
    """
    having: Counter[tuple[str, str]] = Counter()  # a number's text is empty
    for row in rows:
        having.update(
            (name, value if isinstance(value, str) else "") for name, value in row.items()
        )
    least = LEAST_SHARE * len(rows)
    columns: dict[str, NDArray[np.float64]] = {}
    # Those that most leads have first; of two that name the same leads the first one only.
    for (name, text), count in sorted(having.items(), key=lambda item: (-item[1], item[0])):
        if count < least or len(columns) >= MOST_COLUMNS:
            break
        if text:
            _add(
                columns, f"{name}={text}", np.array([float(row.get(name) == text) for row in rows])
            )
            continue
        given = [row.get(name) for row in rows]
        known = np.array([isinstance(value, int | float) for value in given])
        values = np.array([float(v) if isinstance(v, int | float) else 0.0 for v in given])
        if not name.startswith("count") and 0 < known.sum() < len(known):
            values[~known] = values[known].mean()
            if (~known).sum() >= least:
                _add(columns, f"no {name}", (~known).astype(float))
        _add(columns, name, values)
    return columns


def _add(columns: dict[str, NDArray[np.float64]], name: str, values: NDArray[np.float64]) -> None:
    if values.std() > 0.0 and not any(np.array_equal(values, kept) for kept in columns.values()):
        columns[name] = values
