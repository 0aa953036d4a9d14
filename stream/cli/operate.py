"""Commands that operate a running system: topics, erase, models."""

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
from stream.kafka.clients import new_producer
from stream.kafka.feeder import Feeder
from stream.kafka.snapshots import read_snapshots
from stream.kafka.transactions import append
from stream.lead.identity import ANONYMOUS, IdentityError, check_ids
from stream.lead.learner import serving_record
from stream.lead.outputs import Output, rfc3339
from stream.lead.signature import signed
from stream.models import P_CONVERT, SnapshotStore
from stream.rights import PARTIES, rights
from stream.roles import parse_names
from stream.settings import Settings
from stream.stored_states import LeadNotFoundError, address_of, find_lead

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The model's name.")]

models_app = typer.Typer(
    help="Versions of the models: which serve, and going back to one.\n\n"
    "Example: leadstream models --json"
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(topics)
    app.command()(erase)
    app.add_typer(models_app, name="models")


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


@models_app.callback(invoke_without_command=True)
def list_models(context: typer.Context, json: Json = False) -> None:
    """List the kept versions, newest last, and which one serves.

    Example: leadstream models --json
    """
    if context.invoked_subcommand is not None:
        return
    store = asyncio.run(_store(Settings()))
    serving, pinned = store.serving(P_CONVERT), store.pinned(P_CONVERT)
    rows = [
        {
            "model": P_CONVERT,
            "version": version,
            "examples": document["examples"],
            "positives": document["positives"],
            "library": document["library"],
            "serving": version == serving,
            "pinned": version == pinned,
        }
        for version in store.versions(P_CONVERT)
        for document in (store.document(P_CONVERT, version),)
    ]
    if json:
        typer.echo(orjson.dumps(rows).decode())
        return
    if not rows:
        typer.echo("no version yet: scores come from the rules until the first outcomes are known")
        return
    table = Table("model", "version", "examples", "positives", "library", "")
    for row in rows[-20:]:
        role = ("serving " if row["serving"] else "") + ("pinned" if row["pinned"] else "")
        table.add_row(*(str(row[k]) for k in list(row)[:5]), role)
    Console().print(table)


@models_app.command()
def rollback(
    name: Name,
    version: Annotated[
        str | None, typer.Argument(help="The version; the one before the serving one if none.")
    ] = None,
) -> None:
    """Pin a former version, until `leadstream models release` lets the newest serve again.

    Example: leadstream models rollback p_convert 1200
    """
    settings = Settings()
    store = asyncio.run(_store(settings))
    kept = [v for v in store.versions(name) if store.scorer(name, v) is not None]
    if version is None:
        serving = store.serving(name)
        earlier = kept[: kept.index(serving)] if serving in kept else kept
        version = earlier[-1] if earlier else None
    if version is None or version not in kept:
        some = ", ".join(kept[-10:]) or "none"
        raise typer.BadParameter(
            f"model {name!r} has no version {version or 'to go back to'}; kept: {some}"
        )
    asyncio.run(_write(settings, name, version))
    typer.echo(f"{name} is pinned to version {version}")


@models_app.command()
def release(name: Name) -> None:
    """Let the newest version serve again.

    Example: leadstream models release p_convert
    """
    asyncio.run(_write(Settings(), name, None))
    typer.echo(f"{name} serves its newest version again")


async def _store(settings: Settings) -> SnapshotStore:
    store = SnapshotStore()
    await read_snapshots(settings, store)
    return store


async def _write(settings: Settings, name: str, version: str | None) -> None:
    record = serving_record(name, "pin", version or "")
    if version is None:
        record = Output(record.topic, record.key, None, [])
    record = signed(record, settings.snapshot_key.get_secret_value().encode())
    producer = new_producer(settings)
    await producer.start()
    try:
        topic = settings.topic(record.topic)
        await append(producer, [(topic, 0, record.key, record.value, record.headers)])
    finally:
        await producer.stop()
