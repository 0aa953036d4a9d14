"""Benchmarks: how fast, how much memory, on this machine."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

import orjson
import typer

from stream.bench.collect import bench_collect
from stream.bench.growth import bench_growth
from stream.bench.latency import bench_latency
from stream.bench.policy import bench_policy
from stream.bench.restore import bench_restore
from stream.bench.scale import bench_scale
from stream.bench.throughput import bench_throughput
from stream.cli.progress import shown_progress

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Kafka = Annotated[str, typer.Option(help="jvm, docker or HOST:PORT.")]

bench_app = typer.Typer(
    help="Benchmarks on this machine.\n\nExample: leadstream bench restore --leads 1000000 --json",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(bench_app, name="bench")


@bench_app.callback()
def about() -> None:
    """Benchmarks on this machine."""


@bench_app.command()
def restore(
    leads: Annotated[int, typer.Option(min=8, help="How many leads.")] = 1_000_000,
    kafka: Kafka = "jvm",
    json: Json = False,
) -> None:
    """Measure how long a worker takes to have its leads back, and their memory.

    Example: leadstream bench restore --leads 1000000 --json
    """
    _print(_ran(bench_restore(leads, kafka)), json=json)


@bench_app.command()
def throughput(
    events: Annotated[int, typer.Option(min=1_000, help="How many events a run.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="How many runs of each.")] = 5,
    peers: Annotated[str, typer.Option(help="Against whom, with commas.")] = "quix,faust",
    kafka: Kafka = "jvm",
    json: Json = False,
) -> None:
    """Compare events per CPU-second with Quix Streams, Faust, and a loop without Kafka.

    Needs a checkout, and the peers installed: pip install --editable '.[bench]'

    Example: leadstream bench throughput --json
    """
    _print(_ran(bench_throughput(events, rounds, kafka, peers.split(","))), json=json)


@bench_app.command()
def latency(
    seconds: Annotated[float, typer.Option(min=2.0, help="How long each load lasts.")] = 20.0,
    rounds: Annotated[int, typer.Option(min=1, help="How many times.")] = 5,
    kafka: Kafka = "jvm",
    json: Json = False,
) -> None:
    """Time from an event's sending to its score change, at several loads.

    Example: leadstream bench latency --json
    """
    _print(_ran(bench_latency(seconds, rounds, kafka)), json=json)


@bench_app.command()
def collect(
    seconds: Annotated[float, typer.Option(min=1.0, help="How long each load lasts.")] = 20.0,
    rounds: Annotated[int, typer.Option(min=1, help="How many times.")] = 5,
    rate: Annotated[float, typer.Option(min=100, help="Events a second.")] = 2_000.0,
    kafka: Kafka = "jvm",
    json: Json = False,
) -> None:
    """Time from an event's sending over HTTP to its acknowledgement.

    Example: leadstream bench collect --json
    """
    _print(_ran(bench_collect(seconds, rounds, rate, kafka)), json=json)


@bench_app.command()
def growth(
    leads: Annotated[int, typer.Option(min=1_000, help="How many leads at most.")] = 1_000_000,
    json: Json = False,
) -> None:
    """Measure what grows with leads, their histories, events and features.

    Example: leadstream bench growth --leads 1000000 --json
    """
    _print(_ran(bench_growth(leads)), json=json)


@bench_app.command()
def scale(
    events: Annotated[int, typer.Option(min=1_000, help="How many events a run.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="How many runs of each.")] = 3,
    kafka: Kafka = "jvm",
    json: Json = False,
) -> None:
    """Compare one, two and four workers.

    Example: leadstream bench scale --json
    """
    _print(_ran(bench_scale(events, rounds, kafka)), json=json)


@bench_app.command()
def policy(
    seeds: Annotated[int, typer.Option(min=2, help="How many cohorts are compared.")] = 20,
    leads: Annotated[int, typer.Option(min=50, help="Leads in a cohort.")] = 1_000,
    training_leads: Annotated[
        int, typer.Option(min=100, help="Simulated leads that the policy is trained on.")
    ] = 120_000,
    worlds: Annotated[
        int, typer.Option(min=0, help="Worlds with parameters changed at random.")
    ] = 20,
    learning_leads: Annotated[
        int, typer.Option(min=0, help="Leads that learning policies meet, for regret curves.")
    ] = 1_000,
    json: Json = False,
) -> None:
    """Compare what nurturing policies earn in the simulated pipeline, under one budget.

    No Kafka takes part. It takes about half an hour on two cores.

    Example: leadstream bench policy --json
    """
    with shown_progress("bench"):
        report = bench_policy(seeds, leads, training_leads, worlds, learning_leads)
    _print(report, json=json)


def _ran(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    with shown_progress("bench"):
        return asyncio.run(work)


def _print(report: dict[str, Any], *, json: bool) -> None:
    if json:
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        return
    for name, value in report.items():
        typer.echo(f"{name:>16}  {value}")
