"""Stages of the house's own: forward, back, held by the CRM, and of age."""

from dataclasses import replace

import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from stream.lead.actions import DEFAULT_CATALOGUE, parse_catalogue

STAGES = """
crm_stage_holds_s = 864_000  # 10 days

[[stage]]
name = "known"
enter.event = "page_view"

[[stage]]
name = "qualified"
enter.event = "form_fill"
leave = { to = "known", after_s = 1_728_000, max_score = 100 }  # 20 days
after_s = 432_000  # 5 days
"""
_OFFERED = 'rules = ["absence"]', 'rules = ["absence", "stage_age"]'
TEXT = DEFAULT_CATALOGUE.read_text(encoding="utf-8").replace(*_OFFERED)


@pytest.fixture
def stream():
    house = replace(HOUSE, catalogue=parse_catalogue(TEXT + STAGES), absence_s=300 * DAY_S)
    return LeadStream(house=house)


def test_a_lead_goes_forward_with_what_it_does(stream):
    stream.send(event("page_view", "a", 0, lead_id="L"))
    assert stream.lead("L").stage == "known"
    stream.send(event("form_fill", "b", 60, lead_id="L"))
    assert stream.lead("L").stage == "qualified"
    stream.send(event("page_view", "c", 120, lead_id="L"))
    assert stream.lead("L").stage == "qualified"


def test_a_stage_that_lasts_is_an_occasion_once_and_then_the_lead_is_recycled(stream):
    stream.send(event("form_fill", "b", 0, lead_id="L"))

    def of_age():
        return [b for b in stream.bodies(topics.NURTURE_TRIGGERS) if b["rule"] == "stage_age"]

    stream.tick(5 * DAY_S - 1)
    assert of_age() == []
    stream.restart()
    stream.tick(5 * DAY_S)
    assert [b["action"] for b in of_age()] == ["win_back_email"]
    stream.tick(19 * DAY_S)
    assert len(of_age()) == 1
    assert stream.lead("L").stage == "qualified"
    stream.tick(20 * DAY_S)
    assert stream.lead("L").stage == "known"


def test_what_the_crm_says_holds(stream):
    stream.send(event("stage_change", "s", 0, lead_id="L", stage="known"))
    stream.send(event("form_fill", "b", DAY_S, lead_id="L"))
    assert stream.lead("L").stage == "known"
    stream.send(event("form_fill", "c", 11 * DAY_S, lead_id="L"))
    assert stream.lead("L").stage == "qualified"
    # It said so before the house's rule went on, and comes late: it still is the CRM's last word.
    stream.send(event("stage_change", "t", 10 * DAY_S, lead_id="L", stage="Lost interest"))
    assert stream.lead("L").stage == "Lost interest"


def test_without_stages_of_its_own_the_house_moves_nobody():
    stream = LeadStream()
    stream.send(event("form_fill", "b", 0, lead_id="L"))
    assert stream.lead("L").stage is None
