"""The commands as operators run them: processes of their own, their output and exit codes."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from typer.testing import CliRunner
from worker_process import contents, environment, leadstream, own_settings, ran, workers

from schemas import topics
from stream.cli.commands import PLACES, load
from stream.cli.main import app
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.settings import Settings
from stream.simulator import Simulation

NOWHERE = "127.0.0.1:1"
FAULTY_RULES = """\
[[rule]]
name = "pricing_page"
points = 20
event = "page_view"

[[rule]]
name = "demo_request"
points = "many"
event = "form_fill"
"""


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with these settings on top of none."""
    return ran({**without_settings(), **env}, *arguments, timeout_s=90)


def without_settings() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("LEADSTREAM_")}


def run_from_nothing(
    *arguments: str, timeout_s: float = 90, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run it as it is run from a shell, which imports everything: that must be silent too."""
    return subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        env={**without_settings(), **env},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture
def event_file(tmp_path: Path) -> Path:
    """Write simulated events, with the malformed ones that senders produce."""
    path = tmp_path / "events.jsonl.gz"
    simulation = Simulation(events=800, seed=5, start=SIMULATION_START)
    # A line is what ends in a newline, so what is no JSON must not hold one.
    lines = [e.value.replace(b"\n", b" ") for e in simulation]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    return path


@pytest.mark.timeout(180)
def test_the_demo_ends_with_one_json_object() -> None:
    done = run_from_nothing("demo", "--events", "1500", "--json", timeout_s=150)
    assert done.returncode == 0, done.stderr
    summary = orjson.loads(done.stdout)
    assert summary["events"] == 1_500
    for name in ("events_per_s", "leads", "score_changes", "triggers", "dead_letters"):
        assert summary[name] > 0, name
    assert 0.0 <= summary["auc"] <= 1.0
    assert 0 < summary["latency_p50_ms"] <= summary["latency_p99_ms"]
    assert summary["broker"].startswith("embedded")


@pytest.mark.kafka
@pytest.mark.transactions
async def test_a_replayed_file_ends_in_scores_and_dead_letters(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, late_grace_s=3e6)
    await ensure_topics(settings)

    def view(number: int) -> bytes:
        at = f"2026-02-01T00:00:{number:02}+02:00"
        event = {"type": "page_view", "event_id": f"e{number}", "lead_id": f"lead-{number % 7}"}
        return orjson.dumps({**event, "occurred_at": at, "url": "https://example.com/pricing"})

    broken = [b"{no json", b"[1, 2]", b'{"type": "page_fax"}', b'{"type": "page_view"}', b"\xff"]
    events = [view(number) for number in range(50)]
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join([*broken, b"", *events]))
    with workers(settings, tmp_path):
        said = leadstream(settings, "replay", str(file), "--drain-s", "60")
    assert said.startswith("55 events sent in ")
    letters = [contents(settings, r).value for r in await _records(settings, topics.DEAD_LETTERS)]
    assert sorted(letters) == sorted(broken)
    scores = [orjson.loads(r.value) for r in await _records(settings, topics.LEAD_SCORES)]
    assert {s["lead_id"] for s in scores} == {f"lead-{number}" for number in range(7)}


def test_an_evaluation_reports_in_json(event_file: Path) -> None:
    done = run_from_nothing("evaluate", str(event_file), "--json")
    assert done.returncode == 0, done.stderr
    report = orjson.loads(done.stdout)
    assert report["events"] == 800
    assert report["leads"] > 0
    assert report["events_per_s"] > 0
    assert {"auc", "log_loss", "calibration_error", "auc_events", "auc_last_fifth"} <= set(report)


@pytest.mark.kafka
def test_topics_are_created_and_verified(kafka: Broker) -> None:
    if not kafka.has_admin:
        pytest.skip(f"the {kafka.kind} broker has no topic administration")
    settings = own_settings(kafka)
    env = {k: v for k, v in environment(settings).items() if k.startswith("LEADSTREAM_")}
    missing = run("topics", "--verify", **env)
    name = settings.topic(topics.LEAD_SCORES.name)
    assert missing.returncode == 1
    assert f"leadstream: {name} is missing; run `leadstream topics`" in missing.stderr.splitlines()
    created = orjson.loads(leadstream(settings, "topics", "--json"))
    assert {r["name"] for r in created} == {settings.topic(t.name) for t in topics.TOPICS}
    assert all(r["created"] and r["fault"] is None for r in created)
    assert "as it should be" in leadstream(settings, "topics", "--verify")
    wrong = run("topics", "--verify", **{**env, "LEADSTREAM_PARTITIONS": "6"})
    assert wrong.returncode == 1
    fault = f"leadstream: {name} has 4 partitions, LEADSTREAM_PARTITIONS says 6"
    assert any(line.startswith(fault) for line in wrong.stderr.splitlines()), wrong.stderr


def test_settings_mask_secrets_and_name_what_was_set() -> None:
    secrets = {
        "LEADSTREAM_EMAIL_KEY": "a-key-to-be-kept",
        "LEADSTREAM_KAFKA_SASL_PASSWORD": "hunter2-hunter2",
    }
    shown = run("settings", **secrets, LEADSTREAM_HOT_AT="91.5")
    as_json = run("settings", "--json", **secrets, LEADSTREAM_HOT_AT="91.5")
    assert shown.returncode == as_json.returncode == 0
    for secret in secrets.values():
        assert secret not in shown.stdout + shown.stderr + as_json.stdout + as_json.stderr
    for name in Settings.model_fields:
        assert f"LEADSTREAM_{name.upper()}" in shown.stdout
    assert orjson.loads(as_json.stdout)["hot_at"] == 91.5
    assert set(orjson.loads(as_json.stdout)["email_key"]) == {"*"}


def test_a_refused_setting_is_named_in_one_line_and_a_secret_is_not_shown() -> None:
    done = run_from_nothing("settings", LEADSTREAM_EMAIL_KEY="short")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "LEADSTREAM_EMAIL_KEY" in line
    assert "short'" not in line
    done = run("settings", LEADSTREAM_PARTITIONS="none")
    assert done.returncode == 1
    assert "LEADSTREAM_PARTITIONS = 'none'" in done.stderr


@pytest.mark.parametrize("command", ["worker", "evaluate"])
def test_a_faulty_rules_file_is_refused_with_line_field_and_remedy(
    command: str, tmp_path: Path, event_file: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(FAULTY_RULES)
    arguments = [command, *([str(event_file)] if command == "evaluate" else [])]
    done = run(*arguments, LEADSTREAM_RULES_FILE=str(rules), LEADSTREAM_KAFKA_BOOTSTRAP=NOWHERE)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"{rules}, line 8: points = 'many'" in line
    assert "Mend the line" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics", "--verify"],
        ["simulate", "--events", "10"],
        ["explain", "lead-1"],
        ["models", "release", "p_convert"],
        ["policy", "evaluate", "--from-kafka"],
    ],
    ids=" ".join,
)
def test_where_no_kafka_is_one_line_says_so(arguments: list[str]) -> None:
    done = run(*arguments, LEADSTREAM_KAFKA_BOOTSTRAP=NOWHERE)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "Kafka" in line
    assert "LEADSTREAM_KAFKA_BOOTSTRAP" in line
    assert done.stdout == ""


def test_a_worker_that_finds_no_kafka_ends_without_a_traceback() -> None:
    done = run("worker", LEADSTREAM_KAFKA_BOOTSTRAP=NOWHERE)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("leadstream: Kafka does not answer")
    assert "LEADSTREAM_KAFKA_BOOTSTRAP" in last


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))
    if path:
        yield path


ALL = [path for name in PLACES for path in _commands(load(name), (name,))]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0
    assert "Example:" in click.unstyle(shown.output)


async def _records(settings: Settings, topic: topics.Topic) -> list[Any]:
    found: list[Any] = []
    for number in range(topic.partitions or settings.partitions):
        found += await read_all(settings, settings.topic(topic.name), number)
    return found
