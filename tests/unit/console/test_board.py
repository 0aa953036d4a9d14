"""What the console keeps of the outputs, and what it makes of them."""

from typing import Any

import orjson

from stream.console.board import Board
from stream.lead.hashing import address_hash

KEY = b"a key of the house"


def score(lead_id: str, score: float, at: str = "2026-03-01T09:00:00Z", **more: Any) -> bytes:
    """Return a ``score_changed`` as it stands in Kafka."""
    body = {
        "type": "score_changed",
        "lead_id": lead_id,
        "score": score,
        "previous_score": None,
        "p_convert": 0.123456,
        "tier": "hot",
        "reasons": [
            {"feature": "other", "contribution": 3.0, "text": "all else"},
            {"feature": "visits", "contribution": 0.4, "text": "many visits"},
            {"feature": "demo", "contribution": 0.9, "text": "a demo request"},
        ],
        "moved_by": [{"event_id": "e", "text": "page view", "change": 0.51234}],
        "model_version": "logistic-3",
        "occurred_at": at,
        **more,
    }
    return orjson.dumps(body)


def trigger(lead_id: str, trigger_id: str = "t") -> bytes:
    """Return a ``nurture_triggered`` as it stands in Kafka."""
    return orjson.dumps(
        {
            "type": "nurture_triggered",
            "trigger_id": trigger_id,
            "lead_id": lead_id,
            "rule": "tier_rose",
            "action": "call",
            "action_probability": 0.9,
            "candidates": [{"action": "call", "probability": 0.9}],
            "reasons": [],
            "score": 81.0,
            "tier": "hot",
            "occurred_at": "2026-03-01T09:00:00Z",
        }
    )


def erasure(lead_id: str, at: str) -> bytes:
    """Return a ``lead_erased`` as it stands in Kafka."""
    hashed = address_hash(lead_id, KEY)
    return orjson.dumps({"type": "lead_erased", "lead_hash": hashed, "erased_at": at})


def ids(board: Board) -> list[str]:
    return [row["lead_id"] for row in board.leads()]


def test_the_hottest_lead_comes_first_with_what_says_most() -> None:
    board = Board(KEY)
    board.take("lead-scores", score("L1", 40.0))
    board.take("lead-scores", score("L2", 90.04))
    assert ids(board) == ["L2", "L1"]
    first = board.leads()[0]
    assert (first["score"], first["p_convert"], first["reason"]) == (90.0, 0.1235, "a demo request")


def test_of_a_lead_the_latest_changes_are_kept_with_their_causes() -> None:
    board = Board(KEY)
    for n in range(30):
        board.take("lead-scores", score("L1", float(n)))
    changes = board.lead("L1")["changes"]
    assert [change["score"] for change in changes] == [float(n) for n in range(6, 30)]
    assert changes[-1]["moved_by"] == [{"text": "page view", "change": 0.512}]


def test_leads_that_changed_longest_ago_are_left_out() -> None:
    board = Board(KEY, max_leads=2)
    for lead_id in ("L1", "L2", "L1", "L3"):
        board.take("lead-scores", score(lead_id, 50.0))
    assert ids(board) == ["L1", "L3"]
    assert board.lead("L2")["changes"] == []


def test_an_erased_lead_is_gone_and_what_it_did_before_does_not_bring_it_back() -> None:
    board = Board(KEY)
    board.take("lead-scores", score("L1", 50.0))
    board.take("nurture-triggers", trigger("L1"))
    gone = board.take("erasures", erasure("L1", "2026-03-01T10:00:00Z"))
    assert gone == ("lead_gone", {"lead_id": "L1"})
    assert (ids(board), board.triggers(), board.lead("L1")["changes"]) == ([], [], [])
    assert board.take("lead-scores", score("L1", 50.0)) is None
    assert board.take("nurture-triggers", trigger("L1")) is None
    board.take("lead-scores", score("L1", 50.0, at="2026-03-01T10:00:01Z"))
    assert ids(board) == ["L1"]


def test_a_dead_letter_shows_nothing_that_is_sealed() -> None:
    board = Board(KEY)
    letter = {"type": "dead_letter", "topic": "page-views", "reason": "not_json", "sealed": "abc"}
    board.take("dead-letters", orjson.dumps(letter))
    (shown,) = board.letters()
    assert shown["reason"] == "not_json"
    assert "sealed" not in shown


def test_what_is_no_output_changes_nothing() -> None:
    board = Board(KEY)
    for value in (None, b"", b"{", b"[]", b'{"type": "new_in_a_later_release"}'):
        assert board.take("lead-scores", value) is None
