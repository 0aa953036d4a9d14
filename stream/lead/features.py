"""The feature vector that a lead is scored with: a pure function of its state and the time."""

import math
from functools import lru_cache

from stream.lead.groups import admitted
from stream.lead.state import LeadState

Features = dict[str, float | str]

COUNTED = ((0, "count"), (2, "count_1d"), (3, "count_7d"))
"""Which columns of the decayed counts become features, and under which prefix."""

NAMES_KEPT = 16_384
"""Names that are put together once: senders decide how many there are, so not all are kept."""

_VIEWS = {"count_1d": "count", "count_7d": "count", "attribute_log": "attribute"}


@lru_cache(NAMES_KEPT)
def fact_of(feature: str) -> str:
    """Return what a feature is a view of: people are told facts, not their transformations.

    >>> fact_of("count_7d:page_view:pricing"), fact_of("points:demo_request")
    ('count:page_view:pricing', 'points:demo_request')
    """
    view, colon, rest = feature.partition(":")
    return f"{_VIEWS[view]}:{rest}" if colon and view in _VIEWS else feature


LARGEST = 1e15
"""Numbers are taken no larger than this, so that their squares stay numbers."""


def features_of(
    state: LeadState, at_s: float, points: float, excluded: frozenset[str] = frozenset()
) -> Features:
    """Return a lead's features as of a time.

    Counts enter as ``log(1 + count)``, plain and with half-lives of one and seven days; times
    as ``log(1 + seconds)``. Attributes enter as they are: numbers as numbers, with
    their signed logarithm beside them; text and truth values as categories.

    Parameters
    ----------
    state
        The lead, its counts up to and with the event that is being scored.
    at_s
        The time to score at, epoch seconds: that of the lead's last event, or later.
    points
        The lead's rule points as of then.
    excluded
        Attributes that do not become features.
    """
    log1p = math.log1p
    before_s = state.last_at_s if at_s > state.last_at_s else state.before_last_s
    x: Features = {
        "age": log1p(max(0.0, at_s - state.first_at_s)),
        "since_last_event": log1p(max(0.0, at_s - before_s)),
        "events": log1p(state.events),
        "sessions": log1p(state.sessions),
        "dwell": log1p(state.dwell_s),
        "pages": log1p(len(state.pages)),
        "points": points,
        "last": state.last_kind,
    }
    if state.stage is not None:
        x["stage"] = state.stage
        x["stage_age"] = log1p(max(0.0, at_s - state.stage_at_s))
    if state.purchases is not None:
        x |= state.purchases.features(at_s)
    factors = state.counts.factors(at_s)
    (plain, _), (day, _), (week, _) = COUNTED
    in_all, in_day, in_week = factors[plain], factors[day], factors[week]
    for kind, row in state.counts.counts.items():
        all_name, day_name, week_name = _counts_of(kind)
        x[all_name] = log1p(row[plain] * in_all)
        x[day_name] = log1p(row[day] * in_day)
        x[week_name] = log1p(row[week] * in_week)
    attributes = admitted(state.attributes, excluded) if excluded else state.attributes
    for name, value in attributes.items():
        if isinstance(value, bool):
            x[f"attribute:{name}"] = "yes" if value else "no"
        elif isinstance(value, str):
            x[f"attribute:{name}"] = value
        else:
            number = max(-LARGEST, min(LARGEST, float(value)))
            safe = name.replace("=", "_")  # name=value is how models call categories
            x[f"attribute:{safe}"] = number
            x[f"attribute_log:{safe}"] = math.copysign(log1p(abs(number)), number)
    return x


@lru_cache(NAMES_KEPT)
def named(prefix: str, name: str) -> str:
    """Return the name of a feature or fact of a kind, put together once."""
    return f"{prefix}:{name}"


@lru_cache(NAMES_KEPT)
def _counts_of(kind: str) -> tuple[str, ...]:
    return tuple(f"{prefix}:{kind}" for _, prefix in COUNTED)
