"""What CRMs export, imported into a real Kafka: labels reach the learner, and each once."""

import asyncio
import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from worker_process import environment, leadstream, own_settings, ran, workers

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(200)]

VISIT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HUBSPOT = """\
Record ID,Deal Name,Deal Stage,Amount,Close Date,Last Modified Date,Associated Contact
1,A,Closed won,"1,000.00",2026-03-02 16:00,2026-03-02 16:01,Ann (a@example.com)
2,B,Closed lost,,2026-03-02 17:00,2026-03-02 17:01,Bob (b@example.com)
3,C,Closed won,some,2026-03-02 18:00,2026-03-02 18:01,Cid (c@example.com)
"""
SALESFORCE = """\
ID;STAGENAME;AMOUNT;CLOSEDATE;ISCLOSED;ISWON;LASTMODIFIEDDATE;CONTACT.EMAIL
006A;Closed Won;5000.0;2026-03-02;true;true;2026-03-02T16:00:00.000Z;d@example.com
006B;Closed Lost;;2026-03-02;true;false;2026-03-02T16:00:00.000Z;e@example.com
"""


def visits(folder: Path) -> Path:
    """Write a visit of each lead, in which it is scored."""
    path = folder / "visits.jsonl"
    path.write_bytes(
        b"\n".join(
            orjson.dumps(
                {
                    "type": "page_view",
                    "event_id": f"visit-{name}",
                    "occurred_at": (VISIT + timedelta(minutes=n)).isoformat(),
                    "lead_id": f"{name}@example.com",
                    "url": "https://example.com/pricing",
                }
            )
            for n, name in enumerate("abcde")
        )
    )
    return path


async def values(settings: Settings, topic: topics.Topic) -> list[Any]:
    found: list[Any] = []
    for number in range(topic.partitions or settings.partitions):
        found += await read_all(settings, settings.topic(topic.name), number)
    return [orjson.loads(record.value) for record in found]


async def examples(settings: Settings) -> list[int]:
    """Return the labels of `p_convert` that outcomes taught."""
    found = await values(settings, topics.TRAINING_EXAMPLES)
    return sorted(int(e["y"]) for e in found if e.get("model") == "p_convert" and "x" in e)


async def test_outcomes_of_both_crms_become_labels_once(kafka: Broker, tmp_path: Path) -> None:
    settings = own_settings(kafka, late_grace_s=3e6)
    await ensure_topics(settings)
    deals, opportunities = tmp_path / "deals.csv", tmp_path / "opportunities.csv"
    deals.write_text("\ufeff" + HUBSPOT, encoding="utf-8")
    opportunities.write_text(SALESFORCE, encoding="utf-8")
    with workers(settings, tmp_path):
        leadstream(settings, "replay", str(visits(tmp_path)), "--drain-s", "60")
        for _ in range(2):
            bad = await asyncio.to_thread(
                ran, environment(settings), "import", str(deals), "--map", "hubspot"
            )
            assert bad.returncode == 1, bad.stderr
            assert "2 events sent: 2 outcome" in bad.stdout
            assert "row 4: column 'Amount' = 'some'" in bad.stderr
            said = leadstream(settings, "import", str(opportunities), "--map", "salesforce")
            assert said == "2 rows, 2 events sent: 2 outcome\n"

        # The bad row, mended in the file that it was set aside in.
        rejects = tmp_path / "deals.rejects.csv"
        assert (tmp_path / "deals.rejects-2.csv").exists()
        with rejects.open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert row["Record ID"] == "3"
        rejects.write_text(rejects.read_text().replace(",some,", ',"2,000.00",'))
        assert leadstream(settings, "import", str(rejects), "--map", "hubspot").startswith("1 rows")
        # What comes last is done when everything before it is.
        leadstream(settings, "replay", str(last(tmp_path)), "--drain-s", "60")

    sent = await values(settings, topics.CRM_UPDATES)
    assert len(sent) == 2 * 4 + 1
    assert len({event["event_id"] for event in sent}) == 5
    assert await examples(settings) == [0, 0, 1, 1, 1]
    assert await values(settings, topics.DEAD_LETTERS) == []


def last(folder: Path) -> Path:
    path = folder / "last.jsonl"
    path.write_text(
        '{"type": "page_view", "event_id": "last", "occurred_at": "2026-03-03T09:00:00Z", '
        '"lead_id": "last", "url": "https://example.com/"}\n'
    )
    return path
