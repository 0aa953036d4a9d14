"""Command export: outputs and milestones as Parquet, for a warehouse."""

import asyncio
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import orjson
import typer

from schemas.topics import DAY_S
from stream.cli.progress import shown_progress
from stream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(export)


def export(
    folder: Annotated[
        Path, typer.Argument(help="Where to; the same one every time.", file_okay=False)
    ],
    reports: Annotated[
        bool, typer.Option("--reports", help="Write each report's figures, too.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write what has come since the last export as Parquet: FOLDER/TABLE/day=YYYY-MM-DD/….

    Each record is written once, also where a run was killed and started again.

    Example: leadstream export /srv/warehouse --reports
    """
    if find_spec("pyarrow") is None:
        typer.echo(
            "leadstream: export needs pyarrow: pip install 'leadstream[warehouse]'", err=True
        )
        raise typer.Exit(2)
    from stream import warehouse  # noqa: PLC0415 - it imports pyarrow, which is an extra

    settings = Settings()
    with shown_progress("export"):
        exported = asyncio.run(warehouse.export(settings, folder))
        today = int(time.time() // DAY_S)
        written = asyncio.run(warehouse.write_reports(settings, folder, today)) if reports else []
    if json:
        found = {
            "rows": exported.rows,
            "unreadable": exported.unreadable,
            "missed_offsets": exported.missed_offsets,
            "reports": written,
        }
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        for name, count in exported.rows.items():
            typer.echo(f"{count:>12,}  {name}")
        for file in written:
            typer.echo(f"     written  {file}")
    for topic, count in exported.unreadable.items():
        typer.echo(
            f"leadstream: {topic}: {count:,} records are no messages of this release, or "
            "refused events; they are passed over",
            err=True,
        )
    for where, count in exported.missed_offsets.items():
        typer.echo(
            f"leadstream: {where}: Kafka deleted {count:,} offsets before they were exported; "
            "export more often than retention deletes",
            err=True,
        )
