"""Commands that train a policy in simulation, and publish it as a version that may serve."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stream.cli.models import read_store
from stream.lead.versions import kind_of
from stream.model_decisions import write_records
from stream.models import NEXT_ACTION, SIMULATED
from stream.settings import Settings
from stream.simulated_policy import (
    PolicyFileError,
    SimulatedPolicy,
    check_catalogue,
    pin_record,
    read_policy,
    rules_records,
    version_record,
)
from stream.simulator.house_comparison import Comparison, compare
from stream.simulator.house_training import (
    LikenessError,
    candidate_names,
    checked_likeness,
)
from stream.simulator.house_training import train as train_policy
from stream.simulator.world import WorldError, WorldParameters

_LEAST_LEADS = 200
_UNSEEN_SHARE = 10
"""One lead in so many is compared on, beside those that are trained on."""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(train)
    app.command()(publish)


def train(
    world: Annotated[
        Path | None,
        typer.Option(help="The world to train in, as `leadstream simulate --fit LOG` prints it."),
    ] = None,
    leads: Annotated[
        int, typer.Option(min=_LEAST_LEADS, help="Simulated leads to train on.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed, the same policy.")] = 0,
    out: Annotated[Path, typer.Option(help="Where the policy is written.")] = Path("policy.json"),
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTION=SIMULATED",
            help="What an action of yours is like in the simulation: nothing, content, webinar, "
            "demo_invite, call, discount. Again for more.",
        ),
    ] = None,
) -> None:
    """Train a policy on simulated leads, nurtured by this house's catalogue, rules and caps.

    It learns from what each action would gain in the leads' true state, which only a simulation
    knows, and is compared with the rules on leads that it has not met. Nothing is published.

    Example: leadstream policy train --world world.json --like nurture_email=content
    """
    settings = Settings()
    house = settings.house()
    parameters = WorldParameters() if world is None else _world(world)
    try:
        likeness = checked_likeness(house.catalogue, dict(map(_pair, like or ())))
    except LikenessError as error:
        raise typer.BadParameter(str(error), param_hint="--like") from None
    if not out.parent.is_dir():  # before minutes of work
        raise typer.BadParameter(f"{out.parent} is no directory", param_hint="--out")
    try:
        trained = train_policy(
            house, parameters, likeness, leads=leads, seed=seed, after_round=_tell_round
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    snapshot = trained.acting.snapshot()
    earned: dict[str, dict[str, float]] = {}
    for by, scorer in (("point_rules", None), ("model", trained.scorer)):
        found = compare(
            house,
            parameters,
            likeness,
            snapshot,
            leads=leads // _UNSEEN_SHARE,
            seed=seed,
            scorer=scorer,
        )
        earned[by] = {name: float(value) for name, value in asdict(found).items()}
        typer.echo(_told(by, found))
    policy = SimulatedPolicy(
        likeness=likeness,
        candidates=list(candidate_names(house.catalogue)),
        decisions=trained.decisions,
        leads=leads,
        seed=seed,
        world=parameters.to_json(),
        earned=earned,
        policy=snapshot,
    )
    try:
        out.write_bytes(policy.to_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{out}: {error.strerror}", param_hint="--out") from None
    typer.echo(f"written: {out}; it serves after `leadstream policy publish {out} --pin`")


def publish(
    file: Annotated[
        Path, typer.Argument(metavar="POLICY", help="As `leadstream policy train` wrote it.")
    ],
    pin: Annotated[
        bool, typer.Option("--pin", help="Let it serve, until `leadstream models release`.")
    ] = False,
) -> None:
    """Publish a policy trained in simulation as a version that `leadstream models` lists.

    Example: leadstream policy publish policy.json --pin
    """
    settings = Settings()
    try:
        policy = read_policy(_read(file, "POLICY"), str(file))
        check_catalogue(policy, settings.catalogue())
    except PolicyFileError as error:
        raise typer.BadParameter(str(error), param_hint="POLICY") from None
    version, snapshot = version_record(policy, settings.exploration_ratio)
    if len(snapshot.value or b"") > settings.snapshot_limit_bytes:
        raise typer.BadParameter(
            f"{file} is {len(snapshot.value or b'')} bytes: raise LEADSTREAM_SNAPSHOT_LIMIT_BYTES "
            "here and for all workers",
            param_hint="POLICY",
        )
    records = [snapshot, *([pin_record(version)] if pin else [])]
    store = asyncio.run(read_store(settings))
    if all(kind_of(known) == SIMULATED for known in store.versions(NEXT_ACTION)):
        records = [*rules_records(settings.exploration_ratio), *records]
    asyncio.run(write_records(settings, records))
    if pin:
        typer.echo(f"{NEXT_ACTION} is pinned to version {version}")
    else:
        typer.echo(
            f"published: version {version}; it serves after "
            f"`leadstream models rollback {NEXT_ACTION} {version}`"
        )
    for obstacle in _obstacles(settings):
        typer.echo(obstacle, err=True)


def _obstacles(settings: Settings) -> Iterable[str]:
    """Yield why workers with these settings would not let a policy choose."""
    if not settings.policies() and settings.holdout_share == 0.0:
        yield (
            "workers of these settings log no decisions, and so serve no policy: name one that "
            "learns beside it in LEADSTREAM_POLICY_CHALLENGERS, such as lin_ucb"
        )
    if settings.policy_mode != "serve":
        yield f"LEADSTREAM_POLICY_MODE={settings.policy_mode}: the rules choose all the same"


def _tell_round(number: int, decisions: int) -> None:
    typer.echo(f"round {number}: learned from {decisions:,} decisions", err=True)


def _told(by: str, found: Comparison) -> str:
    scored = "scores by point rules" if by == "point_rules" else "scores by a model"
    return (
        f"{found.leads:,} unseen leads, {scored}: {found.policy:.4f} a lead with "
        f"{found.contacts:.1f} contacts, the rules {found.rules:.4f} with "
        f"{found.rules_contacts:.1f}; {found.apart:+.4f} ± {1.96 * found.error:.4f}"
    )


def _pair(text: str) -> tuple[str, str]:
    action, equals, simulated = text.partition("=")
    if not equals:
        raise LikenessError(f"{text!r}: give ACTION=SIMULATED, such as nurture_email=content")
    return action.strip(), simulated.strip()


def _world(path: Path) -> WorldParameters:
    try:
        document: Any = orjson.loads(_read(path, "--world"))
        return WorldParameters.from_json(document["parameters"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise typer.BadParameter(
            f"{path} is no world: write one with `leadstream simulate --fit LOG > {path}`",
            param_hint="--world",
        ) from None
    except WorldError as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--world") from None


def _read(path: Path, hint: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint=hint) from None
