"""Key figures of sales in words, tables and drawings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stream.reports.report import Bars, Table, View, money, percent

Told = Mapping[str, Any]
MONTH = "30"
_CONVERSION = ("journeys", "deals", "conversion", "95 %")
MOST_ROWS = 20
"""Channels or campaigns that are shown; figures hold all of them."""


def view_of(figures: Told) -> View:
    """Say what ``KpisReport.figures`` returned."""
    month = figures["periods"][MONTH]
    now, before = month["now"], month["before"]
    longest = list(figures["periods"].values())[-1]
    costs = _cost_sentences(figures)
    if not (_is_known(longest["now"]) or _is_known(longest["before"])):
        seen = figures["newest"]
        when = f"; the newest fact is of {seen}" if seen else ""
        sentence = f"Nothing has happened from {longest['from']} to {figures['to']}{when}."
        return View([sentence, *costs], [])
    sentences = [_deals(now, before, month["from"], figures["to"])]
    sentences += [
        *_money(now, before, figures["currency"]),
        *_times(now),
        *_satisfaction(now, before),
        *_effect(longest["now"], list(figures["periods"])[-1]),
        *costs,
    ]
    tables = [_overview(figures), *_by_source(now), *_by_tier(now), *_by_segment(now)]
    tables += _by_arm(figures) + _by_spend(now, figures["currency"])
    return View(sentences, tables)


def plots_of(figures: Told) -> Sequence[Bars]:
    """Return conversion by tier, and deals by source, of the last 30 days."""
    now = figures["periods"][MONTH]["now"]
    drawn = []
    if tiers := now["tiers"]:
        best = max(tiers, key=lambda tier: float(tiers[tier]["ratio"]))
        drawn.append(
            Bars(
                f"Of {best} leads {percent(tiers[best]['ratio'])} became deals in 30 days",
                list(tiers),
                [100.0 * one["ratio"] for one in tiers.values()],
                "% of journeys that ended, with 95 % intervals",
                [100.0 * one["low"] for one in tiers.values()],
                [100.0 * one["high"] for one in tiers.values()],
            )
        )
    if winners := [name for name in _ranked(now) if now["sources"][name]["deals"]]:
        deals = [float(now["sources"][name]["deals"]) for name in winners]
        drawn.append(
            Bars(f"Most deals of 30 days are of source {winners[0]}", winners, deals, "deals")
        )
    return drawn


def _is_known(period: Told) -> bool:
    counts = (period["leads"], period["journeys"], period["response"]["answers"])
    return any(counts) or bool(period["revenue_minor"] or period["satisfaction"]["answers"])


def _deals(now: Told, before: Told, first: str, last: str) -> str:
    span = f"In the 30 days from {first} to {last}"
    if not now["journeys"]:
        return f"{span} no journey ended. New leads: {now['leads']:,}."
    compared = (
        f"against {percent(before['ratio'])} in the 30 days before"
        if before["journeys"]
        else "and none in the 30 days before"
    )
    return (
        f"{span}: {now['deals']:,} deals from {now['journeys']:,} journeys that ended "
        f"({percent(now['ratio'])}), {compared}. New leads: {now['leads']:,}, "
        f"before {before['leads']:,}."
    )


def _money(now: Told, before: Told, currency: str) -> list[str]:
    told = _revenue(now)
    if told == "-":
        return []
    sentence = f"Customers bought for {told}, before for {_revenue(before)}."
    costs = now["costs"]
    if costs["per_deal_minor"] is not None:
        sentence += (
            f" A deal cost {money(costs['per_deal_minor'], currency)}; each {currency} spent "
            f"brought {costs['return_ratio']:,.1f} {currency} of revenue."
        )
    return [sentence]


def _times(now: Told) -> list[str]:
    response = now["response"]
    if not response["answers"]:
        return []
    return [
        f"Half of those who asked were answered within {_minutes(response['median_minutes'])}, "
        f"nine of ten within {_minutes(response['p90_minutes'])}."
    ]


def _satisfaction(now: Told, before: Told) -> list[str]:
    told, former = now["satisfaction"], before["satisfaction"]
    if not told["answers"]:
        return []
    compared = (
        f", against {percent(former['satisfied_ratio'])} in the 30 days before"
        if former["answers"]
        else ""
    )
    return [
        f"Of {told['answers']:,} answers {percent(told['satisfied_ratio'])} were satisfied ones "
        f"(at least 4 of 5, or as much of another scale){compared}."
    ]


def _effect(period: Told, days: str) -> list[str]:
    effect, arms = period["effect"], period["arms"]
    if effect is None:
        return []
    low, high = 100.0 * effect["low"], 100.0 * effect["high"]
    sure = "" if low > 0.0 or high < 0.0 else ", which may be chance"
    return [
        f"In {days} days {percent(arms['nurtured']['ratio'])} of nurtured leads became deals, "
        f"{percent(arms['holdout']['ratio'])} of the holdout: {100.0 * effect['difference']:+.1f} "
        f"points ({low:+.1f} to {high:+.1f}){sure}."
    ]


def _cost_sentences(figures: Told) -> list[str]:
    told, now = figures["costs_told"], figures["periods"][MONTH]["now"]
    if told is None:
        return []
    sentences = []
    if told["refused"]:
        sentences.append(
            f"Faulty costs, not counted in: {told['refused']:,}; the first: {told['first_fault']}."
        )
    if now["in_other_campaigns"] and now["costs"]["campaigns"]:
        sentences.append(
            f"Deals of campaigns beyond those told apart: {now['in_other_campaigns']:,}."
        )
    if elsewhere := now["costs"]["other_currencies_minor"]:
        amounts = ", ".join(money(of, currency) for currency, of in elsewhere.items())
        sentences.append(f"Not counted in are costs in other currencies: {amounts} in 30 days.")
    return sentences


def _overview(figures: Told) -> Table:
    """Put periods beside each other; one before of which nothing is known is left out."""
    spans, heads = [], []
    for days, period in figures["periods"].items():
        for which, head in (("now", f"{days} days"), ("before", "before")):
            if which == "now" or _is_known(period[which]):
                spans.append(period[which])
                heads.append(head)
    currency = figures["currency"]
    lines: list[tuple[str, Callable[[Told], str]]] = [
        ("new leads", lambda one: f"{one['leads']:,}"),
        ("journeys", lambda one: f"{one['journeys']:,}"),
        ("deals", lambda one: f"{one['deals']:,}"),
        ("conversion", lambda one: percent(one["ratio"])),
        ("  95 %", _interval),
        ("revenue", lambda one: _revenue(one, currency)),
        ("deal takes", lambda one: _number(one["cycle_days"], ".1f", " d")),
        ("answered in", lambda one: _minutes(one["response"]["median_minutes"])),
        ("  90 % in", lambda one: _minutes(one["response"]["p90_minutes"])),
        ("satisfied", lambda one: percent(one["satisfaction"]["satisfied_ratio"])),
        ("  mean", lambda one: percent(one["satisfaction"]["mean_ratio"])),
        ("  answers", lambda one: f"{one['satisfaction']['answers']:,}"),
        ("  NPS", lambda one: _number(one["satisfaction"]["nps"], "+.0f")),
        ("cost", lambda one: _amount(one["costs"]["cost_minor"] or None)),
        ("  a deal", lambda one: _amount(one["costs"]["per_deal_minor"])),
        ("revenue/cost", lambda one: _number(one["costs"]["return_ratio"], ",.1f")),
    ]
    rows = [[name, *map(tell, spans)] for name, tell in lines]
    kept = [row for row in rows if set(row[1:]) != {"-"}]
    title = f"Whole days to {figures['to']}, times as medians, amounts in {currency}"
    return Table(title, ["", *heads], kept)


def _by_source(now: Told) -> list[Table]:
    sources = now["sources"]
    rows = [
        [
            name,
            f"{sources[name]['leads']:,}",
            f"{sources[name]['journeys']:,}",
            f"{sources[name]['deals']:,}",
            percent(sources[name]["ratio"]),
            _amount(sources[name]["value_minor"] or None),
        ]
        for name in _ranked(now)
    ]
    heads = ["source", "new leads", "journeys", "deals", "conversion", "value of deals"]
    return [Table("30 days by source", heads, rows)] if rows else []


def _by_tier(now: Told) -> list[Table]:
    rows = [
        [
            name,
            *_conversion(one),
            _minutes(one["response"]["median_minutes"]),
            _minutes(one["response"]["p90_minutes"]),
        ]
        for name, one in now["tiers"].items()
    ]
    heads = ["tier", *_CONVERSION, "answered in", "90 % in"]
    return [Table("30 days by the last tier before the end", heads, rows)] if rows else []


def _by_segment(now: Told) -> list[Table]:
    rows = [
        [segment, one["name"] or "-", *_conversion(one)] for segment, one in now["segments"].items()
    ]
    heads = ["segment", "what sets it apart", *_CONVERSION]
    return [Table("30 days by the segment at the end", heads, rows)] if rows else []


def _by_arm(figures: Told) -> list[Table]:
    rows = [
        [days, name, *_conversion(one)]
        for days, period in figures["periods"].items()
        for name, one in period["now"]["arms"].items()
    ]
    heads = ["days", "leads", *_CONVERSION]
    return [Table("Nurtured leads and the holdout", heads, rows)] if rows else []


def _by_spend(now: Told, currency: str) -> list[Table]:
    """Return what each channel and each campaign cost and brought."""
    return [
        table
        for by in ("channel", "campaign")
        for table in _returns(by, now["costs"][f"{by}s"], currency)
    ]


def _returns(by: str, returns: Told, currency: str) -> list[Table]:
    rows = [
        [
            name,
            _amount(one["cost_minor"]),
            f"{one['deals']:,}",
            _amount(one["per_deal_minor"]),
            _amount(one["value_minor"] or None),
            _number(one["return_ratio"], ",.1f"),
        ]
        for name, one in returns.items()
    ][:MOST_ROWS]
    heads = [by, "cost", "deals", "a deal", "value of deals", "value / cost"]
    return [Table(f"What 30 days cost, by {by}, in {currency}", heads, rows)] if rows else []


def _ranked(now: Told) -> list[str]:
    sources = now["sources"]
    return sorted(sources, key=lambda name: (-sources[name]["deals"], -sources[name]["leads"]))


def _conversion(one: Told) -> list[str]:
    return [f"{one['journeys']:,}", f"{one['deals']:,}", percent(one["ratio"]), _interval(one)]


def _interval(one: Told) -> str:
    if one["ratio"] is None:
        return "-"
    return f"{100.0 * one['low']:.1f}-{100.0 * one['high']:.1f}"


def _revenue(one: Told, bare: str = "") -> str:
    """Return what was bought in each currency; in ``bare`` without its name."""
    told = (
        _amount(of) if name == bare else money(of, name)
        for name, of in one["revenue_minor"].items()
    )
    return ", ".join(told) or "-"


def _amount(minor: float | None) -> str:
    return "-" if minor is None else f"{minor / 100.0:,.0f}"


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"


def _minutes(minutes: float | None) -> str:
    if minutes is None:
        return "-"
    if minutes < 100.0:
        return f"{minutes:.0f} min"
    return f"{minutes / 60.0:.1f} h" if minutes < 2_880.0 else f"{minutes / 1_440.0:.1f} days"
