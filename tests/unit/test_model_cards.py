from datetime import UTC, datetime

import pytest
from lead_stream import DAY_S, HOUSE

from stream.evaluate import evaluate
from stream.model_cards import Subject, card, write_cards
from stream.simulator import Simulation

START = datetime(2026, 1, 5, tzinfo=UTC)
KINDS = ("bayesian_logistic", "logistic")
SUBJECT = Subject("a file.jsonl.gz", HOUSE, KINDS)


@pytest.fixture(scope="module")
def report():
    lines = [(e.topic, e.value) for e in Simulation(events=2_000, seed=1, start=START)]
    return evaluate(lines, HOUSE, b"a key for tests", START.timestamp() + 365 * DAY_S, KINDS)


def test_one_card_a_model_is_written(report, tmp_path):
    files = write_cards(report, SUBJECT, tmp_path)
    assert [file.name for file in files] == ["bayesian_logistic.md", "logistic.md"]
    assert files[1].read_text() == card(report, "logistic", SUBJECT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_says_what_a_reader_needs(report, kind):
    text = card(report, kind, SUBJECT)
    for section in (
        "# Model card:", "## Intended use and limits", "## What it has learned from",
        "## How good its scores are", "## What its tiers are worth", "## What its scores rest on",
    ):  # fmt: skip
        assert section in text
    figures = report["models"][kind]
    assert f"| AUC, every score | {figures['auc_events']:.3f} |" in text
    assert f"| time | 2026-01-05 to {report['last_event_at'][:10]} |" in text
    assert f"{report['positives']} won of {report['decided']} decided leads" in text
    assert next(iter(figures["main_facts"])) in text
    assert "evaluate 'a file.jsonl.gz' --models bayesian_logistic,logistic --cards DIR" in text
    assert ("as served" in text) == (kind == KINDS[0])
    assert "How groups fare" not in text


def test_groups_are_told_of_where_somebody_looked(report):
    text = card(report, "logistic", SUBJECT, fairness="By country: equal.")
    assert "## How groups fare\n\nBy country: equal.\n" in text


def test_names_that_senders_choose_break_no_table(report):
    facts = {"attribute:a|b`c\n# d": 0.5}
    figures = {**report["models"]["logistic"], "main_facts": facts}
    changed = {**report, "models": {**report["models"], "logistic": figures}}
    text = card(changed, "logistic", SUBJECT)
    assert "| `attribute:a\\|b'c # d` | 0.500 |" in text
    assert "\n# d" not in text


def test_nothing_scored_still_makes_a_card():
    report = evaluate([], HOUSE, b"a key for tests", START.timestamp())
    assert "It has learned nothing yet." in card(
        report, "bayesian_logistic", Subject("none", HOUSE, KINDS[:1])
    )
