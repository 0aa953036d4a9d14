"""Does the lead return within the day, does it open the next mail: labels within hours."""

from dataclasses import replace

import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from stream.lead.stored_form import decode_state, encode_state, read_row
from stream.lead.stored_state import check_state

GAP_S = HOUSE.session_gap_s
BESIDE = replace(HOUSE, tasks=frozenset({"returns_in_day", "opens_mail"}))


def told(stream, task):
    return [
        (b["y"], b["source"]) for b in stream.bodies(topics.TRAINING_EXAMPLES) if b["model"] == task
    ]


def view(name, after_s, **fields):
    return event("page_view", name, after_s, lead_id="L", **fields)


def mailed(kind, name, after_s, mail="m", link=0):
    url = f"https://example.com/{link}"
    return event(kind, name, after_s, lead_id="L", message_id=mail, url=url)


def test_a_session_within_the_day_is_a_positive():
    stream = LeadStream(house=BESIDE)
    stream.send(view("a", 0), view("b", 60))
    stream.tick(60 + GAP_S)
    vector = stream.lead("L").open_vectors["returns_in_day"].sample
    stream.send(view("c", 59 + DAY_S))
    stream.tick(60 + DAY_S)
    assert told(stream, "returns_in_day") == [(True, "outcome")]
    (body,) = [b for b in stream.bodies(topics.TRAINING_EXAMPLES) if b["model"] == "returns_in_day"]
    assert body["x"] == vector.x
    assert body["x"]["since_last_event"] == pytest.approx(7.4960973)  # log(1 + 1800 s)


def test_silence_of_a_day_is_a_negative_and_a_session_is_asked_about_once():
    stream = LeadStream(house=BESIDE)
    stream.send(view("a", 0))
    stream.tick(DAY_S - 1)
    assert told(stream, "returns_in_day") == []
    stream.tick(DAY_S)
    stream.tick(DAY_S + GAP_S + 60)
    assert told(stream, "returns_in_day") == [(False, "silence")]
    assert stream.lead("L").open_vectors == {}
    stream.send(view("b", 2 * DAY_S))
    stream.tick(4 * DAY_S)
    assert told(stream, "returns_in_day") == [(False, "silence")] * 2


def test_a_mail_that_a_person_opens_is_a_positive_once_that_is_settled():
    stream = LeadStream(house=BESIDE)
    stream.send(view("a", 0), mailed("email_delivered", "d", 10), mailed("email_open", "o", 3_600))
    assert told(stream, "opens_mail") == []
    stream.tick(3_661)
    assert told(stream, "opens_mail") == [(True, "outcome")]


def test_a_mail_that_nobody_opens_is_a_negative_when_three_days_are_over():
    stream = LeadStream(house=BESIDE)
    stream.send(view("a", 0), mailed("email_delivered", "d", 10))
    stream.send(mailed("email_open", "other", 3_600, mail="n"))
    stream.tick(10 + 3 * DAY_S - 1)
    assert told(stream, "opens_mail") == []
    stream.tick(10 + 3 * DAY_S)
    assert told(stream, "opens_mail") == [(False, "silence")]


def test_a_scanner_opens_no_mail_even_if_it_is_found_out_late():
    stream = LeadStream(house=BESIDE)
    stream.send(view("a", 0), mailed("email_delivered", "d", 10))
    stream.send(*(mailed("email_click", f"c{n}", 40 + n, link=n) for n in range(3)))
    assert stream.lead("L").open_vectors["opens_mail"].positive_s is None
    stream.tick(4 * DAY_S)
    assert told(stream, "opens_mail") == [(False, "silence")]


def test_one_mail_at_a_time_is_waited_for():
    stream = LeadStream(house=BESIDE)
    stream.send(view("a", 0), mailed("email_delivered", "d", 10))
    stream.send(mailed("email_delivered", "e", 20, mail="n"))
    (vector,) = [v for t, v in stream.lead("L").open_vectors.items() if t == "opens_mail"]
    assert vector.sample.at_s == pytest.approx(stream.now_s - 10)


def test_a_delivery_that_is_told_late_is_not_asked_about():
    stream = LeadStream(house=BESIDE)
    stream.send(view("a", 0), mailed("email_delivered", "d", -10))
    assert "opens_mail" not in stream.lead("L").open_vectors


def test_nothing_is_kept_where_it_is_switched_off_or_refused():
    history = [view("a", 0), mailed("email_delivered", "d", 10)]
    off = LeadStream(house=replace(HOUSE, tasks=frozenset()))
    off.send(*history)
    off.tick(GAP_S + 1)
    assert off.lead("L").open_vectors == {}
    refused = LeadStream(house=BESIDE)
    refused.send(*history)
    refused.tick(GAP_S + 1)
    assert set(refused.lead("L").open_vectors) == {"returns_in_day", "opens_mail"}
    refused.send(event("consent", "no", GAP_S + 2, lead_id="L", purpose="scoring", granted=False))
    assert refused.lead("L").open_vectors == {}


def test_open_vectors_survive_a_restart():
    stream = LeadStream(house=BESIDE)
    stream.send(view("a", 0), mailed("email_delivered", "d", 10), mailed("email_open", "o", 90))
    stream.tick(GAP_S + 1)
    state = stream.lead("L")
    stored = encode_state(state)
    check_state(read_row(stored).body)
    assert decode_state(stored).to_json() == state.to_json()


def test_a_visitor_that_returns_under_its_name_has_returned():
    stream = LeadStream(house=BESIDE)
    stream.send(event("page_view", "a", 0, anonymous_id="v"))
    stream.tick(GAP_S)
    stream.send(event("form_fill", "f", 3_600, lead_id="L", anonymous_id="v"))
    stream.tick(3_700)
    assert (True, "outcome") in told(stream, "returns_in_day")
