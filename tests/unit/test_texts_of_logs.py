"""Commands that go through a log read its texts as a worker would."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from lead_stream import DAY_S, START_S
from typer.testing import CliRunner

from stream.cli.main import app
from stream.lead.outputs import rfc3339

LEADS = 240
RULES = """
[[rule]]
name = "writes_english"
points = 90
event = "form_fill"
where."text_reading.language".equals = "en"
max_points = 90
"""
TEXTS = (
    "We have used Foo & Co for our mail so far and want to know more.",
    "Our people have heard of this at the fair and want to know more.",
)
READ = {"READ_TEXTS": "true", "COMPETITORS": "Acme CRM,Foo & Co"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a log of leads of which those win that name a competitor, and are nurtured at times."""
    lines: list[tuple[float, dict[str, Any]]] = []
    for n in range(LEADS):
        at_s, names, of = START_S + n * 3_600.0, n % 2 == 0, {"lead_id": f"lead-{n}"}
        form = {"type": "form_fill", "form_kind": "contact", "form_id": "f", "text": TEXTS[n % 2]}
        lines.append((at_s, {**form, **of}))
        if n % 3 == 0:
            trigger = {"type": "nurture_triggered", "trigger_id": f"t{n}", "action": "call"}
            lines.append((at_s + 60.0, {**trigger, **of, "is_holdout": False}))
        result = "won" if names == (n % 10 != 9) else "lost"
        lines.append((at_s + DAY_S, {"type": "outcome", "result": result, **of}))
    last = {"type": "page_view", "lead_id": "last", "url": "https://example.com/"}
    lines += [(START_S + 60 * DAY_S + n, last) for n in range(3)]
    path = tmp_path_factory.mktemp("texts") / "events.jsonl"
    path.write_bytes(
        b"\n".join(
            orjson.dumps({**body, "event_id": str(n), "occurred_at": rfc3339(at_s)})
            for n, (at_s, body) in enumerate(sorted(lines, key=lambda one: one[0]))
        )
    )
    return path


def told(*arguments: object, **settings: str) -> dict[str, Any]:
    """Return what a command says as JSON."""
    env = {f"LEADSTREAM_{name}": value for name, value in settings.items()}
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"], env=env)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def written(folder: Path) -> dict[str, str]:
    rules = folder / "rules.toml"
    rules.write_text(RULES, encoding="utf-8")
    return {"RULES_FILE": str(rules)}


def test_an_evaluation_scores_by_what_texts_say(log: Path) -> None:
    unread, read = told("evaluate", log), told("evaluate", log, **READ)
    model = read["models"]["bayesian_logistic"]
    assert any("text:competitor" in fact for fact in model["main_facts"])
    assert "text:" not in str(unread)
    assert read["auc"] > unread["auc"] + 0.2
    assert read["dead_letters_by_reason"] == unread["dead_letters_by_reason"]


def test_a_report_of_a_log_is_of_the_tiers_that_texts_brought(log: Path, tmp_path: Path) -> None:
    for settings, expected in (({}, False), (READ, True)):
        report = told("report", "kpis", log, **written(tmp_path), **settings)
        assert ("hot" in report["periods"]["7"]["now"]["tiers"]) is expected


def test_leads_are_compared_by_what_their_texts_say(log: Path) -> None:
    for settings, expected in (({}, False), (READ, True)):
        balance = told("causes", log, **settings)["matching"]["balance"]
        compared = {one["covariate"] for one in balance}
        assert ("count_7d:text:competitor" in compared) is expected


def test_rules_are_refitted_that_go_by_what_texts_say(log: Path, tmp_path: Path) -> None:
    for settings, expected in (({}, 0), (READ, LEADS)):
        proposal = told("refit", log, **written(tmp_path), **settings)
        (rule,) = proposal["scorecard"]["rules"]
        assert rule["leads"] == expected
