import orjson
import pytest
from lead_stream import DAY_S, START_S, LeadStream, event

from schemas import topics
from stream.lead.house import House
from stream.lead.machine_agents import agent_of
from stream.lead.machines import agent_reason
from stream.lead.point_rules import parse_point_rules

CLICKS_HEAT = parse_point_rules("""
[[rule]]
name = "clicked"
points = 60
event = "email_click"
max_points = 90
""")
HOUSE = House(points=CLICKS_HEAT, samples_per_lead=8)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"


def click(number, after_s, link=None, **fields):
    url = f"https://example.com/{number if link is None else link}"
    fields = {"lead_id": "L", "message_id": "m-1", "url": url, **fields}
    return event("email_click", f"c{number}", after_s, **fields)


def opened(after_s, **fields):
    return event("email_open", f"o{after_s}", after_s, lead_id="L", message_id="m-1", **fields)


def delivered(after_s, **fields):
    return event("email_delivered", "d", after_s, lead_id="L", message_id="m-1", **fields)


def told(*events, house=HOUSE):
    stream = LeadStream(house=house)
    stream.send(*events)
    return stream


@pytest.mark.parametrize(
    ("user_agent", "agent"),
    [
        (BROWSER, "person"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15", "person"),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT X18) Chrome/79.0 Mobile Safari/537.36", "person"),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.14026; Pro)", "person"),
        ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; ms-office)", "person"),
        ("Outlook-iOS/709.2226530.prod.iphone (3.24.1)", "person"),
        ("Thunderbird/115.0", "person"),
        ("", "person"),
        ("Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)", "person"),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy.html", "person"),
        ("Mozilla/5.0", "prefetch"),
        ("Barracuda Sentinel (EE)", "robot"),
        ("Mozilla/5.0 (compatible; proofpoint-urldefense)", "robot"),
        ("Mimecast-URL-Protect", "robot"),
        ("Microsoft-URLAnalyzer/1.0", "robot"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0 Safari/537.36", "robot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "robot"),
        ("Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2)", "robot"),
        ("python-requests/2.32.3", "program"),
        ("curl/8.9.1", "program"),
    ],
)
def test_agents_are_known_by_what_they_call_themselves(user_agent, agent):
    assert agent_of(user_agent) == agent


def test_a_form_may_be_passed_on_by_a_program_and_a_prefetch_is_of_opens_only():
    by = {"context": {"user_agent": "axios/1.7"}}
    assert agent_reason({"type": "form_fill", **by}) is None
    assert agent_reason({"type": "page_view", **by}) == "known_agent"
    prefetch = {"context": {"user_agent": "Mozilla/5.0"}}
    assert agent_reason({"type": "email_open", **prefetch}) == "privacy_prefetch"
    assert agent_reason({"type": "email_click", **prefetch}) is None


@pytest.mark.parametrize("context", [None, "x", [], {}, {"user_agent": 7}])
def test_a_context_may_be_anything(context):
    assert agent_reason({"type": "page_view", "context": context}) is None


def test_a_crawler_counts_nothing_and_is_remembered():
    by = {"user_agent": "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"}
    stream = told(event("page_view", "p", lead_id="L", context=by))
    lead = stream.lead("L")
    assert (lead.events, lead.sessions, lead.pages, lead.journey) == (0, 0, [], [])
    assert (lead.counts.counts, lead.ledger, lead.samples) == ({}, {}, [])
    assert lead.absence_due_s is None
    assert not stream.outputs
    assert stream.counts["page_view", "machine"] == 1
    stream.send(event("page_view", "q", 5, lead_id="L"))
    (score,) = stream.bodies(topics.LEAD_SCORES)
    assert score["discounted"] == [{"kind": "page_view", "count": 1, "reason": "known_agent"}]


