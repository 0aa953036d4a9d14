"""The README's table of benchmarks, made from what their last full runs printed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

RESULTS = Path(__file__).parents[2] / "tests" / "benchmarks" / "results"
"""What ``leadstream bench NAME --json`` printed, as ``NAME.json``."""

Row = tuple[str, str, str]


def benchmark_rows() -> Iterator[Row]:
    """Yield what was measured, the figure, and the command that measures it."""
    for path in sorted(RESULTS.glob("*.json")):
        report = orjson.loads(path.read_bytes())
        for what, figure in _FIGURES[path.stem](report):
            yield what, figure, f"`bench {path.stem}`"


def _throughput(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("leadstream", "quix", "faust", "limit"):
        if name in report:
            least, median, most = report[name]["events_per_cpu_s"]
            who = {"limit": "the same decisions in a loop, no Kafka"}.get(name, name)
            version = report["versions"].get(name, "")
            yield (
                f"events per CPU-second, {who} {version}".rstrip(),
                f"{median:,.0f} ({least:,.0f} to {most:,.0f})",
            )
    for name in ("quix", "faust", "limit"):
        if f"ratio_{name}" in report:
            yield f"leadstream against {name}", f"{report[f'ratio_{name}']:.2f} x"


def _latency(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for delivery in ("exactly_once", "at_least_once"):
        for load, found in report[delivery].items():
            share, _, beside = load.partition(" ")
            yield (
                f"event sent to score readable, {delivery.replace('_', ' ')}, {share} of capacity "
                f"({found['events_per_s'][1]:,.0f} events/s){', learner loaded' * bool(beside)}",
                f"p50 {found['p50_ms'][1]:,.0f} ms, p99 {found['p99_ms'][1]:,.0f} ms, "
                f"p99.9 {found['p99_9_ms'][1]:,.0f} ms",
            )


def _growth(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    leads = [int(n) for n in report["cost_us_by_leads"]]
    events = [int(n) for n in report["cost_us_by_history"]]
    yield (
        f"cost of an event, {leads[-1]:,} leads against {leads[0]:,}",
        f"{report['cost_ratio_leads']:.2f} x",
    )
    yield (
        f"cost of an event, lead with {events[-1]:,} events against {events[0]:,}",
        f"{report['cost_ratio_history']:.2f} x",
    )
    yield f"memory of a lead, {leads[-1]:,} leads", f"{report['bytes_per_lead']:,} bytes"
    yield "changelog of an event", f"{report['changelog_bytes_an_event']:,.0f} bytes"
    yield "score change of an event", f"{report['score_bytes_an_event']:,.0f} bytes"
    for features, learner in report["learner"].items():
        yield (
            f"learner, {int(features):,} features",
            f"{learner['examples_per_s']:,.0f} examples/s, snapshot "
            f"{learner['snapshot_bytes']:,} bytes",
        )


def _restore(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        f"start with {report['leads']:,} leads to the first score",
        f"{report['restore_s']:.0f} s, {report['rss_bytes'] / 1e9:.2f} GB resident",
    )


def _scale(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "two workers against one, all on this machine", f"{report['ratio_two_workers']:.2f} x"
    yield (
        "two workers against one, by CPU-seconds: on cores of their own",
        f"{report['ratio_two_workers_own_cores']:.2f} x",
    )


def _policy(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    among = f"{report['seeds']} x {report['leads']:,} simulated leads"
    for figure, what in (
        ("conversion_lift", "leads won"),
        ("deals_lift", "deals"),
        ("retention_lift", "customers kept"),
        ("cycle_change", "days to the first deal"),
    ):
        low, high = report[f"{figure}_low"], report[f"{figure}_high"]
        oracle = report["oracle_lifts"][figure]
        yield (
            f"{what}: trained policy against tuned rules, {among}",
            f"{report[figure]:+.0%} ({low:+.0%} to {high:+.0%}; an oracle {oracle:+.0%})",
        )
    yield "share of the way from the rules to the oracle, by reward", f"{report['headroom_share']}"
    worlds = report["random_worlds"]
    yield (
        "worlds with parameters changed at random in which it is ahead",
        f"{worlds['worlds_ahead']} of {worlds['worlds']}, "
        f"reward {worlds['reward_lift']:+.0%} in the mean",
    )


def _collect(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for shape in ("one_a_request", "batches_of_20"):
        found = report[shape]
        (_, p50_ms, _), (least_ms, p99_ms, most_ms) = found["p50_ms"], found["p99_ms"]
        yield (
            f"event acknowledged over HTTP, {shape.replace('_', ' ')}, "
            f"{report['rate_events_per_s']:,.0f} events/s",
            f"p50 {p50_ms:,.0f} ms, p99 {p99_ms:,.0f} ms ({least_ms:,.0f} to {most_ms:,.0f}); "
            f"{found['events_per_cpu_s'][1]:,.0f} events per CPU-second of the collector",
        )


_FIGURES = {
    "collect": _collect,
    "policy": _policy,
    "throughput": _throughput,
    "latency": _latency,
    "growth": _growth,
    "restore": _restore,
    "scale": _scale,
}
