"""Commands that run something: demo, worker, simulate, replay."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import structlog
import typer
from aiokafka.errors import KafkaConnectionError

from stream.app import WorkerProcess
from stream.cli.progress import shown_lines, shown_progress
from stream.cli.serving import collect_garbage_rarely, warn_of_development_keys
from stream.demo import Demo
from stream.event_files import read_lines, topic_of
from stream.kafka import event_loop
from stream.kafka.authorization import DENIED, RightsError, denial
from stream.kafka.feeder import Feeder
from stream.lead.outputs import epoch_s
from stream.logs import configure_logs, fault_of
from stream.roles import ROLES, parse_names
from stream.settings import Settings
from stream.simulator import Simulation
from stream.simulator.fitting import FitError, fitted

SIMULATION_START = datetime(2026, 1, 5, tzinfo=UTC)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(demo)
    app.command()(worker)
    app.command()(simulate)
    app.command()(replay)


def demo(
    events: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many events with a summary.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed, the same leads.")] = 1,
    rate: Annotated[
        float, typer.Option(min=0, help="Events per second at most; 0 is as fast as possible.")
    ] = 300.0,
    kafka: Annotated[str, typer.Option(help="embedded, jvm, docker or HOST:PORT.")] = "embedded",
    opens: Annotated[bool, typer.Option("--open", help="Open the console in a browser.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """See leads being scored live: a broker, simulated leads and a worker in one command.

    Example: leadstream demo --events 20000 --kafka jvm
    """
    configure_logs("WARNING", "auto")
    summary = asyncio.run(Demo(kafka, events, seed, rate, quiet=json, opens=opens).run())
    if json:
        print(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
    else:
        for name, value in summary.items():
            print(f"{name:>16}  {value}")


def worker(
    roles: Annotated[
        str, typer.Option(help="Which agents run here, with commas: route, score, learn.")
    ] = ",".join(ROLES),
) -> None:
    """Run the agents against the configured Kafka until SIGTERM or Ctrl-C.

    Example: LEADSTREAM_KAFKA_BOOTSTRAP=kafka:9092 leadstream worker --roles score
    """
    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    warn_of_development_keys(settings)
    try:
        chosen = parse_names(roles, ROLES)
    except ValueError as error:
        raise typer.BadParameter(f"--roles {error}") from None

    collect_garbage_rarely()

    def started(url: str) -> None:
        print(f"leadstream worker ({roles}) is up; metrics at {url}/metrics", file=sys.stderr)

    event_loop.run(_work(WorkerProcess(settings, chosen), started))


async def _work(process: WorkerProcess, started: Callable[[str], None]) -> None:
    try:
        await process.run(started)
    except KafkaConnectionError as error:
        message = f"Kafka does not answer ({error}); check LEADSTREAM_KAFKA_BOOTSTRAP"
        print(f"leadstream: {message}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
    except (*DENIED, RightsError) as error:
        print(f"leadstream: {denial(error)}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
    except Exception as error:
        structlog.get_logger(__name__).exception("the worker cannot go on", error=fault_of(error))
        sys.stderr.flush()
        # Tasks and threads of the engine may still wait for Kafka; who restarts us must not.
        os._exit(1)


def simulate(
    events: Annotated[int, typer.Option(min=1, help="How many events.")] = 10_000,
    rate: Annotated[
        float, typer.Option(min=0, help="Events per second at most; 0 is as fast as possible.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed, the same leads.")] = 1,
    max_lag: Annotated[
        int, typer.Option(min=0, help="Hold back while workers are this far behind; 0 never.")
    ] = 1_000,
    fit: Annotated[
        Path | None,
        typer.Option(help="Send nothing: print the world that a log of events fits, as JSON."),
    ] = None,
) -> None:
    """Send seeded, simulated leads into Kafka, or fit their world to a log.

    Their events happened on days of their own: run workers with LEADSTREAM_CLOCK=event.
    A log for --fit holds events of the contract, and triggers where there were any.

    Example: leadstream simulate --events 100000 --rate 500
    """
    if fit is not None:
        typer.echo(orjson.dumps(_fitted(fit), option=orjson.OPT_INDENT_2).decode())
        return

    async def feed() -> None:
        feeder = Feeder(Settings(), max_lag)
        await feeder.start()
        try:
            started_s = time.monotonic()
            with shown_progress("simulate", events) as progress:
                for event in Simulation(events=events, seed=seed, start=SIMULATION_START):
                    await feeder.send(event.topic, event.key, event.value, event.arrives_at)
                    await _pace(started_s + feeder.sent / rate if rate else 0.0)
                    progress(feeder.sent)
                await feeder.settle()
            print(f"{feeder.sent} events sent in {time.monotonic() - started_s:.1f} s")
        finally:
            await feeder.stop()

    asyncio.run(feed())


def _fitted(log: Path) -> dict[str, Any]:
    """Return the world that a log fits, and how well."""
    events = []
    for line in read_lines(log):
        with contextlib.suppress(orjson.JSONDecodeError):
            event = orjson.loads(line)
            if isinstance(event, dict):
                events.append(event)
    try:
        found = fitted(events)
    except FitError as error:
        raise typer.BadParameter(f"{log}: {error}") from None
    return {
        "parameters": found.parameters.to_json(),
        "observed": found.observed,
        "simulated": found.simulated,
        "unchanged": found.unchanged,
        "leads": found.leads,
    }


def replay(
    file: Annotated[Path, typer.Argument(help="JSON lines of the contract; .gz is fine.")],
    speed: Annotated[
        float,
        typer.Option(min=0, help="Times faster than it happened; 0 is as fast as possible."),
    ] = 0.0,
    max_lag: Annotated[
        int, typer.Option(min=0, help="Hold back while workers are this far behind; 0 never.")
    ] = 1_000,
    drain_s: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for workers to finish; 0 does not wait.")
    ] = 0.0,
) -> None:
    """Send a file of events into Kafka, in its order.

    Past events bring their own time: run workers with LEADSTREAM_CLOCK=event.

    Example: leadstream replay events.jsonl.gz --drain-s 600
    """

    async def feed() -> None:
        feeder = Feeder(Settings(), max_lag)
        await feeder.start()
        try:
            started_s, first_s = time.monotonic(), None
            with shown_lines("replay", file) as lines:
                for line in lines:
                    key, at_s = _key_and_time(line)
                    if speed and at_s is not None:
                        first_s = at_s if first_s is None else first_s
                        await _pace(started_s + (at_s - first_s) / speed)
                    await feeder.send(topic_of(line), key, line, at_s)
            if drain_s:
                with shown_progress("workers finish"):
                    await feeder.drain(drain_s)
            await feeder.settle()
            print(f"{feeder.sent} events sent in {time.monotonic() - started_s:.1f} s")
        finally:
            await feeder.stop()

    asyncio.run(feed())


def _key_and_time(line: bytes) -> tuple[bytes | None, float | None]:
    try:
        event = orjson.loads(line)
        key = event.get("lead_id") or event.get("anonymous_id")
        return (key.encode() if key else None), epoch_s(event["occurred_at"])
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None, None  # it will be a dead letter, and route says why


async def _pace(until_s: float) -> None:
    ahead_s = until_s - time.monotonic()
    if ahead_s > 0.002:
        await asyncio.sleep(ahead_s)
