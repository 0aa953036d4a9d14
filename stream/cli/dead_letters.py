"""The commands of dead letters: list, show, repair, replay."""

import asyncio
import sys
from base64 import b64encode
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from pydantic import TypeAdapter, ValidationError

from schemas.base import Timestamp
from schemas.dead_letters import DeadLetter, ReasonCode
from stream.dead_letters import LetterBox, Selection, summary
from stream.lead.sealing import Contents
from stream.merge_patch import patch_of
from stream.repairs import Repaired, Workshop
from stream.replays import Report
from stream.replays import replay as replay_letters
from stream.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(help="The letter's id, TOPIC/PARTITION/OFFSET.", metavar="ID")]
Reason = Annotated[ReasonCode | None, typer.Option(help="Only letters with this reason code.")]
Topic = Annotated[str | None, typer.Option(help="Only events of this input topic.")]
Patch = Annotated[str | None, typer.Option(help="What changes: a JSON merge patch (RFC 7396).")]

letters_app = typer.Typer(
    help="Refused events: look at them, repair them, send them again.\n\n"
    "Example: leadstream dead-letters list",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(letters_app, name="dead-letters")


@letters_app.command(name="list")
def list_letters(
    reason: Reason = None,
    topic: Topic = None,
    since: Annotated[
        str | None, typer.Option(help="Only letters received from this time on, RFC 3339.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many of the newest to show.")] = 20,
    json: Json = False,
) -> None:
    """Count letters by reason and show the newest; needs no key.

    Example: leadstream dead-letters list --reason bad_value --since 2026-03-01T00:00:00Z
    """
    selection = Selection(reason=reason, topic=topic, since=_moment(since))
    found = asyncio.run(LetterBox(Settings()).listing(selection, limit))
    if json:
        _print(found)
        return
    for row in found["counts"]:
        typer.echo(
            f"{row['letters']:>8}  {row['topic']}: {row['reason']} ({row['stage']}), "
            f"{row['replayed']} replayed"
        )
    typer.echo(f"{found['letters']:>8}  letters in all")
    if found["unreadable"]:
        typer.echo(f"{found['unreadable']:>8}  records that are no letters of this release")
    for letter in found["newest"]:
        typer.echo()
        _echo_summary(letter)


@letters_app.command()
def show(letter_id: Id, json: Json = False) -> None:
    """Show a letter with the event that it holds; needs the key that it was sealed with.

    Example: leadstream dead-letters show form-fills/3/1742
    """
    settings = Settings()

    async def read() -> tuple[DeadLetter, dict[str, Any]]:
        box = LetterBox(settings)
        letter = await box.find(letter_id)
        is_replayed = letter.letter_id in await box.replayed()
        return letter, summary(letter, is_replayed=is_replayed)

    letter, known = asyncio.run(read())
    contents = Workshop(settings).open(letter)
    if json:
        _print({**known, **_opened(contents)})
        return
    _echo_summary(known)
    typer.echo(f"  detail   {contents.detail}")
    typer.echo(f"  key      {'none' if contents.key is None else _text(contents.key)}")
    if not contents.is_whole:
        typer.echo(f"  value    the first {len(contents.value)} of {contents.value_bytes} bytes:")
    typer.echo(_pretty(contents.value))


@letters_app.command()
def repair(
    letter_id: Id,
    patch: Patch = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", help="field=value, as an addition to the patch; may be repeated."),
    ] = None,
    send: Annotated[bool, typer.Option("--replay", help="Send it, if it is valid.")] = False,
    json: Json = False,
) -> None:
    """Show a letter's event as a patch would make it, and say whether it would be accepted.

    Exit code 1 if it would be refused again.

    Example: leadstream dead-letters repair form-fills/3/1742 --set form_kind=contact --replay
    """
    settings = Settings()
    changes = patch_of(patch, assign or ())

    async def mend() -> tuple[Repaired, Report | None]:
        letter = await LetterBox(settings).find(letter_id)
        repaired = await Workshop(settings).repair(letter, changes)
        if repaired.refusal is not None or not send:
            return repaired, None
        chosen = Selection(frozenset({letter.letter_id}))
        return repaired, await replay_letters(settings, chosen, changes)

    repaired, report = asyncio.run(mend())
    refusal = repaired.refusal
    if json:
        verdict = None
        if refusal is not None:
            message = refusal.detail or refusal.message
            verdict = {"reason": refusal.reason, "field": refusal.field, "message": message}
        found = {"id": letter_id, **_event(repaired.value), "refusal": verdict}
        _print({**found, "replay": None if report is None else asdict(report)})
    else:
        typer.echo(_pretty(repaired.value))
        if refusal is None and report is None:
            typer.echo("valid; --replay sends it")
    if refusal is not None:
        typer.echo(
            f"leadstream: would be refused again: {refusal.reason}: "
            f"{refusal.detail or refusal.message}",
            err=True,
        )
        raise typer.Exit(1)
    if report is not None:
        _finish(settings, report, dry_run=False, quiet=json)


