"""Rule segments in the fold: who comes in and leaves, by events, by time, by consent."""

from dataclasses import replace

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from schemas.scores import SegmentChanged
from stream.lead.actions import ActionsFileError, parse_catalogue
from stream.lead.rule_segments import SegmentsFileError, parse_rule_segments
from stream.settings import Settings

SEGMENTS = """
[[segment]]
name = "evaluating"
sequence = ["page_view:pricing", "page_view:docs"]
within_s = 86_400

[[segment]]
name = "gone_quiet"
silent_for_s = 604_800

[[segment]]
name = "hot"
who = { tiers = ["hot"], outcomes = ["open"] }
"""
FOLLOWS = replace(HOUSE, segments=parse_rule_segments(SEGMENTS))
CATALOGUE = parse_catalogue("""
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
eligible.segments = ["evaluating"]

[[action]]
name = "webinar"
channel = "ad"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
eligible.not_segments = ["evaluating", "s3"]

[governance]
cooldown_s.high_intent = 0
""")


def view(number: int, page: str, after_s: float = 0.0, lead: str = "L"):
    url = f"https://example.com/{page}"
    return event("page_view", f"v{number}", after_s, lead_id=lead, url=url)


def changes(stream: LeadStream, lead: str = "L") -> list[tuple[str | None, str | None]]:
    """Return each segment that a lead left, and that it entered."""
    bodies = [b for b in stream.bodies(topics.LEAD_SCORES) if b["type"] == "segment_changed"]
    found = [SegmentChanged.model_validate_json(orjson.dumps(body)) for body in bodies]
    assert {one.kind for one in found} <= {"rule"}
    return [(one.previous_segment, one.segment) for one in found if one.lead_id == lead]


def test_events_in_their_order_bring_a_lead_into_a_segment():
    stream = LeadStream(house=FOLLOWS)
    stream.send(view(1, "docs"), view(2, "pricing", 60.0))
    assert changes(stream) == []
    stream.send(view(3, "docs", 120.0))
    assert changes(stream) == [(None, "evaluating")]
    assert stream.lead("L").rule_segments == ["evaluating"]
    stream.send(view(4, "docs", 180.0))
    assert changes(stream) == [(None, "evaluating")]


def test_time_alone_brings_a_lead_in_and_an_event_takes_it_out_again():
    stream = LeadStream(house=FOLLOWS)
    stream.send(view(1, "docs"))
    stream.tick(7 * DAY_S - 5.0)
    assert changes(stream) == []
    stream.tick(7 * DAY_S + 5.0)
    assert changes(stream) == [(None, "gone_quiet")]
    (change,) = [b for b in stream.bodies(topics.LEAD_SCORES) if b["type"] == "segment_changed"]
    due = stream.lead("L").first_at_s + 7 * DAY_S
    assert change["occurred_at"].startswith("2026-02-")
    assert stream.lead("L").segments_due_s is None or stream.lead("L").segments_due_s > due
    stream.send(view(2, "docs", 7 * DAY_S + 60.0))
    assert changes(stream)[1:] == [("gone_quiet", None)]


def test_a_tier_that_changes_changes_segments_and_an_outcome_too():
    stream = LeadStream(house=FOLLOWS)
    stream.send(view(1, "pricing"), event("form_fill", "f", 60.0, lead_id="L"))
    stream.send(event("lead_profile", "p", 90.0, lead_id="L", attributes={"company_size": 80}))
    assert stream.lead("L").tier == "hot"
    assert changes(stream) == [(None, "hot")]
    stream.send(event("outcome", "o", 120.0, lead_id="L"))
    assert changes(stream)[1:] == [("hot", None)]


def test_who_withdraws_its_consent_leaves_all_and_comes_into_none():
    stream = LeadStream(house=FOLLOWS)
    stream.send(view(1, "pricing"), view(2, "docs", 60.0))
    refusal = {"purpose": "scoring", "granted": False}
    stream.send(event("consent", "c", 90.0, lead_id="L", **refusal))
    assert changes(stream) == [(None, "evaluating"), ("evaluating", None)]
    stream.send(view(3, "pricing", 120.0), view(4, "docs", 180.0))
    stream.tick(9 * DAY_S)
    assert len(changes(stream)) == 2


def test_who_becomes_another_lead_or_is_forgotten_leaves_all():
    stream = LeadStream(house=FOLLOWS)
    stream.send(view(1, "pricing"), view(2, "docs", 60.0))
    stream.send(event("lead_merge", "m", 90.0, lead_id="L", into_lead_id="M"))
    assert changes(stream) == [(None, "evaluating"), ("evaluating", None)]
    stream.tick(FOLLOWS.retention_s + DAY_S)
    told = changes(stream, "M")
    entered = [segment for _, segment in told if segment is not None]
    assert entered[0] == "evaluating"
    assert sorted(entered) == sorted(former for former, _ in told if former is not None)


def test_a_house_that_drops_a_segment_tells_its_leads_with_their_next_events():
    stream = LeadStream(house=FOLLOWS)
    stream.send(view(1, "pricing"), view(2, "docs", 60.0))
    stream.house = replace(HOUSE)
    stream.restart()
    stream.send(view(3, "docs", 120.0))
    assert changes(stream)[1:] == [("evaluating", None)]
    assert stream.lead("L").rule_segments == []


def test_folded_again_and_over_a_restart_it_is_the_same_to_the_bit():
    stream = LeadStream(house=FOLLOWS)
    stream.send(view(1, "pricing"))
    stream.restart()
    stream.send(view(2, "docs", 60.0))
    stream.tick(8 * DAY_S)
    assert len(changes(stream)) == 2
    again = LeadStream(house=FOLLOWS)
    for entry in stream.logs[0]:
        again.apply(0, entry)
    assert again.outputs == stream.outputs
    assert again.states() == stream.states()


@pytest.mark.parametrize(
    ("page", "action"), [("docs", "call"), ("blog", "webinar")], ids=["in it", "not in it"]
)
def test_actions_may_be_for_a_segment_that_the_event_itself_led_to(page, action):
    stream = LeadStream(house=replace(FOLLOWS, catalogue=CATALOGUE))
    stream.send(view(1, "pricing"), view(2, page, 30.0))
    stream.send(event("form_fill", "f", 60.0, lead_id="L"))
    body = stream.bodies(topics.NURTURE_TRIGGERS)[-1]
    assert {one["action"] for one in body["candidates"]} == {action}


def settings(tmp_path, **files: str) -> Settings:
    paths = {}
    for name, text in files.items():
        (path := tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        paths[f"{name}_file"] = path
    return Settings(**paths)


ACTS = """
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
eligible.segments = """


def test_a_house_reads_its_segments_and_learned_ids_need_no_file(tmp_path):
    house = settings(tmp_path, segments=SEGMENTS, actions=ACTS + '["hot", "s3"]').house()
    assert house.segments.names == {"evaluating", "gone_quiet", "hot"}


def test_an_action_for_a_segment_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(ActionsFileError, match="'hott', which is neither one of LEADSTREAM_SEG"):
        settings(tmp_path, segments=SEGMENTS, actions=ACTS + '["hott"]').house()


def test_a_segments_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(SegmentsFileError, match=r"LEADSTREAM_SEGMENTS_FILE.*unset it for none"):
        Settings(segments_file=tmp_path / "none.toml").house()
