"""Cohorts in words, tables and drawings."""

from collections.abc import Mapping, Sequence
from typing import Any

from online_models.intervals import Figure, difference, quantile, wilson
from stream.reports.report import Bars, Table, View, percent

Told = Mapping[str, Any]
_WEEKS_SHOWN = 13
_COMPARED_WEEKS = 4
"""So many weeks' leads are set beside those of as many weeks before."""
_MONTHS_SHOWN = ("0", "1", "2", "3", "6", "12", "24")
_FEWEST = 30
"""Leads, or customers, that a share must be of to be spoken of."""
_CONFIDENCE = 0.95


def view_of(figures: Told) -> View:
    """Say what ``CohortsReport.figures`` returned."""
    every = figures["all"]
    if not every["leads"]:
        return View(["No lead has entered yet.", *_older(figures)], [])
    sentences = [_overall(figures), *_trend(figures), *_best_source(figures)]
    sentences += [*_retention(figures), *_older(figures), *_rest(figures)]
    tables = [*_by_name(figures, "source"), *_by_name(figures, "segment"), *_by_week(figures)]
    return View(sentences, [*tables, *_by_month(figures)])


def plots_of(figures: Told) -> Sequence[Bars]:
    """Return conversion by source, at the age that most is known of."""
    age = _comparable_age(figures)
    told = [] if age is None else _sources_at(figures, age)
    if not any(of["deals"] for _, of in told):
        return []
    told.sort(key=lambda item: -float(item[1]["ratio"]))
    spoken = [item for item in told if item[1]["leads"] >= _FEWEST]
    best, of = (spoken or told)[0]
    return [
        Bars(
            f"Of {best} leads {percent(of['ratio'])} became customers within {_weeks(age)}",
            [name for name, _ in told],
            [100.0 * one["ratio"] for _, one in told],
            "% of leads old enough, with 95 % intervals",
            [100.0 * one["low"] for _, one in told],
            [100.0 * one["high"] for _, one in told],
        )
    ]


def _overall(figures: Told) -> str:
    every, weeks = figures["all"], len(figures["weeks"])
    since = figures["weeks"][0]["monday"]
    sentence = (
        f"{every['leads']:,} leads entered in {_weeks(weeks)} since {since}; "
        f"{every['deals']:,} of them became customers so far"
    )
    if every["cycle_days"] is None:
        return f"{sentence}."
    took = every["cycle_days"]
    within = "on the day of entry" if took < 1.0 else f"within {took:,.0f} days"
    return f"{sentence}, half of these {within}."


def _trend(figures: Told) -> list[str]:
    """Compare the newest weeks that are old enough with those before, at the same age."""
    age = _trend_age(figures)
    if age is None:
        return []
    grown = [of["by_age_weeks"][age] for of in figures["weeks"] if of["by_age_weeks"][age]]
    newer = _joined(grown[-_COMPARED_WEEKS:])
    older = _joined(grown[-2 * _COMPARED_WEEKS : -_COMPARED_WEEKS])
    if newer is None or older is None:
        return []
    apart, low, high = difference(newer, older)
    verdict = "better" if low > 0.0 else "worse" if high < 0.0 else "no clear change"
    return [
        f"Of leads from the newest {_COMPARED_WEEKS} weeks that are old enough to tell, "
        f"{percent(newer.value)} became customers within {_weeks(age)} of entry, against "
        f"{percent(older.value)} of the {_COMPARED_WEEKS} weeks before: {verdict} "
        f"({100.0 * apart:+.1f} points, {100.0 * low:+.1f} to {100.0 * high:+.1f})."
    ]


def _best_source(figures: Told) -> list[str]:
    age = _comparable_age(figures)
    if age is None:
        return []
    told = [item for item in _sources_at(figures, age) if item[1]["leads"] >= _FEWEST]
    if len(told) < 2:
        return []
    told.sort(key=lambda item: -float(item[1]["ratio"]))
    z = quantile(_CONFIDENCE, len(told))
    best, of = told[0]
    every = figures["all"]["by_age_weeks"][age]
    leads, deals = every["leads"] - of["leads"], every["deals"] - of["deals"]
    others = _figure(deals, leads, z)
    own = _figure(of["deals"], of["leads"], z)
    if own is None or others is None:
        return []
    sure = "" if difference(own, others)[1] > 0.0 else ", which may be chance"
    return [
        f"Leads from {best} convert best: {percent(own.value)} within {_weeks(age)} of entry, "
        f"all others {percent(others.value)}{sure}."
    ]


def _retention(figures: Told) -> list[str]:
    told = {
        month: of
        for month, of in figures["customers"]["by_month"].items()
        if of and of["customers"] >= _FEWEST and of["ratio"] is not None and month != "0"
    }
    if not told:
        return []
    month = max((m for m in told if m in _MONTHS_SHOWN), key=int, default=max(told, key=int))
    of = told[month]
    return [
        f"Of {of['customers']:,} customers {percent(of['ratio'])} were active in month {month} "
        f"after the one of their deal ({100.0 * of['low']:.0f} to {100.0 * of['high']:.0f} %)."
    ]


