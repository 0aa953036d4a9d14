"""Pairs of facts that hold of a lead together, and how much a fact tells of the label."""

import math
from collections.abc import Sequence
from itertools import combinations

from online_models.axes import category
from online_models.protocols import Features

LEAST_SUPPORT = 20.0
"""A fact of fewer examples, or lacking in fewer, says too little of itself to be paired."""


def facts_in(x: Features) -> list[str]:
    """Return what holds of a lead or does not: its categories, and what it has ever done.

    >>> facts_in({"stage": "demo", "count:open": 1.0, "count_1d:open": 0.2, "age": 3.0})
    ['stage=demo', 'count:open']
    """
    return [
        category(name, value) if isinstance(value, str) else name
        for name, value in x.items()
        if isinstance(value, str) or (name.startswith("count:") and value > 0.0)
    ]


def pair_name(one: str, other: str) -> str:
    """Return the feature that a pair of facts is: like a count, taken as it is.

    >>> pair_name("stage=demo", "count:open")
    'count:stage=demo x count:open'
    """
    return f"count:{one} x {other}"


def pairs_in(x: Features, paired: Sequence[str]) -> dict[str, float]:
    """Return the pairs of ``paired`` facts that hold of a lead, as features of value 1."""
    facts = set(facts_in(x))
    holding = [fact for fact in paired if fact in facts]
    return {pair_name(one, other): 1.0 for one, other in combinations(holding, 2)}


def information(counts: Sequence[float], labels: Sequence[float]) -> float:
    """Return how many nats a fact tells of the label: their mutual information.

    Parameters
    ----------
    counts
        Negative and positive examples that the fact holds of.
    labels
        All negative and positive examples.

    Returns
    -------
    float
        0 for a fact of too few examples, or of nearly all.

    Examples
    --------
    >>> round(information([0.0, 50.0], [50.0, 50.0]), 3), information([25.0, 25.0], [50.0, 50.0])
    (0.693, 0.0)
    """
    total, holds = math.fsum(labels), math.fsum(counts)
    if not LEAST_SUPPORT <= holds <= total - LEAST_SUPPORT:
        return 0.0
    told = 0.0
    for of_label, label in zip(counts, labels, strict=True):
        for joint, margin in ((of_label, holds), (label - of_label, total - holds)):
            if joint > 0.0:
                told += joint / total * math.log(joint * total / (margin * label))
    return told
