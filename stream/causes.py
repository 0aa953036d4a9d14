"""Did nurturing do anything? Nurtured leads of a log compared with others that were not."""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

import numpy as np
import orjson

from online_models.difference_in_differences import compare_changes
from online_models.matching import ComparisonError, compare_matched
from stream.causes_text import causes_text
from stream.covariates import columns_of
from stream.event_files import topic_of
from stream.followed_leads import FollowedLead, FollowedLeads, Occasion
from stream.lead.house import DAY_S, House
from stream.lead.outputs import epoch_s
from stream.lead.text_reading import ReadsTexts

HORIZON_S = 30 * DAY_S
PERIOD_S = 7 * DAY_S
PERIODS_BEFORE = PERIODS_AFTER = 4
LARGEST_LATER_SHARE = 0.2

Lines = Callable[[], Iterable[bytes]]
"""Reads a log from its start: ``lambda: read_lines(path)``."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A lead in a comparison, as of the time that it was nurtured or could have been."""

    lead: FollowedLead
    occasion: Occasion
    is_nurtured: bool


def causes(
    lines: Lines,
    house: House,
    email_key: bytes,
    received_s: float,
    horizon_s: float = HORIZON_S,
    seed: int = 0,
    reader: ReadsTexts | None = None,
) -> dict[str, Any]:
    """Compare leads that were nurtured with similar ones that were not yet, in two ways.

    Matching compares who won within the horizon; difference-in-differences how much the lead did
    itself, week by week. Each nurtured lead enters as it was known when it was first nurtured;
    the others as they were at an event when nurturing was allowed and did not follow, at ages
    drawn from the nurtured leads' (prescription-time matching, Zhou et al. 2005), so that
    nobody is compared who had to last longer to be there. Of such leads some are nurtured later:
    the effect is that of now against not yet. To leave them out would be to look ahead (Li,
    Propert and Rosenbaum 2001). So a lead may stand on both sides, at two times. Changes are
    compared with those of leads that are nurtured after the last period at the earliest (Callaway
    and Sant'Anna 2021): whether these would have changed alike is what the test before is for.

    Parameters
    ----------
    lines
        The log: events of the contract, and ``nurture_triggered`` messages where they were kept.
        If there is none of these, the triggers are those that the fold of the events puts out.
    house, email_key, received_s
        As of ``OfflineStream``.
    horizon_s
        Within which winning counts; leads with less time left in the log are left out.
    seed
        Of the drawn ages.
    reader
        As of ``OfflineStream``.

    Returns
    -------
    dict
        Plain JSON: ``triggers`` (log or fold), ``leads``, ``nurtured``, ``too_recent``,
        ``nurtured_later_share`` (of the matches), ``matching`` and ``difference_in_differences``
        (each what its comparison says, or ``error``), ``warnings`` and ``text``.
    """
    nurtured_s = logged_nurturing(lines())
    leads = FollowedLeads(house, email_key, received_s, nurtured_s or None, reader)
    leads.take_in((topic_of(line), line) for line in lines() if not _is_trigger(line))
    rows, too_recent = compared(leads, horizon_s, 0.0, 0.0, seed)
    after_s = PERIODS_AFTER * PERIOD_S
    weeks, _ = compared(leads, after_s, PERIODS_BEFORE * PERIOD_S, after_s, seed)
    matching, later = _matching(rows, horizon_s)
    report: dict[str, Any] = {
        "triggers": "log" if nurtured_s else "fold",
        "horizon_s": horizon_s,
        "leads": len(leads.by_id),
        "nurtured": sum(lead.nurtured_at_s is not None for lead in leads.by_id.values()),
        "too_recent": too_recent,
        "nurtured_later_share": later,
        "matching": matching,
        "difference_in_differences": _differences(weeks),
        "warnings": _warnings(bool(nurtured_s), later),
    }
    return report | {"text": causes_text(report)}


def logged_nurturing(lines: Iterable[bytes]) -> dict[str, float]:
    """Return when each lead was first nurtured, by the triggers that a log holds.

    A holdout, the action ``nothing``, and what was reported suppressed or failed is no nurturing.

    Examples
    --------
    >>> logged_nurturing([
    ...     b'{"type":"nurture_triggered","trigger_id":"t","lead_id":"L","action":"call",'
    ...     b'"is_holdout":false,"occurred_at":"1970-01-01T00:01:00Z"}'
    ... ])
    {'L': 60.0}
    """
    triggered: dict[str, tuple[str, float]] = {}
    not_delivered: set[str] = set()
    for line in lines:
        if b"nurture_triggered" not in line and b"action_result" not in line:
            continue
        try:
            message = orjson.loads(line)
            if message["type"] == "action_result":
                if message["status"] != "delivered":
                    not_delivered.add(message["trigger_id"])
            elif message["type"] == "nurture_triggered" and not (
                message["is_holdout"] or message["action"] == "nothing"
            ):
                at_s = epoch_s(message["occurred_at"])
                triggered[message["trigger_id"]] = (message["lead_id"], at_s)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # an event that the fold refuses, and says why
    first_s: dict[str, float] = {}
    for trigger_id, (lead_id, at_s) in triggered.items():
        if trigger_id not in not_delivered:
            first_s[lead_id] = min(at_s, first_s.get(lead_id, at_s))
    return first_s


