"""Command report: what all leads together did, and will do."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from schemas.topics import DAY_S
from stream.event_files import read_lines
from stream.plots import PlotsMissingError, check_plots
from stream.report_plots import write_plot
from stream.report_sources import report_from_kafka, report_from_log
from stream.reports.catalogue import REPORTS
from stream.reports.report import Table, View
from stream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(report)


def report(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(REPORTS)}.")],
    log: Annotated[
        Path | None,
        typer.Argument(
            metavar="[LOG]",
            help="JSON lines of the contract, .gz is fine; by default what the workers have "
            "learned, from Kafka.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw it into a PNG file, too.", dir_okay=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a report: attribution, lifetime value, forecast and more, as of now.

    Example: leadstream report attribution --plot attribution.png
    """
    if name not in REPORTS:
        raise typer.BadParameter(
            f"{name!r} is no report; known are {', '.join(REPORTS)}", param_hint="NAME"
        )
    if plot is not None:
        try:
            check_plots()
        except PlotsMissingError as error:
            typer.echo(f"leadstream: {error}", err=True)
            raise typer.Exit(2) from None
    settings = Settings()
    today: int | None = None
    if log is None:
        found = asyncio.run(report_from_kafka(settings, name))
    else:  # of the past, its newest day is the present one
        found, today = report_from_log(settings, name, read_lines(log))
    figures = found.figures(int(time.time() // DAY_S) if today is None else today)
    if json:
        typer.echo(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(found.view(figures), Console())
    if plot is not None:
        drawn = found.plots(figures)
        if not drawn:
            typer.echo("leadstream: there is nothing to draw yet", err=True)
            raise typer.Exit(1)
        write_plot(drawn, plot)
        typer.echo(f"written: {plot}", err=True)


def _print(view: View, console: Console) -> None:
    for sentence in view.sentences:
        console.print(sentence, markup=False, highlight=False)
    for table in view.tables:
        console.print()
        console.print(_table(table))


def _table(table: Table) -> RichTable:
    drawn = RichTable(
        title=table.title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    for number, head in enumerate(table.heads):
        drawn.add_column(head, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn
