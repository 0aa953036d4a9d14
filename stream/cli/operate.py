"""Commands that operate a running system: topics, erase."""

import asyncio
import time
import uuid
from dataclasses import asdict
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from schemas import topics as contract
from stream.kafka.administration import ensure_topics
from stream.kafka.feeder import Feeder
from stream.lead.identity import ANONYMOUS, IdentityError, LeadNotFoundError, check_ids
from stream.lead.outputs import rfc3339
from stream.rights import PARTIES, rights
from stream.roles import parse_names
from stream.settings import Settings
from stream.stored_states import address_of, find_lead

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(topics)
    app.command()(erase)


def topics(
    verify: Annotated[
        bool, typer.Option("--verify", help="Create nothing, only compare with the contract.")
    ] = False,
    acls: Annotated[
        bool, typer.Option("--acls", help="Only print the ACLs that a deployment needs.")
    ] = False,
    role: Annotated[
        str, typer.Option(help="With --acls: whose, with commas between them.")
    ] = ",".join(PARTIES),
    user: Annotated[
        str | None, typer.Option(help="With --acls: Kafka's name of the user, for all these roles.")
    ] = None,
    json: Json = False,
) -> None:
    """Create every topic that is missing, and verify the others.

    Example: LEADSTREAM_REPLICATION=3 leadstream topics

    Example: leadstream topics --acls --role route,score,learn --user worker
    """
    if acls:
        _print_acls(role, user, json=json)
        return
    reports = asyncio.run(ensure_topics(Settings(), create=not verify))
    if json:
        typer.echo(orjson.dumps([asdict(r) for r in reports]).decode())
    else:
        table = Table("topic", "partitions", "cleanup", "retention", "")
        for report in reports:
            kept = "for ever" if report.retention_s is None else f"{report.retention_s // 86400} d"
            status = "created" if report.created else "as it should be"
            if report.fault:
                status = "at fault, see below"
            table.add_row(report.name, str(report.partitions), report.cleanup, kept, status)
        Console().print(table)
    faults = [report.fault for report in reports if report.fault]
    for fault in faults:
        typer.echo(f"leadstream: {fault}", err=True)
    if faults:
        raise typer.Exit(1)


def _print_acls(role: str, user: str | None, *, json: bool) -> None:
    try:
        parties = parse_names(role, PARTIES)
    except ValueError as error:
        raise typer.BadParameter(f"--role {error}") from None
    settings = Settings()
    needed = rights(settings, parties, user)
    if json:
        typer.echo(orjson.dumps([asdict(right) for right in needed]).decode())
        return
    for right in needed:
        typer.echo(right.command(settings.kafka_bootstrap))


def erase(
    lead_id: Annotated[
        str, typer.Argument(help="The lead's id; anon:ID for a visitor, or an email address.")
    ],
) -> None:
    """Forget a lead: its state, and all that points at it.

    Visitors, email addresses and merged leads that belong to the lead are forgotten with it. Old
    events do not bring it back; whoever acts anew begins anew. A record that names nobody goes to
    the topic `erasures` and says what ends later.

    Example: leadstream erase lead-4711
    """
    settings = Settings()
    # An email address never travels: its keyed hash is what leadstream knows the lead by.
    address = address_of(settings, lead_id)
    identifier = {"lead_id": address}
    if address.startswith(ANONYMOUS):
        identifier = {"anonymous_id": address.removeprefix(ANONYMOUS)}
    try:
        check_ids(identifier)
    except IdentityError as error:
        raise typer.BadParameter(str(error)) from None

    async def send() -> bool:
        is_known = True
        try:
            _, now_s = await find_lead(settings, address)
        except LeadNotFoundError:
            is_known, now_s = False, time.time()
        at_s = time.time() if settings.clock == "wall" else now_s
        event = {
            "type": "erasure",
            "event_id": f"erase-{uuid.uuid4()}",
            "occurred_at": rfc3339(at_s),
            **identifier,
        }
        feeder = Feeder(settings, max_lag=0)
        await feeder.start()
        try:
            await feeder.send(contract.CRM_UPDATES.name, address.encode(), orjson.dumps(event))
            await feeder.settle()
        finally:
            await feeder.stop()
        return is_known

    is_known = asyncio.run(send())
    if not is_known:
        typer.echo(f"no state of {address}; events of it that are under way are kept away")
    typer.echo(
        f"erasure of {address} sent; the worker that owns the lead forgets it with its aliases, "
        f"and says so in {settings.topic(contract.ERASURES.name)}"
    )
