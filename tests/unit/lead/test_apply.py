import pytest
from lead_stream import DAY_S, HOUSE, RULES, START_S, event

from stream.lead.apply import apply_event, is_duplicate, note_facts
from stream.lead.house import House
from stream.lead.state import (
    MAX_ATTRIBUTE_CHARACTERS,
    MAX_ATTRIBUTES,
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


def lead(*events_after, house=HOUSE):
    state = LeadState.new("L", START_S)
    for after_s, kind, fields in events_after:
        take_in(state, event(kind, "e", after_s, **fields), START_S + after_s, house)
    return state


def test_a_field_that_only_another_type_has_is_not_looked_at():
    state = lead((0, "form_fill", {"duration_s": "for ever", "url": [], "stage": {}}))
    assert (state.events, state.dwell_s, state.stage) == (1, 0.0, None)


def test_an_id_is_a_duplicate_within_its_window_only():
    state = LeadState.new("L", 0.0)
    assert not is_duplicate(state, "a", 0.0, HOUSE)
    assert is_duplicate(state, "a", HOUSE.duplicate_window_s, HOUSE)
    assert not is_duplicate(state, "b", 1.0, HOUSE)
    assert not is_duplicate(state, "a", HOUSE.duplicate_window_s + 1.0, HOUSE)
    assert is_duplicate(state, "a", HOUSE.duplicate_window_s + 2.0, HOUSE)


def test_recent_ids_are_forgotten_oldest_first():
    state = LeadState.new("L", 0.0)
    for n in range(5_000):
        assert not is_duplicate(state, str(n), float(n), HOUSE)
        assert len(state.recent_ids) <= MAX_RECENT_IDS
    assert is_duplicate(state, str(5_000 - MAX_RECENT_IDS), 5_000.0, HOUSE)
    assert not is_duplicate(state, str(4_999 - MAX_RECENT_IDS), 5_000.0, HOUSE)
    is_duplicate(state, "much later", 10 * DAY_S, HOUSE)
    assert len(state.recent_ids) == 1


def test_a_state_stays_within_its_bounds_and_counts_what_did_not_fit():
    state = LeadState.new("L", START_S)
    for n in range(3_000):
        for kind, fields in (
            ("page_view", {"url": f"https://e.com/section{n}/page{n}"}),
            ("activity", {"name": f"name {n}" * 99}),
            ("stage_change", {"stage": f"stage {n}"}),
            ("lead_profile", {"attributes": {f"a{n}": "x" * 500, "n" * 200: [1], "k": n}}),
            ("consent", {"purpose": f"p{n}", "granted": True}),
        ):
            take_in(state, event(kind, "e", n, **fields), START_S + n, HOUSE)
    assert len(state.counts.counts) <= MAX_KINDS + 1
    assert len(state.attributes) <= MAX_ATTRIBUTES
    assert max(len(str(v)) for v in state.attributes.values()) <= MAX_ATTRIBUTE_CHARACTERS
    assert len(state.pages) == MAX_PAGES
    assert len(state.journey) == MAX_JOURNEY
    assert len(state.consent) == MAX_PURPOSES
    assert state.overflows > 5_000
    assert state.events == 15_000


def test_a_late_event_counts_at_its_own_time_and_takes_its_place_in_the_journey():
    on_time = lead((0, "activity", {}), (50, "page_view", {}), (100, "activity", {}))
    late = lead((0, "activity", {}), (100, "activity", {}), (50, "page_view", {}))
    assert [s[1] for s in late.journey] == [s[1] for s in on_time.journey]
    assert late.last_active_s == on_time.last_active_s == START_S + 100
    assert late.absence_due_s == on_time.absence_due_s == START_S + 100 + HOUSE.absence_s
    at_s = START_S + 200
    for kind in on_time.counts.counts:
        assert late.counts.read(kind, at_s) == pytest.approx(on_time.counts.read(kind, at_s))


def test_a_late_event_does_not_wake_an_absence_that_was_noted():
    state = lead((100, "activity", {}))
    state.absence_due_s = None
    take_in(state, event("activity", "late", 50), START_S + 50, HOUSE)
    assert state.absence_due_s is None


def test_silence_ends_a_session():
    gap = HOUSE.session_gap_s
    state = lead(*[(t, "page_view", {"duration_s": 1e9}) for t in (0, gap, 2 * gap + 1)])
    assert state.sessions == 2
    assert state.dwell_s == 3 * gap


def test_what_happens_to_a_lead_is_no_activity_of_its_own():
    state = lead((0, "stage_change", {"stage": "demo"}), (5, "email_bounce", {}))
    assert (state.last_active_s, state.absence_due_s, state.stage) == (0.0, None, "demo")


def test_an_older_stage_does_not_replace_a_newer_one():
    state = lead((100, "stage_change", {"stage": "new"}), (50, "stage_change", {"stage": "old"}))
    assert (state.stage, state.stage_at_s) == ("new", START_S + 100)


def test_attributes_replace_each_other_null_forgets_and_nested_ones_are_left_out():
    state = lead(
        (0, "lead_profile", {"attributes": {"a": 1, "b": "x", "c": True, "d": {"e": 1}}}),
        (1, "lead_profile", {"attributes": {"a": 2, "b": None, "f": None}}),
    )
    assert state.attributes == {"a": 2, "c": True}


def test_attribute_points_follow_the_attribute():
    house = House(points=RULES)
    big, small = ({"attributes": {"company_size": n}} for n in (60, 10))
    assert "company_size" in lead((0, "lead_profile", big), house=house).ledger
    assert (
        "company_size"
        not in lead((0, "lead_profile", big), (1, "lead_profile", small), house=house).ledger
    )


def test_unsubscribing_withdraws_consent_to_mails():
    state = lead(
        (0, "consent", {"purpose": "email", "granted": True}), (1, "email_unsubscribe", {})
    )
    assert state.consent["email"][0] is False


def test_a_late_grant_does_not_undo_a_withdrawal_that_came_after_it():
    state = lead(
        (100, "consent", {"purpose": "email", "granted": False}),
        (50, "consent", {"purpose": "email", "granted": True}),
    )
    assert state.consent["email"][0] is False


def test_a_late_profile_does_not_replace_a_newer_one():
    state = lead(
        (100, "lead_profile", {"attributes": {"a": "new"}}),
        (50, "lead_profile", {"attributes": {"a": "old"}}),
    )
    assert state.attributes == {"a": "new"}


def test_a_late_page_view_within_a_session_opens_no_other():
    gap = HOUSE.session_gap_s
    on_time = [(t * gap / 2, "page_view", {}) for t in range(6)]
    assert lead(*on_time).sessions == lead(*on_time[1:], on_time[0]).sessions
