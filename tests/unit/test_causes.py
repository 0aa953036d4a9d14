from random import Random

import orjson
import pytest
from lead_stream import DAY_S, EMAIL_KEY, HOUSE, START_S

from stream.causes import causes, logged_nurturing
from stream.event_files import topic_of
from stream.followed_leads import FollowedLeads
from stream.lead.outputs import rfc3339

HOUR_S = 3_600.0


def line(kind, lead, at_s, **fields):
    body = {"type": kind, "event_id": f"{kind}-{lead}-{at_s}", "lead_id": lead}
    return at_s, orjson.dumps({**body, "occurred_at": rfc3339(at_s), **fields})


def trigger(lead, at_s, **fields):
    more = {"trigger_id": f"t-{lead}", "action": "call", "is_holdout": False, **fields}
    return line("nurture_triggered", lead, at_s, **more)


def log(effect, count=500, seed=0):
    """Write a log in which large companies are nurtured more often and win more often anyway."""
    random, lines = Random(seed), []
    for n in range(count):
        lead, start_s = f"lead-{n}", START_S + n * 600
        is_large = random.random() < 0.5
        size = {"company_size": 500 if is_large else 5}
        lines.append(line("lead_profile", lead, start_s, attributes=size))
        lines.append(line("page_view", lead, start_s + HOUR_S, url="https://example.com/docs"))
        is_nurtured = random.random() < (0.6 if is_large else 0.3)
        if is_nurtured:
            lines.append(trigger(lead, start_s + HOUR_S + 60))
        lines.append(line("page_view", lead, start_s + 2 * HOUR_S, url="https://example.com/"))
        if random.random() < (0.5 if is_large else 0.1) + effect * is_nurtured:
            lines.append(line("outcome", lead, start_s + 5 * DAY_S, result="won"))
    # The log's time is what several of its newest events agree on.
    end_s, url = START_S + 60 * DAY_S, "https://example.com/"
    lines += [line("page_view", "last", end_s + n, url=url) for n in range(3)]
    return [value for _, value in sorted(lines)]


def compare(lines):
    return causes(lambda: lines, HOUSE, EMAIL_KEY, START_S + 90 * DAY_S)


@pytest.fixture(scope="module")
def report():
    return compare(log(effect=0.0))


def weekly_log(count=160, seed=0):
    """Write a log of leads that look in once a week; nurtured ones twice from then on."""
    random, lines, week_s = Random(seed), [], 7 * DAY_S
    for n in range(count):
        lead, nurtured_in = f"lead-{n}", 5 if random.random() < 0.4 else 99
        for week in range(11):
            at_s = START_S + week * week_s + random.uniform(0, DAY_S)
            views = [at_s]
            if week == nurtured_in:
                lines.append(trigger(lead, at_s + 60))
            if week >= nurtured_in:
                views.append(at_s + 2 * DAY_S)
            lines += [line("page_view", lead, view, url="https://x.com/") for view in views]
    return [value for _, value in sorted(lines)]


def test_leads_that_come_more_often_after_nurturing_are_found():
    part = compare(weekly_log())["difference_in_differences"]
    assert part["change"]["low"] < 1.0 < part["change"]["high"]
    assert part["change"]["low"] > 0.5
    assert part["nurtured"] > 40
    before = [p["change"] for p in part["periods"] if p["period"] < 0]
    assert all(abs(change["effect"]) < 0.5 for change in before)


def test_who_would_have_won_anyway_is_no_effect(report):
    matching = report["matching"]
    assert report["triggers"] == "log"
    assert 0.3 < report["nurtured"] / 500 < 0.6
    assert matching["naive_difference"] > 0.05
    assert matching["low"] < 0.0 < matching["high"]


def test_an_effect_is_found():
    matching = compare(log(effect=0.3))["matching"]
    assert 0.15 < matching["low"] < 0.3 < matching["high"]


def test_the_report_is_json_and_says_it_in_words(report):
    assert orjson.loads(orjson.dumps(report))["text"] == report["text"]
    for part in ("WON WITHIN 30 DAYS", "attribute:company_size", "WHAT LEADS DO THEMSELVES"):
        assert part in report["text"]
    # Nobody in this log was known for weeks before.
    assert "error" in report["difference_in_differences"]
    # Their likes are leads at the same age; those nurtured later were younger then.
    assert report["nurtured_later_share"] == 0.0


def test_without_logged_triggers_the_folds_own_are_taken_and_that_is_said():
    lines = [value for value in log(effect=0.0, count=150) if b"nurture_triggered" not in value]
    report = compare(lines)
    assert report["triggers"] == "fold"
    assert "nurture-triggers into the log" in report["text"]


def test_a_log_without_anybody_nurtured_says_so():
    views = [
        line("page_view", f"lead-{n}", START_S + n, url="https://example.com/")[1]
        for n in range(20)
    ]
    report = compare(views)
    assert "no nurtured lead" in report["matching"]["error"]
    assert "Cannot be compared" in report["text"]


@pytest.mark.parametrize("fields", [{"is_holdout": True}, {"action": "nothing"}])
def test_holdouts_and_doing_nothing_are_no_nurturing(fields):
    assert not logged_nurturing([trigger("L", START_S, **fields)[1]])


def test_what_was_not_delivered_is_no_nurturing():
    lines = [trigger("L", START_S)[1], trigger("M", START_S)[1]]
    for lead, status in (("L", "suppressed"), ("M", "delivered")):
        result = line("action_result", lead, START_S + 9, trigger_id=f"t-{lead}", status=status)
        lines.append(result[1])
    assert logged_nurturing([*lines, b"not json: nurture_triggered"]) == {"M": START_S}


def test_a_lead_is_known_as_of_its_nurturing_not_as_of_later():
    early = [
        line("page_view", "L", START_S, url="https://example.com/docs"),
        line("page_view", "L", START_S + HOUR_S, url="https://example.com/pricing"),
        line("outcome", "L", START_S + DAY_S, result="won"),
    ]
    leads = FollowedLeads(HOUSE, EMAIL_KEY, START_S + 9 * DAY_S, {"L": START_S + 60})
    leads.take_in((topic_of(value), value) for _, value in early)
    lead = leads.by_id["L"]
    assert lead.at_nurturing.at_s == START_S
    assert lead.at_nurturing.rule_points == {}
    assert [occasion.at_s for occasion in lead.occasions] == [START_S, START_S + HOUR_S]
    assert lead.occasions[1].rule_points == {"pricing_page": 20.0}
    assert lead.active_s == [START_S, START_S + HOUR_S]
    assert lead.won_at_s == START_S + DAY_S
    assert lead.won_within(START_S, DAY_S)
    assert not lead.won_within(START_S, DAY_S - 1)


def test_who_is_erased_is_not_followed():
    lines = [
        line("page_view", "L", START_S, url="https://example.com/docs"),
        line("erasure", "L", START_S + HOUR_S),
    ]
    leads = FollowedLeads(HOUSE, EMAIL_KEY, START_S + 9 * DAY_S)
    assert not leads.take_in((topic_of(value), value) for _, value in lines).by_id
