"""Commands that learn from outcomes what to do: policies, causes, rules refitted."""

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from online_models.policy.catalogue import KINDS
from schemas import topics
from stream.causes import causes as compare_causes
from stream.cli import simulated_policies
from stream.cli.policy_tables import print_policies
from stream.event_files import read_lines
from stream.kafka.clients import read_batches
from stream.lead.house import DAY_S
from stream.policy_evaluation import DEFAULT_KINDS, evaluate_policies
from stream.policy_log import PolicyLog
from stream.refit import apply_proposal
from stream.refit import refit as propose_refit
from stream.rules_file import read_rules
from stream.settings import DEFAULT_RULES, Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Log = Annotated[
    Path, typer.Argument(metavar="LOG", help="JSON lines of the contract; .gz is fine.")
]
HorizonDays = Annotated[int, typer.Option(min=1, help="Days within which winning counts.")]

policy_app = typer.Typer(
    help="Policies, which choose what to do next with a lead.\n\n"
    "Example: leadstream policy evaluate decisions.jsonl.gz",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(causes)
    app.command()(refit)
    simulated_policies.register(policy_app)
    app.add_typer(policy_app, name="policy")


def causes(log: Log, horizon_days: HorizonDays = 30, json: Json = False) -> None:
    """Tell what nurturing caused where nobody was left alone by lot: nurtured leads and their like.

    The log holds events and, if they were kept, the messages of nurture-triggers. Nothing here
    is as sure as a holdout (LEADSTREAM_HOLDOUT_SHARE): the report says when not to believe it.

    Example: leadstream causes events.jsonl.gz --horizon-days 60
    """
    settings = Settings()
    report = compare_causes(
        lambda: read_lines(log),
        settings.house(),
        settings.email_key.get_secret_value().encode(),
        time.time(),
        horizon_s=horizon_days * DAY_S,
        reader=settings.text_reader(),
    )
    typer.echo(_as_json(report) if json else report["text"])


def refit(
    log: Log,
    horizon_days: HorizonDays = 30,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the points into LEADSTREAM_RULES_FILE.")
    ] = False,
    json: Json = False,
) -> None:
    """Propose rule points and tier thresholds by what became of leads, as a diff with its evidence.

    Without --apply nothing is written. Thresholds are settings: they are told, never written.

    Example: LEADSTREAM_RULES_FILE=rules.toml leadstream refit events.jsonl.gz --apply
    """
    settings = Settings()
    rules_file = settings.rules_file
    if apply and rules_file.resolve() == DEFAULT_RULES.resolve():  # before minutes of work
        raise typer.BadParameter(
            "these rules belong to leadstream, and an upgrade replaces them; copy them and name "
            f"the copy: cp {DEFAULT_RULES} rules.toml; export LEADSTREAM_RULES_FILE=rules.toml",
            param_hint="--apply",
        )
    proposal = propose_refit(
        read_lines(log),
        settings.house(),
        settings.email_key.get_secret_value().encode(),
        time.time(),
        read_rules(rules_file),
        str(rules_file),
        horizon_s=horizon_days * DAY_S,
        reader=settings.text_reader(),
    )
    if not json:
        typer.echo(proposal.text())
    try:
        is_applied = apply and apply_proposal(proposal, rules_file)
    except OSError as error:
        typer.echo(
            f"leadstream: {rules_file}: {error.strerror or error}; nothing was written, give the "
            "rights to write into its folder",
            err=True,
        )
        raise typer.Exit(1) from None
    if json:
        typer.echo(_as_json(proposal.to_json() | {"is_applied": is_applied}))
    elif is_applied:
        typer.echo(f"written: {rules_file}; restart the workers to go by it", err=True)
    elif apply:
        typer.echo(f"{rules_file} stays as it is: no points are to change", err=True)


@policy_app.command()
def evaluate(
    log: Annotated[
        Path | None,
        typer.Argument(
            metavar="LOG", help="Messages of training-examples as JSON lines; .gz is fine."
        ),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A kind of policy, again for more: {', '.join(KINDS)}. By default "
            f"{', '.join(DEFAULT_KINDS)}."
        ),
    ] = None,
    rule: Annotated[
        str | None, typer.Option(help="Of this rule's decisions only, such as tier_rose.")
    ] = None,
    from_kafka: Annotated[
        bool, typer.Option("--from-kafka", help="Read the topic itself, instead of a log.")
    ] = False,
    json: Json = False,
) -> None:
    """Tell what policies would have earned on decisions that another one took.

    Each learns the older half and is evaluated, frozen, on the newer one. The log is the topic
    training-examples as any console consumer prints it, or --from-kafka reads it:

    kafka-console-consumer.sh --bootstrap-server kafka:9092 --topic training-examples
    --from-beginning > decisions.jsonl

    Example: leadstream policy evaluate decisions.jsonl --policy lin_ucb --rule tier_rose
    """
    kinds = tuple(dict.fromkeys(policy or DEFAULT_KINDS))
    for kind in kinds:
        if kind not in KINDS:
            raise typer.BadParameter(
                f"{kind!r} is no kind of policy; known are {', '.join(KINDS)}",
                param_hint="--policy",
            )
    if (log is None) == (not from_kafka):
        raise typer.BadParameter("give either a log or --from-kafka", param_hint="LOG")
    settings = Settings()
    taken_in = asyncio.run(_from_kafka(settings)) if log is None else _from_file(log)
    report = evaluate_policies(taken_in, kinds, settings.exploration_ratio, rule)
    if json:
        typer.echo(_as_json(report))
    else:
        print_policies(report, Console())


def _from_file(path: Path) -> PolicyLog:
    log = PolicyLog()
    for number, line in enumerate(read_lines(path), start=1):
        log.add(number, line)
    return log


async def _from_kafka(settings: Settings) -> PolicyLog:
    log = PolicyLog()
    async for batch in read_batches(settings, settings.topic(topics.TRAINING_EXAMPLES.name), 0):
        for record in batch:
            log.add(record.offset, record.value)
    return log


def _as_json(report: dict[str, Any]) -> str:
    return orjson.dumps(report, option=orjson.OPT_INDENT_2).decode()
