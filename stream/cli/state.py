"""Commands for stored lead states: check, migrate, repair, repartition."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import orjson
import typer

from stream.repartition import repartition as spread_anew
from stream.settings import Settings
from stream.state_repair import StateFault, check_states, migrate_states, repair_states

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

state_app = typer.Typer(
    help="Stored lead states: check, migrate, repair, repartition.\n\n"
    "Example: leadstream state check",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(state_app, name="state")


@state_app.command()
def check(json: Json = False) -> None:
    """Read every stored state and name those that cannot be read.

    Example: leadstream state check
    """
    readable, faults = asyncio.run(check_states(Settings()))
    if json:
        typer.echo(
            orjson.dumps({"readable": readable, "faults": [asdict(f) for f in faults]}).decode()
        )
    else:
        typer.echo(f"{readable} states can be read, {len(faults)} cannot")
        for fault in faults:
            typer.echo(f"partition {fault.partition}, {_named(fault)}: {fault.fault}")
    if faults:
        raise typer.Exit(1)


@state_app.command()
def migrate() -> None:
    """Carry the states of earlier schemas over to this release's; stop the workers first.

    Workers read earlier schemas too and carry over what they touch; this carries over the rest.

    Example: leadstream state migrate
    """

    async def run() -> tuple[int, int, list[StateFault]]:
        settings = Settings()
        migrated = await migrate_states(settings)
        return migrated, *await check_states(settings)

    migrated, readable, faults = asyncio.run(run())
    typer.echo(f"{migrated} states carried over, {readable} can be read, {len(faults)} cannot")
    if faults:
        typer.echo("`leadstream state repair` rebuilds them from their log", err=True)
        raise typer.Exit(1)


@state_app.command()
def repair(
    partial: Annotated[
        bool, typer.Option("--partial", help="Take what is left of a log that was cut.")
    ] = False,
) -> None:
    """Rebuild the states that cannot be read from their log; stop the workers first.

    Example: leadstream state repair
    """

    async def run() -> list[StateFault]:
        settings = Settings()
        _, faults = await check_states(settings)
        return await repair_states(settings, faults, partial=partial)

    repaired = asyncio.run(run())
    typer.echo(f"{len(repaired)} records rebuilt from the log")
    for fault in repaired:
        typer.echo(f"partition {fault.partition}, {_named(fault)}")


@state_app.command()
def repartition(
    partitions: Annotated[int, typer.Argument(min=1, help="How many there are to be.")],
) -> None:
    """Spread the leads over more partitions; stop the workers first, and let them finish.

    Example: leadstream state repartition 16
    """
    moved = asyncio.run(spread_anew(Settings(), partitions))
    typer.echo(
        f"{moved} leads move, and the topics have {partitions} partitions; start the workers with "
        f"LEADSTREAM_PARTITIONS={partitions}"
    )


def _named(fault: StateFault) -> str:
    return "the partition itself" if fault.lead_id is None else f"lead {fault.lead_id}"
