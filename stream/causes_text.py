"""What the comparison of nurtured leads with others says, in words for marketing."""

from collections.abc import Mapping
from typing import Any

DAY_S = 86_400.0
NAMES_SHOWN = 8


def causes_text(report: Mapping[str, Any]) -> str:
    """Return a report of ``stream.causes`` as text."""
    parts = [
        f"{report['leads']:,} named leads, {report['nurtured']:,} of them nurtured"
        + (
            f" ({report['too_recent']:,} too recently to know what became of it)."
            if report["too_recent"]
            else "."
        ),
        *(f"Mind: {warning}" for warning in report["warnings"]),
        "",
        f"WON WITHIN {report['horizon_s'] / DAY_S:.0f} DAYS: nurtured leads against their likes",
        *_matching(report["matching"]),
        "",
        "WHAT LEADS DO THEMSELVES A WEEK: how much more the nurtured changed",
        *_differences(report["difference_in_differences"]),
    ]
    return "\n".join(parts)


def _matching(part: Mapping[str, Any]) -> list[str]:
    if "error" in part:
        return [f"  Cannot be compared: {part['error']}."]
    balance = part["balance"]
    before, after = (
        sum(abs(covariate[when]) > 0.1 for covariate in balance) for when in ("before", "after")
    )
    worst = sorted(balance, key=lambda covariate: -abs(covariate["before"]))[:NAMES_SHOWN]
    return [
        f"  Of 100 nurtured leads {_hundred(part['nurtured_mean'])} won, of their likes "
        f"{_hundred(part['matched_mean'])}.",
        f"  Effect: {_points(part['effect'])} percentage points "
        f"(95 % interval: {_points(part['low'])} to {_points(part['high'])}). {_verdict(part)}",
        f"  Without looking for likes it would seem {_points(part['naive_difference'])}.",
        f"  {100 * part['share_matched']:.0f} % of {part['nurtured']:,} nurtured leads have a "
        f"like; {part['matches']:,} leads serve as one.",
        f"  Of {len(balance)} facts, {before} differed before and {after} differ after matching "
        "(by more than 0.1 standard deviations):",
        *(
            f"    {covariate['covariate']:<40} {covariate['before']:+.2f} -> "
            f"{covariate['after']:+.2f}"
            for covariate in worst
        ),
        *(
            [
                "  To explain this effect, a cause that nobody recorded would have to make both "
                f"nurturing and winning {part['e_value']:.1f} times as likely; to make it "
                f"uncertain, {part['e_value_limit']:.1f} times."
            ]
            if part["low"] > 0.0 or part["high"] < 0.0
            else []
        ),
        *_doubts(part),
    ]


def _differences(part: Mapping[str, Any]) -> list[str]:
    if "error" in part:
        return [f"  Cannot be compared: {part['error']}."]
    change = part["change"]
    (one, other), (one_after, other_after) = part["means_before"], part["means_after"]
    test = part["pre_trend_p"]
    return [
        f"  Nurtured leads ({part['nurtured']:,}) went from {one:.2f} to {one_after:.2f}, "
        f"others ({part['not_nurtured']:,}) from {other:.2f} to {other_after:.2f}.",
        f"  Effect: {change['effect']:+.2f} a week (95 % interval: {change['low']:+.2f} to "
        f"{change['high']:+.2f}). {_verdict({**part, **change})}",
        "  Week by week, against the last one before:",
        *(
            f"    week {period['period']:+d}  {period['change']['effect']:+.2f} "
            f"({period['change']['low']:+.2f} to {period['change']['high']:+.2f})"
            for period in part["periods"]
        ),
        *([] if test is None else [f"  Moved alike before: p = {test:.3f}."]),
        *_doubts(part),
    ]


def _verdict(part: Mapping[str, Any]) -> str:
    if not part["is_believable"]:
        return "Not to be believed as it stands: see below."
    if part["low"] > 0.0:
        return "Nurturing seems to have helped."
    if part["high"] < 0.0:
        return "Nurturing seems to have done harm."
    return "It may as well be nothing."


def _doubts(part: Mapping[str, Any]) -> list[str]:
    return [f"  WARNING: {warning}" for warning in part["warnings"]]


def _hundred(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
