"""What reports are told of leads: each milestone once, with what was known then."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from lead_stream import DAY_S, HOUSE, START_S, LeadStream, event

from schemas import topics
from schemas.milestones import (
    CustomerActive,
    InflowCounted,
    JourneyEnded,
    LeadAnswered,
    LeadEntered,
    Milestone,
    PurchasesChanged,
    SatisfactionTold,
    StageLeft,
)
from stream.lead.inflow import InflowCounts
from stream.lead.learner import decoded
from stream.lead.milestone_bodies import KEY
from stream.lead.milestone_state import MAX_TOUCHES

TELLS = replace(HOUSE, logs_milestones=True)
HORIZON_S = HOUSE.horizon_s
ADS = {"campaign": {"source": "google", "medium": "cpc", "name": "spring"}}


def told(stream: LeadStream, kind: type[Milestone] = Milestone) -> list[Any]:
    found = []
    for output in stream.outputs:
        if output.topic == topics.TRAINING_EXAMPLES.name and output.key == KEY:
            one = decoded(output.value or b"")
            assert isinstance(one, Milestone)
            if isinstance(one, kind):
                found.append(one)
    return found


def visit(
    event_id: str, after_s: float, lead_id: str | None = "L", **fields: Any
) -> dict[str, Any]:
    who = {"lead_id": lead_id} if lead_id else {}
    return event("page_view", event_id, after_s, **who, **fields)


def seconds(at: datetime) -> float:
    return at.timestamp() - START_S


def test_a_journey_ends_with_its_touchpoints_and_what_was_known_of_the_lead():
    stream = LeadStream(house=TELLS)
    stream.send(
        visit("v1", 0.0, context=ADS),
        visit("v2", 60.0),
        event("email_click", "c", DAY_S, lead_id="L", campaign_id="news"),
        event("activity", "a", 2 * DAY_S, lead_id="L", name="call"),
        event("outcome", "o", 3 * DAY_S, lead_id="L", value_minor=90_000, currency="EUR"),
    )
    (entered,) = told(stream, LeadEntered)
    (ended,) = told(stream, JourneyEnded)
    assert (entered.source, seconds(entered.occurred_at)) == ("paid_search", 0.0)
    assert [(t.channel, t.campaign) for t in ended.touches] == [
        ("paid_search", "spring"),
        ("email", "news"),
        ("call", None),
    ]
    assert [seconds(t.occurred_at) for t in ended.touches] == [0.0, DAY_S, 2 * DAY_S]
    assert (ended.result, ended.value_minor, ended.currency) == ("won", 90_000, "EUR")
    assert ended.tier in {"cold", "warm", "hot"}
    assert ended.is_holdout is None
    stream.send(event("outcome", "o2", 4 * DAY_S, lead_id="L", result="lost"))
    assert told(stream, JourneyEnded)[-1].touches == ()


def test_a_visitor_passes_none_but_its_touchpoints_become_the_leads():
    stream = LeadStream(house=TELLS)
    stream.send(visit("v", 0.0, lead_id=None, anonymous_id="w", context=ADS))
    assert told(stream, LeadEntered) == []
    stream.send(event("form_fill", "f", DAY_S, lead_id="L", anonymous_id="w"))
    assert told(stream, LeadEntered) == []
    stream.tick(DAY_S + 60.0)
    assert [entered.source for entered in told(stream, LeadEntered)] == ["paid_search"]
    stream.send(event("outcome", "o", 2 * DAY_S, lead_id="L"))
    (ended,) = told(stream, JourneyEnded)
    assert [touch.channel for touch in ended.touches] == ["paid_search"]
    assert len(told(stream, LeadEntered)) == 1


def test_silence_to_the_horizons_end_ends_a_journey_once():
    stream = LeadStream(house=TELLS)
    stream.send(visit("v", 0.0))
    stream.tick(HORIZON_S - 60.0)
    assert told(stream, JourneyEnded) == []
    stream.restart()
    stream.tick(HORIZON_S + 60.0)
    stream.tick(HORIZON_S + DAY_S)
    (ended,) = told(stream, JourneyEnded)
    assert (ended.result, seconds(ended.occurred_at)) == ("silent", HORIZON_S)
    (left,) = told(stream, StageLeft)
    assert (left.stage, left.result, left.stayed_s) == ("new", "silent", HORIZON_S)


def test_stages_are_left_for_others_and_for_good():
    stream = LeadStream(house=TELLS)
    stream.send(
        visit("v", 0.0),
        event("stage_change", "s1", DAY_S, lead_id="L", stage="mql"),
        event("stage_change", "s2", 3 * DAY_S, lead_id="L", stage="opportunity"),
        event("outcome", "o", 7 * DAY_S, lead_id="L", result="lost"),
    )
    assert [(s.stage, s.next_stage, s.result, s.stayed_s) for s in told(stream, StageLeft)] == [
        ("new", "mql", None, DAY_S),
        ("mql", "opportunity", None, 2 * DAY_S),
        ("opportunity", None, "lost", 4 * DAY_S),
    ]


def test_a_move_from_a_stage_in_which_the_journey_had_ended_says_so():
    stream = LeadStream(house=TELLS)
    stream.send(
        visit("v", 0.0),
        event("stage_change", "s1", DAY_S, lead_id="L", stage="mql"),
        event("outcome", "o", 7 * DAY_S, lead_id="L", result="won"),
        event("stage_change", "s2", 7 * DAY_S, lead_id="L", stage="customer"),
        event("stage_change", "s3", 9 * DAY_S, lead_id="L", stage="partner"),
    )
    assert [(s.stage, s.next_stage, s.is_after_end) for s in told(stream, StageLeft)] == [
        ("new", "mql", False),
        ("mql", None, False),
        ("mql", "customer", True),
        ("customer", "partner", False),
    ]


def test_purchases_in_the_houses_currency_make_a_history():
    stream = LeadStream(house=TELLS)
    for n, (day, minor, currency) in enumerate([(0, 500, "EUR"), (9, 300, "EUR"), (9, 7, "USD")]):
        stream.send(
            event(
                "purchase", f"p{n}", day * DAY_S, lead_id="L", value_minor=minor, currency=currency
            )
        )
    first, second, other = told(stream, PurchasesChanged)
    assert (first.before, first.after.purchases, first.value_minor) == ((), 1, 500)
    assert second.before == (first.after,)
    assert (second.after.purchases, second.after.spend_minor) == (2, 800)
    assert (other.before, other.after, other.currency) == ((), None, "USD")


def test_a_deal_told_as_outcome_and_as_purchase_is_one():
    stream = LeadStream(house=TELLS)
    deal = {"lead_id": "L", "value_minor": 500, "currency": "EUR"}
    stream.send(event("outcome", "o", 60.0, **deal), event("purchase", "p", 90.0, **deal))
    assert len(told(stream, PurchasesChanged)) == 1
    stream.send(event("purchase", "q", 120.0, **deal))
    assert len(told(stream, PurchasesChanged)) == 2


def test_customers_who_are_one_and_customers_who_are_forgotten_change_what_is_known():
    stream = LeadStream(house=TELLS)
    for n, lead_id in enumerate("LM"):
        stream.send(
            event("purchase", f"p{n}", n * DAY_S, lead_id=lead_id, value_minor=100, currency="EUR")
        )
    stream.send(event("lead_merge", "m", 2 * DAY_S, lead_id="L", into_lead_id="M"))
    merged = told(stream, PurchasesChanged)[-1]
    assert sorted(h.first_day for h in merged.before) == sorted(
        one.after.first_day for one in told(stream, PurchasesChanged)[:2]
    )
    assert (merged.after.purchases, merged.after.spend_minor, merged.value_minor) == (2, 200, 0)
    stream.send(event("erasure", "e", 3 * DAY_S, lead_id="M"))
    forgotten = told(stream, PurchasesChanged)[-1]
    assert (forgotten.before, forgotten.after) == ((merged.after,), None)


def test_a_customer_gives_a_sign_a_month_once():
    stream = LeadStream(house=TELLS)
    stream.send(visit("v", 0.0), event("outcome", "o", DAY_S, lead_id="L"))
    for n, day in enumerate((5, 6, 40, 45, 140)):
        stream.send(visit(f"w{n}", day * DAY_S))
    assert [one.month for one in told(stream, CustomerActive)] == [0, 1, 4]


def test_an_answer_is_told_with_how_long_it_took():
    stream = LeadStream(house=TELLS)
    stream.send(
        event("form_fill", "f", 0.0, lead_id="L"),
        event("form_fill", "g", 60.0, lead_id="L", form_kind="contact"),
        event("activity", "call", 3_600.0, lead_id="L", name="call"),
        event("activity", "more", 7_200.0, lead_id="L", name="call"),
    )
    (answered,) = told(stream, LeadAnswered)
    assert answered.response_s == 3_600.0


def test_satisfaction_is_told():
    stream = LeadStream(house=TELLS)
    stream.send(event("satisfaction", "s", 0.0, lead_id="L", score=12.0, scale_max=10.0))
    (one,) = told(stream, SatisfactionTold)
    assert (one.score, one.scale_max) == (10.0, 10.0)


def test_what_came_in_is_told_by_minute_even_if_it_is_nothing():
    stream = LeadStream(partitions=2, house=TELLS)
    stream.send(
        visit("v1", 0.0, "L"),
        visit("v2", 1.0, "M"),
        visit("v3", 2.0, "N"),
        event("form_fill", "f", 3.0, lead_id="L"),
        event("outcome", "o", 4.0, lead_id="M", value_minor=700, currency="EUR"),
    )
    stream.tick(70.0)
    counted = told(stream, InflowCounted)
    sums: dict[str, int] = {}
    for one in counted:
        for name, count in one.counts.items():
            sums[name] = sums.get(name, 0) + count
    assert sums == {"page_view": 3, "form:f": 1, "won": 1, "revenue": 700}
    assert all(one.counts and one.is_live for one in counted)
    stream.tick(130.0)
    assert [one.counts for one in told(stream, InflowCounted)[-2:]] == [{}, {}]


def test_silence_is_told_by_one_partition_alone():
    for tells_silence in (True, False):
        counts = InflowCounts(minute=5)
        assert bool(counts.close(6 * 60.0, tells_silence=tells_silence)) == tells_silence


def test_nothing_is_told_where_nobody_asks_and_nothing_of_whom_does_not_consent():
    quiet = LeadStream()
    quiet.send(visit("v", 0.0), event("outcome", "o", 60.0, lead_id="L"))
    quiet.tick(120.0)
    assert told(quiet) == []
    refused = LeadStream(house=TELLS)
    refused.send(event("consent", "c", 0.0, lead_id="L", purpose="scoring", granted=False))
    refused.send(visit("v", 1.0), event("outcome", "o", 60.0, lead_id="L"))
    assert {type(one) for one in told(refused)} <= {InflowCounted}
    assert not any(one.counts for one in told(refused))


def test_touchpoints_are_bounded_and_the_first_and_the_last_are_kept():
    stream = LeadStream(house=TELLS)
    for n in range(3 * MAX_TOUCHES):
        context = {"campaign": {"source": f"s{n}", "medium": "cpc", "name": f"c{n}"}}
        stream.send(visit(f"v{n}", n * DAY_S, context=context))
    stream.send(event("outcome", "o", 100 * DAY_S, lead_id="L"))
    (ended,) = told(stream, JourneyEnded)
    assert len(ended.touches) == MAX_TOUCHES
    campaigns = [touch.campaign for touch in ended.touches]
    assert campaigns[:2] == ["c0", "c1"]
    assert campaigns[-1] == f"c{3 * MAX_TOUCHES - 1}"


def test_a_replay_and_a_restart_tell_the_same():
    streams = [LeadStream(house=TELLS) for _ in range(2)]
    for number, stream in enumerate(streams):
        for n in range(30):
            lead_id = f"L{n % 3}"
            stream.send(visit(f"v{n}", n * 3_600.0, lead_id, context=ADS if n % 2 else None))
            if number and n % 7 == 0:
                stream.restart()
        stream.send(event("outcome", "o", 40 * 3_600.0, lead_id="L1"))
        stream.tick(2 * HORIZON_S)
    assert [o.value for o in streams[0].outputs] == [o.value for o in streams[1].outputs]
    assert streams[0].states() == streams[1].states()


@pytest.mark.parametrize("value", [10**12, -(10**12)])
def test_an_amount_beyond_all_bounds_is_counted_as_what_did_not_fit(value):
    stream = LeadStream(house=TELLS)
    stream.send(event("purchase", "p", 0.0, lead_id="L", value_minor=value, currency="EUR"))
    assert told(stream, PurchasesChanged) == []
    assert stream.overflows == 1


def test_the_control_group_is_told_of():
    stream = LeadStream(house=replace(TELLS, holdout_share=0.5))
    for n in range(40):
        stream.send(event("outcome", f"o{n}", 0.0, lead_id=f"L{n}"))
    assert {one.is_holdout for one in told(stream, JourneyEnded)} == {True, False}


def test_what_is_replayed_is_not_told_as_live():
    stream = LeadStream(house=TELLS, replayed=True)
    for n in range(20):
        stream.send(visit(f"v{n}", n * 60.0))
    counted = told(stream, InflowCounted)
    assert counted
    assert not any(one.is_live for one in counted)


def test_entry_and_source_stay_as_they_were_told_whatever_comes_to_light_later():
    stream = LeadStream(house=TELLS)
    stream.send(
        event(
            "page_view",
            "a",
            0.0,
            anonymous_id="V",
            url="https://example.com/?utm_source=x&utm_medium=cpc",
        )
    )
    stream.send(event("page_view", "b", 5_000.0, lead_id="L", url="https://example.com/"))
    stream.tick(9_000.0)
    (entry,) = told(stream, LeadEntered)
    stream.send(
        event("page_view", "c", 9_100.0, lead_id="L", anonymous_id="V", url="https://example.com/")
    )
    assert stream.lead("L").first_at_s == START_S
    stream.send(event("outcome", "o", 9_999.0, lead_id="L"))
    (ended,) = told(stream, JourneyEnded)
    assert (ended.entered_at, ended.source) == (entry.occurred_at, entry.source)


def test_the_first_deal_makes_a_customer_and_later_ones_do_not():
    stream = LeadStream(house=TELLS)
    stream.send(event("page_view", "a", 0.0, lead_id="L"))
    for number, result in enumerate(["lost", "won", "won"]):
        stream.send(event("outcome", f"o{number}", 100.0 + number, lead_id="L", result=result))
    assert [one.is_first_win for one in told(stream, JourneyEnded)] == [False, True, False]
