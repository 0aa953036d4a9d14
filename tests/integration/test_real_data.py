"""The real events through the real decisions, without Kafka: as good as the references say."""

from typing import Any

import pytest

from stream.evaluate import evaluate
from stream.event_files import read_lines, topic_of
from stream.settings import Settings

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(600)]
RECEIVED_S = 2_000_000_000.0


def report(path) -> dict[str, Any]:
    settings = Settings()
    lines = ((topic_of(line), line) for line in read_lines(path))
    return evaluate(
        lines, settings.house(), settings.email_key.get_secret_value().encode(), RECEIVED_S
    )


def test_loan_applications_are_told_apart_and_all_events_counted(data_file):
    found = report(data_file("loan_applications.jsonl.gz"))
    assert found["auc_last_fifth"] >= 0.75
    assert found["events"] == 258_394
    assert found["leads"] == 13_087 == found["decided"] + found["undecided"]
    assert found["dead_letters"] == 0


def test_education_leads_are_told_apart_as_well_as_can_be_without_a_leak(data_file):
    found = report(data_file("xeducation_leads.jsonl.gz"))
    assert 0.87 <= found["auc"] < 0.91
    assert found["leads"] == 9_240 == found["decided"]
    assert found["dead_letters"] == 0
