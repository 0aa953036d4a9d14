"""Why not to believe a matched comparison, in plain words."""

from collections.abc import Mapping

LARGEST_IMBALANCE = 0.1
"""Standardised mean differences beyond this are no balance (Austin 2009)."""
FEWEST_LEADS = 50
FEWEST_OUTCOMES = 10
LEAST_MATCHED = 0.9
SMALLEST_E_VALUE = 1.5
NAMES_SHOWN = 5


def matching_warnings(
    *,
    share_matched: float,
    matched: int,
    effective_matches: float,
    rarer: int | None,
    imbalances: Mapping[str, float],
    e_value_limit: float | None,
) -> tuple[str, ...]:
    """Return the reasons not to believe a comparison.

    Parameters
    ----------
    share_matched, matched
        Nurtured leads that have a match.
    effective_matches
        As how many leads their matches count.
    rarer
        Outcomes of the rarest kind in a group; None where they are not 0 or 1.
    imbalances
        Standardised mean differences after matching, by covariate.
    e_value_limit
        Of the interval's end nearest to no effect; None where it holds none.
    """
    found = []
    if share_matched < LEAST_MATCHED:
        found.append(
            f"Too little overlap: only {100 * share_matched:.0f} % of the nurtured leads have one "
            "like them that was not nurtured. The comparison says nothing of the others"
            + ("; do not believe it." if share_matched < 0.5 else ".")
        )
    if matched < FEWEST_LEADS or effective_matches < FEWEST_LEADS:
        found.append(
            f"Too few leads: {matched:,} nurtured ones were compared with what counts as "
            f"{effective_matches:,.0f} others; {FEWEST_LEADS} of each are needed."
        )
    if rarer is not None and rarer < FEWEST_OUTCOMES:
        found.append(
            f"Too few outcomes: one group has only {rarer:,} of a kind, {FEWEST_OUTCOMES} are "
            "needed. The interval is not to be trusted."
        )
    worst = sorted(imbalances, key=lambda name: (-abs(imbalances[name]), name))
    worst = [name for name in worst if abs(imbalances[name]) > LARGEST_IMBALANCE]
    if worst:
        more = len(worst) - NAMES_SHOWN
        found.append(
            "Matched leads still differ in "
            + ", ".join(f"{name} ({imbalances[name]:+.2f} sd)" for name in worst[:NAMES_SHOWN])
            + (f" and {more} more" if more > 0 else "")
            + ". The effect may be theirs."
        )
    if e_value_limit is not None and e_value_limit < SMALLEST_E_VALUE:
        found.append(
            f"A weak hidden cause would explain the effect: one that makes both nurturing and the "
            f"outcome {e_value_limit:.2f} times as likely is enough."
        )
    return tuple(found)
