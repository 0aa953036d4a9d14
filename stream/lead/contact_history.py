"""What was done with a lead: as much of it as caps, cooldowns and exclusions ask for.

A history is a list of ``[at_s, action, channel]``, oldest first. An action is forgotten as soon as
no rule of the house asks for it any more, and nothing is noted that none asks for. It holds
``MAX_HISTORY`` at most: while that many still count, nothing more is done that would have to be
noted (``is_full``), so that no rule is ever broken because something was forgotten.
"""

from collections.abc import Sequence
from typing import Any

from stream.lead.action import Action
from stream.lead.actions import Catalogue
from stream.lead.limits import ALL, MAX_HISTORY, Cap

History = list[list[Any]]


def counts_for_s(action: str, channel: str, catalogue: Catalogue) -> float:
    """Return for how long an action counts to something after it was done; 0 for not at all.

    One that the catalogue no longer has counts as a contact of its channel.
    """
    known_s = catalogue.counts_for_s.get(action)
    if known_s is not None:
        return known_s
    return catalogue.governance.capped_for_s(channel, is_contact=True)


def still_counting(history: History, now_s: float, catalogue: Catalogue) -> History:
    """Return the part of a history that counts to something now."""
    return [
        entry for entry in history if now_s - entry[0] < counts_for_s(entry[1], entry[2], catalogue)
    ]


def note(history: History, action: Action, now_s: float, catalogue: Catalogue) -> None:
    """Note in place that an action was decided upon, and forget what no longer counts."""
    if history:
        history[:] = still_counting(history, now_s, catalogue)
    if counts_for_s(action.name, action.channel, catalogue) > 0.0:
        history.append([now_s, action.name, action.channel])
        _bound(history, catalogue)


def merge(history: History, other: History, catalogue: Catalogue) -> None:
    """Add another history to one in place, as where two leads turn out to be one."""
    history += other
    history.sort(key=lambda entry: (entry[0], entry[1], entry[2]))
    _bound(history, catalogue)


def is_full(live: History) -> bool:
    """Tell whether as many entries as can be kept still count."""
    return len(live) >= MAX_HISTORY


def _bound(history: History, catalogue: Catalogue) -> None:
    """Forget what stops counting first: when one of the others has, all forgotten ones have."""
    if len(history) > MAX_HISTORY:
        until_s = sorted(
            (entry[0] + counts_for_s(entry[1], entry[2], catalogue), place)
            for place, entry in enumerate(history)
        )
        kept = {place for _, place in until_s[-MAX_HISTORY:]}
        history[:] = [entry for place, entry in enumerate(history) if place in kept]


def breaks_cap(live: History, cap: Cap, of: str, now_s: float, catalogue: Catalogue) -> bool:
    """Tell whether one more would be above a cap on a channel, or on all contacts."""
    times_s = [entry[0] for entry in live if _is_of(entry, of, catalogue)]
    return any(_within(times_s, window_s, now_s) >= most for window_s, most in cap.windows)


def is_too_often(live: History, action: Action, now_s: float) -> bool:
    """Tell whether an action went to the lead as often as it may within its own window."""
    if action.at_most is None:
        return False
    times_s = [entry[0] for entry in live if entry[1] == action.name]
    return _within(times_s, action.at_most.within_s, now_s) >= action.at_most.times


def is_cooling(live: History, action: Action, now_s: float) -> bool:
    """Tell whether an action went to the lead within its cooldown."""
    return action.cooldown_s > 0.0 and any(
        entry[1] == action.name and now_s - entry[0] < action.cooldown_s for entry in live
    )


def is_excluded(live: History, action: Action, now_s: float, catalogue: Catalogue) -> bool:
    """Tell whether something was done that an action must stay apart from."""
    apart_s = catalogue.apart_s[action.name]
    return bool(apart_s) and any(now_s - entry[0] < apart_s.get(entry[1], 0.0) for entry in live)


def _is_of(entry: Sequence[Any], of: str, catalogue: Catalogue) -> bool:
    if of != ALL:
        return bool(entry[2] == of)
    known = catalogue.by_name.get(entry[1])
    return known is None or known.is_contact


def _within(times_s: Sequence[float], window_s: float, now_s: float) -> int:
    # What another partition's clock says is ahead of this one's counts as of now.
    return sum(now_s - at_s < window_s for at_s in times_s)
