"""The report of an evaluation as tables that are read at a glance."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from stream.evaluate import SERVED
from stream.quality import FIFTHS, SEEN, TIERS

NOTHING = "-"
Report = Mapping[str, Any]


class Figure(NamedTuple):
    """A column: its head, its name in the report, how it is written, and what is best."""

    head: str
    name: str
    write: str
    best: Callable[[Iterable[float]], float]


QUALITY = (
    Figure("AUC\nlast score", "auc", "{:.3f}", max),
    Figure("AUC\nall scores", "auc_events", "{:.3f}", max),
    Figure("AUC\nnewest 5th", "auc_last_fifth", "{:.3f}", max),
    Figure("average\nprecision", "average_precision", "{:.3f}", max),
    Figure("log\nloss", "log_loss", "{:.3f}", min),
    Figure("Brier\nscore", "brier", "{:.3f}", min),
    Figure("calib.\nerror", "calibration_error", "{:.3f}", min),
)
SPEED = (
    Figure("learned\na second", "examples_per_s", "{:,.0f}", max),
    Figure("scored and\nexplained, µs", "predict_with_reasons_us", "{:,.0f}", min),
)
COUNTS = ("events", "leads", "decided", "positives", "undecided", "dead_letters", "events_per_s")


def print_report(report: Report, console: Console) -> None:
    """Print a report of ``stream.evaluate``: counts, then one table a question."""
    ways = ways_of(report)
    counts = "   ".join(f"{name} [bold]{_count(report[name])}[/bold]" for name in COUNTS)
    console.print(counts, highlight=False)
    for refused in report["first_dead_letters"]:
        console.print(f"refused: {refused}", markup=False, highlight=False)
    console.print(
        *(_titled(title, table) for title, table in _tables(ways)),
        Text(
            f"Green: the best of a column. {SERVED}: champion and rules together, weighed by how "
            "many outcomes were learned; the others each on their own. AUC: how often a lead that "
            "wins outranks one that does not, 0.5 by chance. Calib.(ation) error: how far chances "
            "are off, 0.01 a percentage point. Lift: how many times as many win as of all "
            "leads.",
            style="dim",
        ),
        sep="\n",
    )


def ways_of(report: Report) -> dict[str, Report]:
    """Return the figures of each way to score: as served, each model alone, the rules alone."""
    return {SERVED: report, **report["models"]}


def _tables(ways: Mapping[str, Report]) -> Iterable[tuple[str, Table]]:
    yield "How good the scores are", _figures(QUALITY, ways)
    learners = {name: way for name, way in ways.items() if "main_facts" in way}
    yield "How fast the models are", _figures(SPEED, learners)
    yield "What a tier is worth, by each lead's last score", _by_tier(ways)
    seen = [name for name, _, _ in SEEN]
    yield (
        "AUC by events seen of a lead",
        _by(
            seen,
            {name: [way["by_events_seen"][part] for part in seen] for name, way in ways.items()},
        ),
    )
    fifths = ["oldest 5th", *(f"{n}." for n in range(2, FIFTHS)), "newest 5th"]
    yield (
        "AUC by time, in fifths of leads by their first event",
        _by(fifths, {name: way["by_fifth"] for name, way in ways.items()}),
    )


def _figures(columns: Iterable[Figure], ways: Mapping[str, Report]) -> Table:
    table = _table("")
    rows: list[list[Text]] = [[Text(name)] for name in ways]
    for figure in columns:
        table.add_column(figure.head, justify="right")
        cells = _marked([way[figure.name] for way in ways.values()], figure.write, figure.best)
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell)
    for row in rows:
        table.add_row(*row)
    return table


def _by(heads: Iterable[str], parts: Mapping[str, list[Report]]) -> Table:
    table = _table("")
    rows: list[list[Text]] = [[Text(name)] for name in parts]
    for number, head in enumerate(heads):
        table.add_column(head, justify="right")
        cells = _marked([part[number]["auc"] for part in parts.values()], "{:.3f}", max)
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell)
    for row in rows:
        table.add_row(*row)
    return table


def _by_tier(ways: Mapping[str, Report]) -> Table:
    table = _table("", "tier")
    heads = ("leads", "of them won\n(precision)", "of all won\n(recall)", "times base\n(lift)")
    for head in heads:
        table.add_column(head, justify="right")
    for name, way in ways.items():
        for number, tier in enumerate(TIERS):
            of_tier = way["tiers"][tier]
            table.add_row(
                "" if number else name,
                tier,
                f"{of_tier['leads']:,}",
                _written(of_tier["precision"], "{:.1%}").replace("%", " %"),
                _written(of_tier["recall"], "{:.1%}").replace("%", " %"),
                _written(of_tier["lift"], "{:.2f}"),
                end_section=number == len(TIERS) - 1,
            )
    return table


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for head in heads:
        table.add_column(head, no_wrap=True)
    return table


def _titled(title: str, table: Table) -> RenderableType:
    return Group(Text(f"\n{title}", style="bold"), table)


def _marked(
    values: list[float | None], write: str, best: Callable[[Iterable[float]], float]
) -> list[Text]:
    known = [value for value in values if value is not None]
    marked = best(known) if len(known) > 1 else None
    return [
        Text(_written(value, write), style="bold green" if value == marked else "")
        if value is not None
        else Text(NOTHING)
        for value in values
    ]


def _written(value: float | None, write: str) -> str:
    return NOTHING if value is None else write.format(value)


def _count(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"
