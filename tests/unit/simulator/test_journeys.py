from collections import defaultdict
from datetime import datetime

from stream.simulator.mail import SCANNER_USER_AGENT


def _auc(scores, labels):
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks = sum(rank for rank, index in enumerate(order, start=1) if labels[index])
    positives = sum(labels)
    return (ranks - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))


def _occurred_s(event):
    return datetime.fromisoformat(event["occurred_at"]).timestamp()


def test_the_base_rate_is_that_of_a_funnel(run):
    won = run.truth.count("won")
    assert won >= 150
    assert 0.08 <= won / len(run.truth.leads) <= 0.15
    assert run.truth.count("lost") > won
    assert run.truth.count(None) > len(run.truth.leads) / 2


def test_the_hidden_intent_decides_the_outcome(run):
    decided = [lead for lead in run.truth.leads.values() if lead.result is not None]
    assert _auc([lead.intent for lead in decided], [lead.result == "won" for lead in decided]) > 0.8


def test_pricing_pages_alone_tell_less_than_what_the_personas_read(run):
    views = defaultdict(lambda: defaultdict(int))
    for event in run.proper():
        if event["type"] == "page_view" and "lead_id" in event:
            views[event["lead_id"]][event["url"].split("/")[3]] += 1
    decided = [lead for lead in run.truth.leads.values() if lead.result is not None]
    won = [lead.result == "won" for lead in decided]
    by_pricing = _auc([views[lead.lead_id]["pricing"] for lead in decided], won)
    by_reading = _auc(
        [
            views[lead.lead_id]["docs"] + views[lead.lead_id]["product"]
            - 2 * views[lead.lead_id]["careers"]
            for lead in decided
        ],
        won,
    )  # fmt: skip
    assert by_pricing < 0.65 < by_reading


def test_personas_without_intent_hardly_buy(run):
    leads = [lead for lead in run.truth.leads.values() if lead.persona in {"student", "job_seeker"}]
    assert len(leads) > 200
    assert sum(lead.result == "won" for lead in leads) < 0.02 * len(leads)


def test_a_lead_is_anonymous_until_its_form(run):
    named = set()
    for event in run.proper():
        lead_id = event.get("lead_id")
        if lead_id is not None and lead_id not in named:
            assert event["type"] in {"form_fill", "lead_profile"}
            assert event["anonymous_id"]
            named.add(lead_id)
    assert named == set(run.truth.leads)


def test_devices_belong_to_one_lead(run):
    for event in run.proper():
        if "lead_id" in event and "anonymous_id" in event:
            lead = run.truth.leads[event["lead_id"]]
            assert event["anonymous_id"] in lead.anonymous_ids


def test_outcomes_are_as_the_truth_says_and_end_the_journey(run):
    decided_at_s = {}
    for event in run.proper():
        lead = run.truth.leads.get(event.get("lead_id"))
        if lead is None:
            continue
        if event["type"] == "outcome":
            assert lead.lead_id not in decided_at_s
            assert event["result"] == lead.result
            assert _occurred_s(event) == lead.decided_at_s
            decided_at_s[lead.lead_id] = lead.decided_at_s
        elif lead.lead_id in decided_at_s:
            assert event["type"] in {"stage_change", "purchase", "satisfaction"}
            assert lead.result == "won"
    assert len(decided_at_s) == run.truth.count("won") + run.truth.count("lost")


def test_scanners_follow_every_link_within_seconds(run):
    mails = defaultdict(list)
    for event in run.proper():
        if event.get("context", {}).get("user_agent") == SCANNER_USER_AGENT:
            assert run.truth.leads[event["lead_id"]].is_scanner
            mails[event["message_id"]].append(event)
    whole = [mail for mail in mails.values() if len(mail) == 4]
    assert len(whole) > 0.8 * len(mails) > 20
    for opened, *clicks in whole:
        assert opened["type"] == "email_open"
        assert {click["type"] for click in clicks} == {"email_click"}
        assert _occurred_s(clicks[-1]) - _occurred_s(opened) < 5
    share = sum(lead.is_scanner for lead in run.truth.leads.values()) / len(run.truth.leads)
    assert 0.01 < share < 0.1
