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
from online_models.catalogue import KINDS
from online_models.fairness_report import as_text
from schemas import documents
from stream.cli.evaluation_tables import print_report
from stream.cli.progress import shown_lines
from stream.cli.texts_table import texts_table
from stream.cli.worth_lines import worth_lines
from stream.evaluate import Evaluation
from stream.event_files import topic_of
from stream.lead.identity import LeadNotFoundError
from stream.model_cards import Subject, write_cards
from stream.plots import PlotsMissingError, check_plots, write_plots
from stream.settings import Settings
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
    models: Annotated[
        str | None,
        typer.Option(
            help="Kinds of models to compare, with commas; the first serves. By default "
            "LEADSTREAM_MODEL and LEADSTREAM_CHALLENGERS."
        ),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Draw calibration, lift and AUC over time into a folder.")
    ] = None,
    cards: Annotated[
        Path | None, typer.Option(help="Write a model card of each model into a folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Score a file's events without Kafka, and compare the scores with what became of the leads.

    Every score is made before its lead's outcome is known to the model.

    Example: leadstream evaluate events.jsonl.gz --plots plots --cards cards
    """
    effective = Settings()
    kinds = effective.kinds() if models is None else _kinds(models)
    # Before minutes of work, not after them.
    if plots is not None:
        _need_plots()
    for folder in filter(None, (plots, cards)):
        _make(folder)
    house = effective.house()
    evaluation = Evaluation(
        house,
        effective.email_key.get_secret_value().encode(),
        time.time(),
        kinds,
        reader=effective.text_reader(),
    )
    with shown_lines("evaluate", file) as lines:
        evaluation.take_in((topic_of(line), line) for line in lines)
    report = evaluation.report()
    if json:
        _print(report, json=True)
    else:
        print_report(report, Console())
        if "fairness" in report:
            typer.echo("\nHow groups fare, by each lead's first score\n")
            typer.echo(as_text(report["fairness"]))
    written: list[Path] = []
    if plots is not None:
        written += write_plots(evaluation.leads(), [*evaluation.first_at_s.values()], plots)
    if cards is not None:
        fairness = {kinds[0]: as_text(report["fairness"])} if "fairness" in report else None
        written += write_cards(report, Subject(file.name, house, kinds), cards, fairness)
    for path in written:
        typer.echo(f"written: {path}", err=True)


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(item.strip() for item in text.split(",") if item.strip()))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        said = f"{unknown[0]!r} is no kind of model" if unknown else "no kind of model is given"
        raise typer.BadParameter(f"{said}; known are {', '.join(KINDS)}", param_hint="--models")
    return kinds


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{folder}: {error.strerror or error}") from None


def _need_plots() -> None:
    try:
        check_plots()
    except PlotsMissingError as error:
        typer.echo(f"leadstream: {error}", err=True)
        raise typer.Exit(2) from None


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
    for line in worth_lines(report):
        console.print(line, highlight=False)
    if report["source"] is not None:
        path = " > ".join(touch["channel"] for touch in report["touchpoints"])
        way = f"; touched since by {path}" if path else ""
        console.print(f"came by {report['source']}{way}", markup=False, highlight=False)
    reasons = Table("why", "log-odds", title="Reasons", title_justify="left")
    for reason in report["reasons"]:
        reasons.add_row(reason["text"], f"{reason['contribution']:+.2f}")
    journey = Table("when", "what", "points", title="Journey, newest last", title_justify="left")
    for step in report["journey"]:
        journey.add_row(step["occurred_at"], step["what"], f"{step['points']:+g}")
    console.print(reasons, journey)
    console.print(f"points   {report['points']:g}  {report['points_by_rule']}", highlight=False)
    console.print(f"stage    {report['stage'] or 'none'}; outcome {report['outcome'] or 'open'}")
    if report["segment"] is not None:
        of = report["segment"]
        console.print(f"segment  {of['id']}: {of['name'] or 'not known any more'}", highlight=False)
    if report["rule_segments"]:
        console.print(f"in       {', '.join(report['rule_segments'])}", highlight=False)
    if report["texts"]:
        console.print(texts_table(report["texts"]))
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