def test_a_burst_is_taken_back_and_the_score_says_why():
    stream = told(event("activity", "a", -DAY_S, lead_id="L"))
    before = stream.lead("L").score
    stream.send(opened(0.0), click(1, 0.4), click(2, 0.8))
    assert stream.lead("L").score > 80
    assert stream.lead("L").tier == "hot"
    stream.send(click(3, 1.0))
    lead = stream.lead("L")
    assert (lead.events, lead.ledger, lead.last_at_s) == (1, {}, START_S - DAY_S)
    assert [step[1] for step in lead.journey] == ["activity:call"]
    assert lead.absence_due_s == START_S - DAY_S + HOUSE.absence_s
    assert [sample.at_s for sample in lead.samples] == [START_S - DAY_S]
    *_, last = stream.bodies(topics.LEAD_SCORES)
    assert (last["score"], last["previous_tier"], last["tier"]) == (before, "hot", "cold")
    assert last["cause_event_id"] == "c3"
    assert last["discounted"] == [
        {"kind": "email_click", "count": 3, "reason": "link_burst"},
        {"kind": "email_open", "count": 1, "reason": "link_burst"},
    ]
    # What went out stays open; but the fall of a tier that was never earned is no news.
    assert [t["rule"] for t in stream.bodies(topics.NURTURE_TRIGGERS)] == ["tier_rose"]
    assert len(lead.decisions) == 1


def test_ids_of_outputs_stay_unique_when_a_score_is_corrected():
    stream = told(opened(0.0), click(1, 0.4), click(2, 0.8), click(3, 1.0), click(4, 1.2))
    ids = [dict(output.headers)["ce_id"] for output in stream.outputs]
    assert len(set(ids)) == len(ids)


def test_people_who_click_are_counted():
    stream = told(
        delivered(0.0), opened(60.0), click(1, 70.0), click(1, 71.0, link=1, lead_id="L"),
        click(2, 73.0), click(3, 90.0), click(4, 91.0, message_id="m-2"),
    )  # fmt: skip
    lead = stream.lead("L")
    assert lead.discounted is None
    assert lead.events == 5  # the second click is the first again


def test_one_link_followed_often_is_no_burst():
    stream = told(*(click(n, n / 10, link=7) for n in range(9)))
    assert stream.lead("L").events == 9


@pytest.mark.parametrize("after_s", [-3.0, 0.5, 5.0])
def test_who_clicks_at_delivery_is_no_person(after_s):
    first = told(delivered(0.0), click(1, after_s)).lead("L")
    later = told(click(1, after_s), delivered(0.0)).lead("L")
    assert (first.events, later.events) == (0, 0)
    assert "email_click at_delivery" in first.discounted
    assert "email_click at_delivery" in later.discounted


@pytest.mark.parametrize("after_s", [-61.0, 5.1, 3_600.0])
def test_who_clicks_later_or_in_an_earlier_mail_is_counted(after_s):
    assert told(delivered(0.0), click(1, after_s)).lead("L").events == 1


def test_a_straggler_of_a_burst_is_known_hours_later():
    stream = told(click(1, 0.0), click(2, 0.5), click(3, 1.0), event("activity", "a", DAY_S / 2,
        lead_id="L"), click(4, 1.5))  # fmt: skip
    assert stream.lead("L").events == 1


def test_after_a_minute_a_click_stays_what_it_was_taken_for():
    stream = told(click(1, 0.0), event("activity", "a", 90.0, lead_id="L"))
    stream.send(click(2, 0.5), click(3, 1.0), click(4, 1.5))
    lead = stream.lead("L")
    assert lead.events == 2
    assert lead.discounted["email_click link_burst"][0] == 3


def test_an_unsubscribe_is_honoured_whoever_sent_it():
    by = {"context": {"user_agent": "Barracuda Sentinel (EE)"}}
    stream = told(event("email_unsubscribe", "u", lead_id="L", message_id="m-1", **by))
    assert stream.lead("L").consent["email"][0] is False
    assert stream.lead("L").events == 1


def test_a_burst_on_both_sides_of_a_merge_is_taken_back():
    stream = told(
        click(1, 0.0), click(2, 0.4, lead_id="M"), event("activity", "a", 0.5, lead_id="M")
    )
    stream.send(event("lead_merge", "m", 0.6, lead_id="M", into_lead_id="L"))
    assert stream.lead("L").events == 3
    stream.send(click(3, 0.8))
    lead = stream.lead("L")
    assert lead.events == 1
    assert [step[1] for step in lead.journey] == ["activity:call"]
    assert lead.ledger == {}
    assert lead.discounted["email_click link_burst"][0] == 3


def test_a_delivery_is_no_activity_of_the_lead():
    stream = told(delivered(0.0))
    lead = stream.lead("L")
    assert (lead.events, lead.counts.counts, lead.absence_due_s) == (0, {}, None)
    assert stream.counts["email_delivered", "noted"] == 1
    assert not stream.outputs
    assert orjson.dumps(lead.to_json())
