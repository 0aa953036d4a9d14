"""The command doctor: what a worker would stumble over, before it does."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Annotated

import orjson
import typer
from aiokafka.errors import KafkaError as KafkaClientError
from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas import topics
from stream.cli.environment import unknown_settings
from stream.doctor.cluster import judge_cluster
from stream.doctor.configured import judge_settings, judge_versions
from stream.doctor.findings import Finding, counted, fail, ok
from stream.doctor.topics import judge_topics
from stream.kafka.administration import configuration_of
from stream.kafka.authorization import RightsError, check_rights
from stream.kafka.examination import ExaminationError, examine
from stream.rights import rights
from stream.roles import ROLES, Role, parse_names
from stream.settings import Settings

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    roles: Annotated[
        str, typer.Option(help="Whose rights in Kafka are checked, with commas.")
    ] = ",".join(ROLES),
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at all that a worker stands on: settings, versions, Kafka, topics, rights, clocks.

    It changes nothing. Run it where a worker runs, with the worker's settings. Exit code 1 if
    anything fails; warnings are for people to judge.

    Example: leadstream doctor --roles score --json
    """
    try:
        chosen = parse_names(roles, ROLES)
    except ValueError as error:
        raise typer.BadParameter(f"--roles {error}") from None
    findings = asyncio.run(_findings(Settings(), chosen, unknown_settings(os.environ)))
    _tell(findings, json=json)


async def _findings(
    settings: Settings, roles: Sequence[Role], unknown: Sequence[str]
) -> list[Finding]:
    found = [*judge_versions(_requirements(), _installed, own={"leadstream": _own_version()})]
    found += judge_settings(settings, unknown)
    try:
        facts = await examine(settings)
    except ExaminationError as error:
        found.append(fail("kafka", error.value, error.remedy))
        return found
    found += judge_cluster(settings, facts)
    wanted = {topic.name: configuration_of(topic) for topic in topics.TOPICS}
    found += judge_topics(facts.topics, settings.partitions, wanted, len(facts.brokers))
    found.append(await _rights(settings, roles))
    return found


async def _rights(settings: Settings, roles: Sequence[Role]) -> Finding:
    needed = rights(settings, roles, settings.kafka_sasl_username)
    if settings.kafka_security_protocol == "PLAINTEXT":
        return ok("rights", "Kafka asks nobody (PLAINTEXT)")
    try:
        await check_rights(settings, needed)
    except RightsError as error:
        return fail("rights", str(error), "grant what is missing")
    except KafkaClientError as error:
        return fail("rights", f"cannot be asked ({type(error).__name__})", "look at the brokers")
    return ok("rights", f"all {len(needed)} that {', '.join(roles)} need")


def _tell(findings: Sequence[Finding], *, json: bool) -> None:
    counts = counted(findings)
    if json:
        report = {"counts": counts, "findings": [asdict(finding) for finding in findings]}
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        table = Table("", "what", "found", "remedy")
        for f in findings:
            table.add_row(
                Text(f.level, style=_STYLES[f.level]), f.check, Text(f.value), Text(f.remedy)
            )
        Console().print(table)
        typer.echo(", ".join(f"{count} {level}" for level, count in counts.items()))
    if counts["fail"]:
        raise typer.Exit(1)


def _requirements() -> list[str]:
    """Return what leadstream needs on this machine, extras left out."""
    needed = (Requirement(text) for text in metadata.requires("leadstream") or [])
    return [
        f"{r.name}{r.specifier}"
        for r in needed
        if r.marker is None or r.marker.evaluate({"extra": ""})
    ]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _own_version() -> str:
    return metadata.version("leadstream")