def compared(
    leads: FollowedLeads, followed_s: float, known_s: float, untouched_s: float, seed: int
) -> tuple[list[Compared], int]:
    """Return the leads to compare, and how many nurtured ones are too recent.

    Parameters
    ----------
    followed_s
        How long the log must go on after a lead's time.
    known_s
        How long a lead must have been known before it.
    untouched_s
        How long after its time a lead that is compared with must not have been nurtured.
    seed
        Of the drawn ages.
    """
    latest_s = leads.end_s - followed_s

    def fits(lead: FollowedLead, occasion: Occasion) -> bool:
        return occasion.at_s <= latest_s and occasion.at_s - lead.first_at_s >= known_s

    rows: list[Compared] = []
    ages_s: list[float] = []
    too_recent = 0
    for lead in leads.by_id.values():
        if lead.at_nurturing is not None:
            too_recent += lead.at_nurturing.at_s > latest_s
            if fits(lead, lead.at_nurturing):
                rows.append(Compared(lead, lead.at_nurturing, True))
                insort(ages_s, lead.at_nurturing.at_s - lead.first_at_s)
    if not ages_s:
        return rows, too_recent
    random = Random(seed)  # noqa: S311 - a sample, no secret
    for lead in leads.by_id.values():
        age_s = random.choice(ages_s)
        before_s = lead.nurtured_at_s if lead.nurtured_at_s is not None else float("inf")
        occasions = [
            occasion
            for occasion in lead.occasions
            if occasion.at_s + untouched_s < before_s
            # After its last event before nurturing nothing new was known: that is the same time.
            and occasion is not lead.at_nurturing
            and occasion.may_be_nurtured
            and fits(lead, occasion)
        ]
        if occasions:
            at_s = lead.first_at_s + age_s
            nearest = min(occasions, key=lambda occasion: abs(occasion.at_s - at_s))
            rows.append(Compared(lead, nearest, False))
    return rows, too_recent


def activity(row: Compared) -> list[int]:
    """Return what a lead did itself, period by period, those before its time first."""
    counts = [0] * (PERIODS_BEFORE + PERIODS_AFTER)
    for at_s in row.lead.active_s:
        period = int((at_s - row.occasion.at_s) // PERIOD_S) + PERIODS_BEFORE
        if 0 <= period < len(counts):
            counts[period] += 1
    return counts


def _matching(rows: list[Compared], horizon_s: float) -> tuple[dict[str, Any], float | None]:
    """Return the matched comparison, and the share of the matches that were nurtured later."""
    covariates = columns_of(
        [{**row.occasion.x, "log_odds": row.occasion.scored.log_odds} for row in rows]
    )
    nurtured = [row.is_nurtured for row in rows]
    won = [row.lead.won_within(row.occasion.at_s, horizon_s) for row in rows]
    later = [not row.is_nurtured and _is_nurtured_later(row, horizon_s) for row in rows]
    try:
        result = compare_matched(nurtured, won, covariates)
        later_share = compare_matched(nurtured, later, covariates).matched_mean
    except ComparisonError as error:
        return {"error": str(error)}, None
    plain = {
        **asdict(result),
        "share_matched": result.share_matched,
        "is_believable": result.is_believable,
    }
    return plain, later_share


def _differences(rows: list[Compared]) -> dict[str, Any]:
    counts = np.array([activity(row) for row in rows], dtype=float)
    shaped = counts.reshape(len(rows), PERIODS_BEFORE + PERIODS_AFTER)
    try:
        result = compare_changes([row.is_nurtured for row in rows], shaped, PERIODS_BEFORE)
    except ComparisonError as error:
        return {"error": str(error)}
    return {**asdict(result), "is_believable": result.is_believable}


def _is_nurtured_later(row: Compared, horizon_s: float) -> bool:
    at_s = row.lead.nurtured_at_s
    return at_s is not None and at_s <= row.occasion.at_s + horizon_s


def _warnings(is_logged: bool, later: float | None) -> list[str]:
    found = []
    if not is_logged:
        found.append(
            "The log holds no nurture_triggered messages: nurtured is who would have been by "
            "these settings. Put the messages of nurture-triggers into the log."
        )
    if later is not None and later > LARGEST_LATER_SHARE:
        found.append(
            f"{100 * later:.0f} % of the likes were nurtured later within the horizon: the effect "
            "is of nurturing now rather than later."
        )
    return found


def _is_trigger(line: bytes) -> bool:
    if b"nurture_triggered" not in line:
        return False
    try:
        message: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(message, Mapping) and message.get("type") == "nurture_triggered"
