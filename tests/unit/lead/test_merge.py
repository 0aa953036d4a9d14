import copy

import pytest
from lead_stream import DAY_S, HOUSE, START_S, event

from stream.lead.apply import apply_event, is_duplicate, note_facts
from stream.lead.labels import keep_sample
from stream.lead.merge import merge_into
from stream.lead.state import (
    MAX_ATTRIBUTES,
    MAX_DECISIONS,
    MAX_JOURNEY,
    MAX_KINDS,
    MAX_PAGES,
    MAX_PURPOSES,
    MAX_RECENT_IDS,
    LeadState,
)


def take_in(state, event, at_s, house):
    note_facts(state, event, at_s)
    apply_event(state, event, at_s, house)


def lead(lead_id, *steps):
    state = LeadState.new(lead_id, START_S + (steps[0][0] if steps else 0))
    for after_s, kind, fields in steps:
        body = event(kind, f"{lead_id}{after_s}", after_s, **fields)
        is_duplicate(state, body["event_id"], START_S + after_s, HOUSE)
        take_in(state, body, START_S + after_s, HOUSE)
        state.last_at_s = max(state.last_at_s, START_S + after_s)
        keep_sample(state, START_S + after_s, 0.5, {}, HOUSE)
    return state


VISITS = [(t * 3_000.0, "page_view", {"url": f"/p{t}", "duration_s": 5}) for t in range(6)]


def test_a_merged_history_is_what_one_lead_would_have_had():
    lead_state, visitor = lead("L", *VISITS[::2]), lead("anon:v", *VISITS[1::2])
    merge_into(lead_state, visitor, HOUSE)
    one = lead("L", *VISITS)
    assert lead_state.events == one.events == 6
    assert (lead_state.first_at_s, lead_state.last_at_s) == (one.first_at_s, one.last_at_s)
    assert set(lead_state.pages) == set(one.pages)
    assert lead_state.dwell_s == one.dwell_s
    assert lead_state.absence_due_s == one.absence_due_s
    assert [s[:2] for s in lead_state.journey] == [s[:2] for s in one.journey]
    at_s = START_S + DAY_S
    for kind in one.counts.counts:
        assert lead_state.counts.read(kind, at_s) == pytest.approx(one.counts.read(kind, at_s))


def test_shared_pages_attributes_and_ids_count_once():
    steps = [(0.0, "page_view", {}), (9.0, "lead_profile", {"attributes": {"company_size": 60}})]
    one, other = lead("L", *steps), lead("L", *steps)
    merge_into(one, other, HOUSE)
    assert len(one.pages) == 1
    assert one.ledger["company_size"][0] == 10
    assert len(one.recent_ids) == 2
    assert is_duplicate(one, "L0.0", START_S + 10, HOUSE)


def test_what_the_lead_knows_of_itself_wins():
    one = lead("L", (0.0, "lead_profile", {"attributes": {"a": 1}}))
    other = lead("M", (5.0, "lead_profile", {"attributes": {"a": 2, "b": 3}}))
    merge_into(one, other, HOUSE)
    assert one.attributes == {"a": 1, "b": 3}


@pytest.mark.parametrize("mine", [True, False, None])
@pytest.mark.parametrize("theirs", [True, False, None])
def test_a_consent_withdrawn_under_either_name_stays_withdrawn(mine, theirs):
    one, other = lead("L"), lead("M")
    for state, granted in ((one, mine), (other, theirs)):
        if granted is not None:
            state.consent["email"] = [granted, 1.0]
    merge_into(one, other, HOUSE)
    given = [g for g in (mine, theirs) if g is not None]
    assert {p: granted for p, (granted, _) in one.consent.items()} == (
        {"email": all(given)} if given else {}
    )


def test_an_absence_that_was_noted_is_not_noted_again():
    one, other = lead("L", (100.0, "activity", {})), lead("anon:v", (0.0, "activity", {}))
    one.absence_due_s = None
    merge_into(one, other, HOUSE)
    assert one.absence_due_s is None


def test_a_later_visit_of_the_other_moves_the_absence():
    one, other = lead("L", (0.0, "activity", {})), lead("anon:v", (100.0, "activity", {}))
    merge_into(one, other, HOUSE)
    assert one.absence_due_s == START_S + 100 + HOUSE.absence_s


def test_samples_of_a_lead_that_turns_out_to_have_won_are_not_taught_as_silence():
    one, other = lead("L", (0.0, "activity", {})), lead("M", (0.0, "activity", {}))
    other.outcome, other.samples = "won", []
    merge_into(one, other, HOUSE)
    assert (one.outcome, one.samples) == ("won", [])


def test_cooldowns_of_both_hold():
    one, other = lead("L"), lead("M")
    one.triggered_s, other.triggered_s = {"a": 5.0, "b": 1.0}, {"b": 3.0, "c": 2.0}
    merge_into(one, other, HOUSE)
    assert one.triggered_s == {"a": 5.0, "b": 3.0, "c": 2.0}


def test_two_full_states_merge_within_the_bounds():
    full = []
    for name in ("L", "M"):
        state = LeadState.new(name, START_S)
        for n in range(300):
            for kind, fields in (
                ("page_view", {"url": f"/{name}{n}"}),
                ("lead_profile", {"attributes": {f"{name}{n}": n}}),
                ("consent", {"purpose": f"{name}{n}", "granted": False}),
            ):
                is_duplicate(state, f"{name}{n}{kind}", START_S + n, HOUSE)
                take_in(state, event(kind, "e", n, **fields), START_S + n, HOUSE)
            if len(state.decisions) < MAX_DECISIONS:
                state.decisions[f"{name}{n}"] = ["r", "a", 0.0, 1.0]
        full.append(state)
    one, other = full
    merge_into(one, copy.deepcopy(other), HOUSE)
    assert len(one.counts.counts) <= MAX_KINDS + 1
    for held, most in (
        (one.pages, MAX_PAGES), (one.attributes, MAX_ATTRIBUTES), (one.consent, MAX_PURPOSES),
        (one.recent_ids, MAX_RECENT_IDS), (one.decisions, MAX_DECISIONS),
        (one.journey, MAX_JOURNEY),
        (one.samples, HOUSE.samples_per_lead),
    ):  # fmt: skip
        assert len(held) <= most
