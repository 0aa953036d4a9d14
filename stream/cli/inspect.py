"""Commands that look: evaluate, explain, settings, schemas."""

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Column, Table

import schemas
from schemas import documents
from stream.evaluate import evaluate as run_evaluation
from stream.event_files import read_lines, topic_of
from stream.settings import Settings
from stream.stored_states import LeadNotFoundError
from stream.stored_states import explain as explain_lead

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(evaluate)
    app.command()(explain)
    app.command()(settings)
    app.command(name="schemas")(write_schemas)


def evaluate(
    file: Annotated[Path, typer.Argument(help="JSON lines of the contract; .gz is fine.")],
    json: Json = False,
) -> None:
    """Score a file's events without Kafka, and compare the scores with what became of the leads.

    Every score is made before its lead's outcome is known to the model.

    Example: leadstream evaluate events.jsonl.gz --json
    """
    effective = Settings()
    report = run_evaluation(
        ((topic_of(line), line) for line in read_lines(file)),
        effective.house(),
        effective.email_key.get_secret_value().encode(),
        time.time(),
        effective.model,
    )
    _print(report, json=json)


def explain(
    lead_id: Annotated[
        str, typer.Argument(help="The lead's id; anon:ID for a visitor, or an email address.")
    ],
    json: Json = False,
) -> None:
    """Show a lead's score with its reasons, journey, open decisions and consent.

    Example: leadstream explain lead-4711
    """
    try:
        report = asyncio.run(explain_lead(Settings(), lead_id))
    except LeadNotFoundError as error:
        typer.echo(f"leadstream: {error}", err=True)
        raise typer.Exit(1) from None
    if json:
        _print(report, json=True)
        return
    console = Console()
    console.print(
        f"[bold]{report['lead_id']}[/bold]  score [bold]{report['score']:.0f}[/bold] "
        f"({report['tier']}), converts with {100 * report['p_convert']:.1f} % "
        f"(between {100 * report['p_low']:.1f} and {100 * report['p_high']:.1f} %)",
        highlight=False,
    )
    console.print(
        f"as of {report['last_event_at']}, model {report['model']}/{report['model_version']}, "
        f"learned share {100 * report['model_weight']:.0f} %, the rest from rule points",
        highlight=False,
    )
    reasons = Table("why", "log-odds", title="Reasons", title_justify="left")
    for reason in report["reasons"]:
        reasons.add_row(reason["feature"], f"{reason['contribution']:+.2f}")
    journey = Table("when", "what", "points", title="Journey, newest last", title_justify="left")
    for step in report["journey"]:
        journey.add_row(step["occurred_at"], step["what"], f"{step['points']:+g}")
    console.print(reasons, journey)
    console.print(f"points   {report['points']:g}  {report['points_by_rule']}", highlight=False)
    console.print(f"stage    {report['stage'] or 'none'}; outcome {report['outcome'] or 'open'}")
    for entry in report["discounted"]:
        console.print(
            f"ignored  {entry['count']} x {entry['kind']}: {entry['reason']}, "
            f"latest {entry['latest_at']}",
            highlight=False,
        )
    console.print(f"consent  {report['consent'] or 'nothing said'}", highlight=False)
    allowed = [purpose for purpose, is_allowed in report["allowed"].items() if is_allowed]
    console.print(f"allowed  {', '.join(allowed) or 'nothing'}", highlight=False)
    console.print(f"open     {report['open_decisions'] or 'no decisions'}", highlight=False)


def settings(json: Json = False) -> None:
    """Print the effective settings, secrets masked.

    Example: LEADSTREAM_HOT_AT=90 leadstream settings
    """
    effective = Settings()
    values = effective.model_dump(mode="json")
    if json:
        _print(values, json=True)
        return
    name_column = Column("setting", no_wrap=True)
    table = Table(name_column, "value", "", show_header=False, box=None)
    for name, field in Settings.model_fields.items():
        mark = "*" if name in effective.model_fields_set else " "
        table.add_row(
            f"{mark} LEADSTREAM_{name.upper()}", str(values[name]), field.description or ""
        )
    console = Console()
    console.print(table)
    console.print("* differs from the default because it was set", highlight=False)


def write_schemas(
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path(
        str(schemas.__file__)
    ).parent
    / "json",
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether they are true.")
    ] = False,
) -> None:
    """Write a JSON Schema for every message, and the AsyncAPI document.

    Example: leadstream schemas --folder /tmp/schemas
    """
    if check:
        stale = documents.stale(folder)
        if stale:
            typer.echo(f"stale: {', '.join(stale)}; run `leadstream schemas`", err=True)
            raise typer.Exit(1)
        typer.echo(f"{folder}: up to date")
        return
    for path in documents.write(folder):
        typer.echo(path)


def _print(report: dict[str, Any], *, json: bool) -> None:
    if json:
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        return
    for name, value in report.items():
        rows = dict(enumerate(value, start=1)) if isinstance(value, list) else value
        if isinstance(rows, dict) and any(isinstance(row, dict) for row in rows.values()):
            typer.echo(f"{name:>23}")
            for key, row in rows.items():
                figures = "  ".join(f"{figure} {found}" for figure, found in row.items())
                typer.echo(f"{key:>23}  {figures}")
        else:
            typer.echo(f"{name:>23}  {value}")
