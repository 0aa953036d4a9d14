from collections import Counter
from datetime import UTC, datetime

import pytest
from lead_stream import DAY_S, HOUSE

from stream.lead.scoring import score_one
from stream.offline import OfflineStream
from stream.simulator import Simulation

START = datetime(2026, 1, 5, tzinfo=UTC)


def test_a_row_has_the_very_vector_that_its_score_was_made_with():
    rows = []

    def watch(row):
        scorer = stream.partition.in_use.scorer()
        again = score_one(row.x, {"all": row.x["points"]}, scorer, HOUSE)
        rows.append((row, again.p_convert))

    received_s = START.timestamp() + 365 * DAY_S
    stream = OfflineStream(HOUSE, b"a key for tests", received_s, watch=watch)
    served, absences = [], 0
    for event in Simulation(events=4_000, seed=2, start=START):
        scored = stream.feed(event.topic, event.value)
        absences += len(scored) > 1
        served += scored
    assert [(row.lead, row.p) for row, _ in rows] == served
    assert all(again == pytest.approx(row.p) for row, again in rows)
    assert absences > 20  # scores by a timer, in the same step as those by an event
    assert len(Counter(row.tier for row, _ in rows)) == 3


def test_nobody_watches_an_ordinary_stream():
    stream = OfflineStream(HOUSE, b"a key for tests", START.timestamp() + 365 * DAY_S)
    assert type(stream.partition).__name__ == "Partition"
