"""What a lead was like before its deal was won: what deals' values are learned by."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream.lead.features import Features
from stream.lead.labels import WON
from stream.lead.state import LeadState

MAX_VECTORS = 8
"""Of a deal, at most: all together weigh as one, and a record is not to grow without bound."""


def of_deal(state: LeadState, event: Mapping[str, Any], at_s: float) -> Sequence[Features]:
    """Return the vectors of a deal that was won and is worth something; none of another event.

    To be asked before the outcome labels vectors, which lets go of them. What the lead was scored
    with after the deal knows of it, and is left out. Of more than 8 each second, third … is taken.
    """
    has_value = (event.get("value_minor") or 0) > 0 and event.get("currency") is not None
    if event.get("result") != WON or not has_value:
        return ()
    kept = [sample.x for sample in state.samples if sample.at_s <= at_s]
    return kept[:: max(1, -(-len(kept) // MAX_VECTORS))]
