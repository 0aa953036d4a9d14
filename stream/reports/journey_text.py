"""The journey of leads in words, tables and drawings."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.topics import DAY_S
from stream.reports.report import Bars, Table, View, percent

Told = Mapping[str, Any]
_MOVES_SHOWN = 15
_MANY_UNDER_WAY = 0.2
"""From this share of leads on, how those under way will end may change what is told."""


def view_of(figures: Told) -> View:
    """Say what ``JourneyReport.figures`` returned."""
    if not figures["stages"]:
        return View(["No lead has entered yet."], [])
    sentences = [_overall(figures), _bottleneck(figures), *_slowest(figures)]
    return View(
        [*sentences, *_notes(figures)],
        [_by_stage(figures), *_by_time(figures), *_by_move(figures)],
    )


def plots_of(figures: Told) -> Sequence[Bars]:
    """Return the drop-off of each stage, in the order of the journey."""
    told = [stage for stage in figures["stages"] if stage["drop_off_ratio"] is not None]
    dropping = [stage for stage in told if stage["lost"] + stage["silent"]]
    if not dropping:
        return []
    spoken = [stage for stage in dropping if stage["left"] >= figures["fewest_left"]]
    worst = max(spoken or dropping, key=lambda stage: float(stage["drop_off_ratio"]))
    return [
        Bars(
            f"Most drop off in {worst['name']}: {percent(worst['drop_off_ratio'])} of who leave it",
            [stage["name"] for stage in told],
            [100.0 * stage["drop_off_ratio"] for stage in told],
            "% of those who left the stage, with 95 % intervals",
            [100.0 * stage["drop_off_low"] for stage in told],
            [100.0 * stage["drop_off_high"] for stage in told],
        )
    ]


def _overall(figures: Told) -> str:
    won, lost, silent = (figures[result] for result in ("won", "lost", "silent"))
    sentence = (
        f"{figures['entered']:,} leads have entered. Journeys that ended: {won:,} in a deal, "
        f"{lost:,} lost, {silent:,} in silence."
    )
    if figures["conversion_ratio"] is None or not won:
        return sentence
    sentence += (
        f" If leads go on as those did who have left their stages, "
        f"{percent(figures['conversion_ratio'])} of new ones become customers in the end."
    )
    under_way = sum(stage["now"] for stage in figures["stages"])
    if under_way < _MANY_UNDER_WAY * figures["entered"]:
        return sentence
    return (
        f"{sentence} But {under_way:,} are still under way: if these fall silent more often, it "
        "will be less. What newer leads do by age is told by report cohorts."
    )


def _bottleneck(figures: Told) -> str:
    stage = _named(figures, figures["bottleneck"])
    if stage is None:
        return (
            f"No bottleneck can be named yet: it takes deals, and a stage that "
            f"{figures['fewest_left']} leads have left, some of them lost or silent."
        )
    before, gain = figures["conversion_ratio"], stage["gain_ratio"]
    return (
        f"Work on {stage['name']} first. {percent(stage['drop_off_ratio'])} of those who leave it "
        f"drop off. If one in ten of these went on like the others, conversion would rise from "
        f"{percent(before)} to {percent(before + gain)}: {1_000.0 * gain:.0f} more deals from "
        "1,000 new leads, more than in any other stage."
    )


def _slowest(figures: Told) -> list[str]:
    stage = _named(figures, figures["slowest"])
    if stage is None:
        return []
    return [
        f"{stage['name']} takes longest: {percent(stage['time_ratio'])} of the time to a deal, "
        f"{_span(stage['contribution_s'])} of {_span(figures['expected_s'])} on the average."
    ]


def _notes(figures: Told) -> list[str]:
    notes = [
        "'now' is entered minus left. A lead that fell silent has left; if it comes back, it is "
        "counted as leaving once more."
    ]
    if unseen := sum(stage["unseen"] for stage in figures["stages"]):
        notes.append(
            f"Stages were left {unseen:,} times more often than entered: by leads that came back, "
            "or were there before counting began."
        )
    if after := figures["moved_after_end"]:
        notes.append(
            f"Moves right after the end of a journey, as to a stage for customers: {after:,}; "
            "they are no part of it."
        )
    if figures["in_other"]:
        notes.append(f"Counted as other: {figures['in_other']:,} facts of further stages.")
    return notes


def _by_stage(figures: Told) -> Table:
    rows = [
        [
            stage["name"],
            f"{stage['entered']:,}",
            f"{stage['now']:,}",
            f"{stage['moved_on']:,}",
            f"{stage['moved_back']:,}",
            f"{stage['won']:,}",
            f"{stage['lost']:,}",
            f"{stage['silent']:,}",
            percent(stage["drop_off_ratio"]),
            _interval(stage),
        ]
        for stage in figures["stages"]
    ]
    heads = ["stage", "entered", "now", "on", "back", "won", "lost", "silent", "drop-off", "95 %"]
    return Table("Stages: where leads go on, and where they drop off", heads, rows)


def _by_time(figures: Told) -> list[Table]:
    rows = [
        [
            stage["name"],
            _span(stage["median_s"]),
            _span(stage["p90_s"]),
            percent(stage["time_ratio"]),
            percent(stage["won_ratio"]),
            f"{1_000.0 * stage['gain_ratio']:.1f}",
        ]
        for stage in figures["stages"]
        if stage["left"]
    ]
    heads = ["stage", "half leave in", "90 % in", "of time to deal", "won in the end", "gain"]
    title = "Stages: time, and the deals that 1,000 leads gain if a tenth of its drop-off goes on"
    return [Table(title, heads, rows)] if rows else []


def _by_move(figures: Told) -> list[Table]:
    rows = [
        [
            f"{move['from_stage']} -> {move['to_stage']}" + " (back)" * move["is_backward"],
            f"{move['count']:,}",
            percent(move["ratio"]),
            _span(move["median_s"]),
        ]
        for move in figures["moves"][:_MOVES_SHOWN]
    ]
    title = "Moves, the most frequent first"
    return [Table(title, ["move", "leads", "of all who left", "after"], rows)] if rows else []


def _named(figures: Told, name: str | None) -> Told | None:
    return next((stage for stage in figures["stages"] if stage["name"] == name), None)


def _interval(stage: Told) -> str:
    if stage["drop_off_low"] is None:
        return "-"
    return f"{100.0 * stage['drop_off_low']:.0f}-{100.0 * stage['drop_off_high']:.0f}"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 3_600.0:
        return f"{seconds / 60.0:.0f} min"
    return f"{seconds / 3_600.0:.1f} h" if seconds < DAY_S else f"{seconds / DAY_S:.1f} days"
