from itertools import permutations

import orjson
import pytest
from lead_stream import DAY_S, LeadStream, event

from schemas import topics

PARTITIONS = [1, 5]


def visits(stream, *names, **ids):
    for i, name in enumerate(names):
        stream.send(event("page_view", name, i, url=f"/{name}", **ids))


def journey_of(stream, address):
    return len(stream.lead(address).journey)


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_a_visitors_history_follows_the_lead_it_turns_out_to_be(partitions):
    stream = LeadStream(partitions)
    visits(stream, "a", "b", anonymous_id="v")
    stream.send(event("activity", "c", 10, lead_id="L", anonymous_id="v"))
    stream.send(event("page_view", "d", 20, anonymous_id="v"))
    lead = stream.lead("L")
    assert (lead.events, len(lead.pages), journey_of(stream, "L")) == (4, 3, 4)
    assert stream.state("anon:v").forward_to == "L"
    assert stream.state("anon:v").events == 0
    scores = stream.bodies(topics.LEAD_SCORES)
    assert [s["lead_id"] for s in scores if s["cause_event_id"] == "d"] in ([], ["L"])


def test_a_history_is_in_no_place_twice_while_it_travels():
    stream = LeadStream(5)
    visits(stream, "a", anonymous_id="v")
    stream.send(event("activity", "b", 10, lead_id="L", anonymous_id="v"), deliver=False)
    stream.send(event("page_view", "c", 20, anonymous_id="v"), deliver=False)
    assert (stream.lead("L").events, len(stream.forwards)) == (1, 2)
    stream.deliver()
    assert stream.lead("L").events == 3


def test_a_second_lead_on_a_shared_device_gets_what_comes_later():
    stream = LeadStream(5)
    visits(stream, "a", "b", anonymous_id="v")
    stream.send(event("activity", "c", 10, lead_id="L1", anonymous_id="v"))
    stream.send(event("activity", "d", 20, lead_id="L2", anonymous_id="v"))
    stream.send(event("page_view", "e", 30, anonymous_id="v"))
    assert (stream.lead("L1").events, stream.lead("L2").events) == (3, 2)


@pytest.mark.parametrize("repeated", ["c", "another"])
def test_a_repeated_or_late_event_does_not_give_a_device_back(repeated):
    stream = LeadStream()
    stream.send(event("activity", "c", 10, lead_id="L1", anonymous_id="v"))
    stream.send(event("activity", "d", 20, lead_id="L2", anonymous_id="v"))
    stream.send(event("activity", repeated, 10, lead_id="L1", anonymous_id="v"))
    assert stream.state("anon:v").forward_to == "L2"


def test_the_same_event_under_both_names_counts_once_after_the_move():
    stream = LeadStream()
    stream.send(event("page_view", "a", 0, anonymous_id="v"))
    stream.send(event("activity", "b", 10, lead_id="L", anonymous_id="v"))
    stream.send(
        event("page_view", "a", 0, anonymous_id="v"), event("page_view", "a", 0, lead_id="L")
    )
    assert stream.lead("L").events == 2
    assert stream.counts["page_view", "duplicate"] == 2


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_merged_leads_are_one_and_chains_lead_to_its_end(partitions):
    stream = LeadStream(partitions)
    for n, lead_id in enumerate("ABC"):
        stream.send(event("activity", lead_id, n, lead_id=lead_id))
    stream.send(event("lead_merge", "m1", 10, lead_id="A", into_lead_id="B"))
    stream.send(event("lead_merge", "m2", 11, lead_id="B", into_lead_id="C"))
    stream.send(event("activity", "x", 12, lead_id="A"))
    assert stream.lead("C").events == 4


def test_a_merge_of_a_merged_lead_reaches_where_it_lives():
    stream = LeadStream(5)
    stream.send(event("activity", "a", 0, lead_id="A"))
    stream.send(event("lead_merge", "m1", 1, lead_id="A", into_lead_id="B"))
    stream.send(event("lead_merge", "m2", 2, lead_id="A", into_lead_id="C"))
    assert stream.lead("C").events == 1
    assert stream.state("B").forward_to == "C"


@pytest.mark.parametrize("known", ["AB", "A", "B", ""])
@pytest.mark.parametrize("order", [("m1", "m2"), ("m2", "m1")])
@pytest.mark.parametrize("partitions", PARTITIONS)
def test_merges_that_cross_in_flight_settle_on_one_lead_with_nothing_lost(known, order, partitions):
    stream = LeadStream(partitions)
    merges = {
        "m1": event("lead_merge", "m1", 10, lead_id="A", into_lead_id="B"),
        "m2": event("lead_merge", "m2", 10, lead_id="B", into_lead_id="A"),
    }
    for lead_id in known:
        stream.send(event("activity", lead_id, 0, lead_id=lead_id))
    for name in order:
        stream.send(merges[name], deliver=False)
    stream.send(event("activity", "during", 11, lead_id="A"), deliver=False)
    stream.deliver()
    stream.send(event("activity", "x", 12, lead_id="A"), event("activity", "y", 13, lead_id="B"))
    alive = [s for a in "AB" if (s := stream.state(a)) and s.forward_to is None]
    assert len(alive) == 1
    assert alive[0].events == len(known) + 3
    assert stream.bodies(topics.DEAD_LETTERS) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("known", ["ABC", "B", ""])
