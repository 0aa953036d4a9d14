"""Command import: what a CRM exports, as events."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stream.cli.progress import shown_progress
from stream.importing.csv_files import CsvFile, CsvFileError
from stream.importing.importing import (
    Imported,
    Ledger,
    NoSink,
    Rejects,
    free_path,
    import_rows,
)
from stream.importing.loading import checker, load_map
from stream.importing.maps import ImportMap
from stream.importing.rows import HeaderError, RowEvent, RowMapper
from stream.kafka.feeder import Feeder
from stream.lead.outputs import encode_key
from stream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("import")(import_file)


def import_file(
    file: Annotated[
        Path, typer.Argument(help="A CSV file in UTF-8; its first line names columns.")
    ],
    import_map: Annotated[
        str, typer.Option("--map", help="hubspot, salesforce, or a TOML file of your own.")
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(help="Where bad rows go; by default beside FILE, as NAME.rejects.csv."),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option(
            help="A file of what was imported before: that is left out, what is sent is added."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing and write nothing; say what would be.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send what a CRM exported (deals, contacts) into Kafka as events.

    The same row has the same event id, so what is imported again within
    LEADSTREAM_DUPLICATE_WINDOW_S changes nothing; with --ledger it never does. Ends with 1 where
    rows are bad: mend them in the file of rejects, and import that.

    Example: leadstream import deals.csv --map hubspot --dry-run
    """
    settings = Settings()
    found_map = load_map(import_map)
    csv_file = CsvFile(file, found_map.known_columns(), found_map.delimiter)
    mapper = _mapper(settings, found_map, csv_file, time.time())
    aside = Rejects(None if dry_run else rejects or free_path(file), csv_file)
    known = Ledger(ledger, is_read_only=dry_run)
    with shown_progress("import", file.stat().st_size, in_bytes=True) as progress:
        work = _send(settings, csv_file, mapper, aside, known, progress, dry_run=dry_run)
        imported = asyncio.run(work)
    if json:
        told = _summary(imported, aside)
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(imported, dry_run=dry_run)
    for number, reason in imported.faults:
        typer.echo(f"leadstream: {file}, row {number}: {reason}", err=True)
    if imported.rejected:
        remedy = (
            "without --dry-run they are set aside in a file, to be mended and imported"
            if dry_run
            else f"mend them in {aside.path}, and import that"
        )
        typer.echo(f"leadstream: {imported.rejected:,} bad rows; {remedy}", err=True)
        raise typer.Exit(1)


def _mapper(settings: Settings, found_map: ImportMap, csv_file: CsvFile, now_s: float) -> RowMapper:
    is_live = settings.clock == "wall"
    try:
        return RowMapper(
            found_map,
            csv_file.columns,
            checker(settings, now_s),
            now_s - settings.late_grace_s if is_live else None,
        )
    except HeaderError as error:
        raise CsvFileError(f"{csv_file.path}, {error}") from None


class _KafkaSink:
    """The input topics."""

    def __init__(self, feeder: Feeder) -> None:
        self._feeder = feeder

    async def send(self, event: RowEvent) -> None:
        """Send an event to its topic."""
        await self._feeder.send(event.topic, encode_key(event.event["lead_id"]), event.value)

    async def settle(self) -> None:
        """Wait until all in-sync replicas have what was sent."""
        await self._feeder.settle()


async def _send(
    settings: Settings,
    csv_file: CsvFile,
    mapper: RowMapper,
    aside: Rejects,
    known: Ledger,
    progress: Callable[[float], None],
    *,
    dry_run: bool,
) -> Imported:
    if dry_run:
        return await import_rows(csv_file, mapper, aside, known, NoSink(), progress)
    # Rows are no stream that has to stay in step: nothing holds back while no worker runs.
    feeder = Feeder(settings, max_lag=0)
    await feeder.start()
    try:
        return await import_rows(csv_file, mapper, aside, known, _KafkaSink(feeder), progress)
    finally:
        await feeder.stop()


def _summary(imported: Imported, aside: Rejects) -> dict[str, Any]:
    return {
        "rows": imported.rows,
        "events": dict(imported.events),
        "rows_without_event": imported.without_event,
        "events_known_before": imported.known_before,
        "bad_rows": imported.rejected,
        "rejects": str(aside.path) if aside.is_written else None,
        "faults": [{"row": number, "reason": reason} for number, reason in imported.faults],
        "first_events": [event.event for event in imported.first],
    }


def _print(imported: Imported, *, dry_run: bool) -> None:
    if dry_run:
        for event in imported.first:
            typer.echo(event.value.decode())
    verb = "would be sent" if dry_run else "sent"
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in imported.events.items())
    told = f": {kinds}" if kinds else ""
    typer.echo(f"{imported.rows:,} rows, {imported.events.total():,} events {verb}{told}")
    if imported.known_before:
        typer.echo(f"{imported.known_before:,} events were imported before (--ledger)")
    if imported.without_event:
        typer.echo(f"{imported.without_event:,} rows have no event by the map")