def _older(figures: Told) -> list[str]:
    late = sum(of["deals"] for of in figures["totals"].values()) - figures["all"]["deals"]
    if late <= 0:
        return []
    return [
        f"{late:,} more deals were of leads from before the {figures['weeks_kept']} weeks that "
        "are kept; they count in the totals by source alone."
    ]


def _rest(figures: Told) -> list[str]:
    if not figures["in_other"]:
        return []
    return [f"{figures['in_other']:,} leads are of sources beyond the first ones told apart."]


def _by_name(figures: Told, what: str) -> list[Table]:
    """Return cohorts by source, or by first segment; all leads beside sources alone."""
    cohorts = list(figures[f"{what}s"])
    if not cohorts:
        return []
    cohorts += [{"source": "all"} | figures["all"]] if what == "source" else []
    ages = _reached([of["by_age_weeks"] for of in cohorts])
    age = _comparable_age(figures)
    rows = [
        [
            of[what] if of.get("name") is None else f"{of[what]}: {of['name']}",
            *_first_cells(of),
            *_ratios(of["by_age_weeks"], ages),
            *([] if age is None else [_interval(of["by_age_weeks"][age])]),
        ]
        for of in cohorts
    ]
    heads = [what, *_HEADS, *(f"{age} w" for age in ages)]
    heads += [] if age is None else [f"95 %, {age} w"]
    by = "source" if what == "source" else "first segment (those that came into one)"
    title = f"Leads by {by}: share of those old enough that became customers, by weeks from entry"
    return [Table(title, heads, rows)]


def _by_week(figures: Told) -> list[Table]:
    weeks = figures["weeks"][-_WEEKS_SHOWN:]
    ages = _reached([of["by_age_weeks"] for of in weeks])
    rows = [
        [of["week"], of["monday"], *_first_cells(of), *_ratios(of["by_age_weeks"], ages)]
        for of in weeks
    ]
    title = "Leads by week of entry: share that became customers; - is not known yet"
    return [Table(title, ["week", "from", *_HEADS, *(f"{age} w" for age in ages)], rows)]


def _by_month(figures: Told) -> list[Table]:
    told = figures["customer_sources"]
    months = [
        month
        for month in _reached([of["by_month"] for of in told])
        if month in _MONTHS_SHOWN
    ]  # fmt: skip
    if not months:
        return []
    rows = [
        [name, f"{of['customers']:,}", *_ratios(of["by_month"], months)]
        for name, of in [*((of["source"], of) for of in told), ("all", figures["customers"])]
    ]
    title = "Customers by source: share active in a month, counted from the deal"
    heads = ["source", "customers", *(f"month {month}" for month in months)]
    return [Table(title, heads, rows)]


_HEADS = ("leads", "deals", "half within")


def _first_cells(of: Told) -> list[str]:
    days = of["cycle_days"]
    return [f"{of['leads']:,}", f"{of['deals']:,}", "-" if days is None else f"{days:,.0f} d"]


def _ratios(by_age: Told, ages: Sequence[str]) -> list[str]:
    return [percent(by_age[age]["ratio"]) if by_age[age] else "-" for age in ages]


def _interval(of: Told | None) -> str:
    if of is None or of["ratio"] is None:
        return "-"
    return f"{100.0 * of['low']:.1f}-{100.0 * of['high']:.1f}"


def _reached(cohorts: Sequence[Told]) -> list[str]:
    """Return the ages that at least one cohort has reached, in order."""
    return [age for age in (cohorts[0] if cohorts else ()) if any(of[age] for of in cohorts)]


def _sources_at(figures: Told, age: str) -> list[tuple[str, Told]]:
    found = [(of["source"], of["by_age_weeks"][age]) for of in figures["sources"]]
    return [(name, of) for name, of in found if of and of["ratio"] is not None]


def _comparable_age(figures: Told) -> str | None:
    """Return the highest age that half of all leads have reached; any, where none has half."""
    told = {age: of for age, of in figures["all"]["by_age_weeks"].items() if of}
    leads = figures["all"]["leads"]
    half = [age for age, of in told.items() if 2 * of["leads"] >= leads]
    return max(half or told, key=int, default=None)


def _trend_age(figures: Told) -> str | None:
    """Return the age, of those that enough weeks have reached, by which half the deals are made."""
    reached = {
        age: of
        for age, of in figures["all"]["by_age_weeks"].items()
        if sum(bool(week["by_age_weeks"][age]) for week in figures["weeks"]) >= 2 * _COMPARED_WEEKS
    }
    days = figures["all"]["cycle_days"]
    if days is None:
        return None
    enough = [age for age in reached if 7.0 * int(age) >= days]
    return min(enough, key=int) if enough else max(reached, key=int, default=None)


def _joined(cells: Sequence[Told]) -> Figure | None:
    deals, leads = (sum(of[what] for of in cells) for what in ("deals", "leads"))
    return _figure(deals, leads, quantile(_CONFIDENCE)) if leads >= _FEWEST else None


def _figure(deals: int, leads: int, z: float) -> Figure | None:
    if not 0 <= deals <= leads or not leads:
        return None
    share = deals / leads
    return Figure(share, *wilson(share, leads, z), leads)


def _weeks(count: int | str | None) -> str:
    return "1 week" if str(count) == "1" else f"{count} weeks"