def test_a_circle_of_three_merges_settles_too(order, known):
    stream = LeadStream(5)
    for lead_id in known:
        stream.send(event("activity", lead_id, 0, lead_id=lead_id))
    circle = [("A", "B"), ("B", "C"), ("C", "A")]
    for i in order:
        one, into = circle[i]
        stream.send(event("lead_merge", f"m{i}", 10, lead_id=one, into_lead_id=into), deliver=False)
    stream.deliver()
    for n, lead_id in enumerate("ABC"):
        stream.send(event("activity", f"x{n}", 20 + n, lead_id=lead_id))
    alive = [s for a in "ABC" if (s := stream.state(a)) and s.forward_to is None]
    assert [s.events for s in alive] == [len(known) + 3]


@pytest.mark.parametrize("circle", ["AB", "ABC", "CBA", "ADCB"])
def test_a_merge_out_of_a_circle_that_never_had_a_history_ends(circle):
    stream = LeadStream()
    for one, into in zip(circle, circle[1:] + circle[0], strict=True):
        stream.send(event("lead_merge", one + into, 1, lead_id=one, into_lead_id=into))
    stream.send(event("lead_merge", "out", 2, lead_id=circle[1], into_lead_id="Z"))
    for name in circle:
        stream.send(event("activity", name, 3, lead_id=name))
    assert stream.lead("Z").events == len(circle)


def test_a_chain_too_long_is_refused_with_ids_of_its_own():
    stream = LeadStream(3)
    for n in range(12):
        stream.send(event("lead_merge", f"m{n}", n, lead_id=f"L{n}", into_lead_id=f"L{n + 1}"))
    stream.send(event("activity", "a", 20, lead_id="L0"), event("activity", "b", 20, lead_id="L1"))
    stream.send(event("activity", "c", 20, lead_id="L6"))
    letters = stream.bodies(topics.DEAD_LETTERS)
    assert [b["reason"] for b in letters] == ["forward_chain"] * 2
    # Where they stood in their input, which is one place each: offsets of the log repeat.
    assert {b["topic"] for b in letters} == {topics.LEAD_FORWARDS.name}
    assert len({(b["partition"], b["offset"]) for b in letters}) == 2
    assert stream.lead("L12").events == 1


def test_erasure_deletes_the_state_and_follows_forwards():
    stream = LeadStream(5)
    visits(stream, "a", anonymous_id="v")
    stream.send(event("activity", "b", 5, lead_id="L", anonymous_id="v"))
    stream.send(event("erasure", "x", 10, anonymous_id="v"))
    assert (stream.state("anon:v"), stream.state("L")) == (None, None)
    assert not any(b"anon:v" in c or b"L" in c for c in stream.changelogs)


def test_erasure_that_names_a_visitor_forgets_its_history_too():
    stream = LeadStream()
    stream.send(
        event("activity", "a", 0, lead_id="L"), event("page_view", "b", 1, anonymous_id="v")
    )
    stream.send(event("erasure", "x", 10, lead_id="L", anonymous_id="v"))
    assert stream.partitions[0].leads == {}


def test_erasure_spares_another_lead_on_a_shared_device():
    stream = LeadStream()
    stream.send(event("activity", "a", 0, lead_id="L1", anonymous_id="v"))
    stream.send(event("activity", "b", 1, lead_id="L2", anonymous_id="v"))
    stream.send(event("erasure", "x", 10, lead_id="L1", anonymous_id="v"))
    assert stream.state("L1") is None
    assert (stream.lead("L2").events, stream.state("anon:v").forward_to) == (1, "L2")


def test_an_erased_lead_begins_anew():
    stream = LeadStream()
    stream.send(event("activity", "a", 0, lead_id="L"), event("erasure", "x", 1, lead_id="L"))
    stream.tick(30 * DAY_S)
    assert stream.bodies(topics.TRAINING_EXAMPLES) == []
    stream.send(event("activity", "a", 30 * DAY_S, lead_id="L"))
    assert stream.lead("L").events == 1


def test_an_absence_noted_once_is_not_sent_again_after_a_merge():
    stream = LeadStream()
    stream.send(
        event("page_view", "v", 0, anonymous_id="v"), event("activity", "a", 9, lead_id="L")
    )
    stream.tick(30 * DAY_S)
    link = event("lead_profile", "p", 30 * DAY_S, lead_id="L", anonymous_id="v")
    stream.send(link)
    stream.tick(60 * DAY_S)
    rules = [b["rule"] for b in stream.bodies(topics.NURTURE_TRIGGERS)]
    assert rules.count("absence") == 1


def test_a_forward_keeps_the_event_as_it_was():
    stream = LeadStream(5)
    stream.send(event("activity", "a", 0, lead_id="L", anonymous_id="v"))
    sent = event("page_view", "b", 1, anonymous_id="v", title="ü")
    stream.send(sent, deliver=False)
    body = orjson.loads(stream.forwards[0].value)
    assert (body["event"], body["path"], body["to_lead_id"]) == (sent, ["anon:v"], "L")


def test_a_history_that_arrives_twice_counts_once():
    # At least once, a batch that is done again sends on again what it had sent on.
    stream = LeadStream(5)
    visits(stream, "a", "b", anonymous_id="v")
    stream.send(event("activity", "c", 10, lead_id="L", anonymous_id="v"), deliver=False)
    stream.forwards.extend(list(stream.forwards))
    stream.deliver()
    assert stream.counts["lead_moved", "duplicate"] == 1
    assert (stream.lead("L").events, journey_of(stream, "L")) == (3, 3)