@letters_app.command()
def replay(
    letter_ids: Annotated[
        list[str] | None, typer.Argument(help="Ids; all letters if none.", metavar="ID")
    ] = None,
    reason: Reason = None,
    topic: Topic = None,
    patch: Patch = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing, only say what would be sent.")
    ] = False,
    json: Json = False,
) -> None:
    """Send refused events again, each once: letters that were replayed are passed over.

    What would be refused again is not sent but named; exit code 1 then.

    Example: leadstream dead-letters replay --reason unknown_type --patch '{"type": "page_view"}'
    """
    settings = Settings()
    selection = Selection(frozenset(letter_ids or ()), reason, topic)
    changes = patch_of(patch, ())
    report = asyncio.run(replay_letters(settings, selection, changes, dry_run=dry_run))
    if json:
        _print(asdict(report))
    _finish(settings, report, dry_run=dry_run, quiet=json)


def _finish(settings: Settings, report: Report, *, dry_run: bool, quiet: bool) -> None:
    if not quiet:
        would = "would be sent" if dry_run else "sent"
        typer.echo(
            f"{report.sent} {would}, {report.already_replayed} replayed before, "
            f"{report.refused} would be refused again"
        )
        if dry_run:
            for letter_id in report.first_sent:
                typer.echo(f"  {letter_id}")
    for refused in report.first_refused:
        typer.echo(
            f"leadstream: {refused['id']}: {refused['reason']}: {refused['message']}", err=True
        )
    for letter_id in report.not_found:
        typer.echo(f"leadstream: {letter_id}: no such letter", err=True)
    if report.sent and not dry_run and settings.delivery == "at_least_once":
        print(
            "leadstream: without transactions (LEADSTREAM_DELIVERY=at_least_once) events are "
            "marked after they are sent: a run that was killed in between sends some twice",
            file=sys.stderr,
        )
    if report.refused or report.not_found:
        raise typer.Exit(1)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment: datetime = TypeAdapter(Timestamp).validate_python(text)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"--since {text!r}: {message}") from None
    return moment


def _echo_summary(letter: dict[str, Any]) -> None:
    at = letter["received_at"].isoformat()
    typer.echo(f"{letter['id']}{'  (replayed)' if letter['replayed'] else ''}")
    where = f", {letter['field']}" if letter["field"] else ""
    typer.echo(f"  reason   {letter['reason']}{where}; by {letter['stage']}, {at}")
    typer.echo(f"  message  {letter['message']}")


def _opened(contents: Contents) -> dict[str, Any]:
    return {
        "detail": contents.detail,
        "key": None if contents.key is None else _text(contents.key),
        **_event(contents.value),
        "value_bytes": contents.value_bytes,
        "is_whole": contents.is_whole,
    }


def _event(value: bytes) -> dict[str, Any]:
    """Return a value as it is, and as JSON where it is that."""
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        event = None
    return {"event": event, "value_base64": b64encode(value).decode()}


def _pretty(value: bytes) -> str:
    try:
        return _safe(orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2).decode())
    except orjson.JSONDecodeError:
        return _text(value)


def _text(value: bytes) -> str:
    return _safe(value.decode("utf-8", "backslashreplace"))


def _safe(text: str) -> str:
    """Escape what would do something to a terminal: a sender wrote it."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def _print(report: dict[str, Any]) -> None:
    typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
