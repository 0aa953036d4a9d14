import re
from importlib.resources import files
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refused_files import check_told

from stream.lead.kind_sequences import IN_JOURNEYS, MAX_STEPS
from stream.lead.kinds import kinds_of
from stream.lead.point_rules import EVENT_TYPES
from stream.lead.purchases import Purchases
from stream.lead.rule_segments import (
    MAX_SEGMENTS,
    RuleSegments,
    SegmentsFileError,
    parse_rule_segments,
)
from stream.lead.state import MAX_JOURNEY, LeadState

PACKAGED = files("stream.lead").joinpath("segments.toml").read_text("utf-8")
SEGMENT = '[[segment]]\nname = "x"\n'
SILENT = SEGMENT + "silent_for_s = 5\n"

REFUSED = {
    "not TOML": ("schema_version =\n", "line 1", "TOML"),
    "unknown field": ("nme = 3\n", "line 1", "nme"),
    "unknown field of a segment": (SILENT + "silent_s = 2\n", "line 4", "silent_s"),
    "unknown test": (SEGMENT + "who.min_scor = 2\n", "line 3", "min_scor"),
    "schema version": ("\nschema_version = 2\n", "line 2", "schema_version"),
    "no list of segments": ("segment = 5\n", "line 1", "segment"),
    "no name": ("[[segment]]\nsilent_for_s = 5\n", "line 1", "name"),
    "bad name": (SILENT.replace('"x"', '"A b"'), "line 2", "name"),
    "no test": (SEGMENT, "line 1", "silent_for_s"),
    "who without a test": (SEGMENT + "who = {}\n", "line 3", "min_score"),
    "range upside down": (SEGMENT + "who = { min_score = 9, max_score = 1 }\n", "line 3", "min_"),
    "no outcome": (SEGMENT + "who.outcomes = []\n", "line 3", "outcomes"),
    "unknown outcome": (SEGMENT + 'who.outcomes = ["win"]\n', "line 3", "outcomes"),
    "sequence of nothing": (SEGMENT + "sequence = []\n", "line 3", "sequence"),
    "sequence as text": (SEGMENT + 'sequence = "page_view"\n', "line 3", "sequence"),
    "long sequence": (
        SEGMENT + f"sequence = {['purchase'] * (MAX_STEPS + 1)}\n", "line 3", "sequence",
    ),
    "unknown kind": (SEGMENT + 'sequence = ["page_vew:pricing"]\n', "line 3", "page_view"),
    "kind of no journey": (SEGMENT + 'sequence = ["lead_profile"]\n', "line 3", "lead_profile"),
    "kind of a text": (SEGMENT + 'sequence = ["text:price"]\n', "line 3", "text:price"),
    "nothing after the colon": (SEGMENT + 'sequence = ["page_view:"]\n', "line 3", "colon"),
    "long kind": (SEGMENT + f'sequence = ["activity:{"a" * 64}"]\n', "line 3", "64"),
    "within_s without a sequence": (SILENT + "within_s = 5\n", "line 1", "within_s"),
    "within_s of one kind": (
        SEGMENT + 'sequence = ["purchase"]\nwithin_s = 5\n', "line 1", "within_s",
    ),
    "no time": (SEGMENT + "silent_for_s = 0\n", "line 3", "silent_for_s"),
    "time without end": (SEGMENT + "active_within_s = inf\n", "line 3", "active_within_s"),
    "times that nobody meets": (SILENT + "active_within_s = 5\n", "line 1", "nobody"),
    "name of a learned one": (SILENT.replace('"x"', '"s12"'), "line 2", "learned"),
    "by other segments": (SEGMENT + 'who.segments = ["y"]\n', "line 3", "segments"),
    "same name twice": (SILENT * 2, "line 5", "'x'"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_faulty_file_is_refused_with_line_field_and_remedy(text, line, field):
    with pytest.raises(SegmentsFileError) as refused:
        parse_rule_segments(text, "my.toml")
    check_told(refused.value, line, field)


def test_more_segments_than_fit_are_refused():
    one = '[[segment]]\nname = "x{}"\nsilent_for_s = 5\n'
    most = "".join(one.format(number) for number in range(MAX_SEGMENTS))
    assert len(parse_rule_segments(most).segment) == MAX_SEGMENTS
    with pytest.raises(SegmentsFileError, match="at most 64"):
        parse_rule_segments(most + one.format("_more"))


def test_the_packaged_file_names_no_segments_and_its_examples_are_sound():
    assert parse_rule_segments(PACKAGED).segment == ()
    start = re.search(r"^# \[\[segment\]\]$", PACKAGED, re.MULTILINE).start()
    examples = re.sub("^# ?", "", PACKAGED[start:], flags=re.MULTILINE)
    # The version stands before all tables in a file.
    text = examples.replace("schema_version = 1", "")
    assert [segment.name for segment in parse_rule_segments(text).segment] == [
        "evaluating", "hot_gone_quiet",
    ]  # fmt: skip


def test_the_packaged_file_explains_every_key_and_every_kind():
    fields = RuleSegments.model_fields["segment"].annotation.__args__[0].model_fields
    who = fields["who"].annotation.__args__[0].model_fields
    for word in (*fields, *who, *IN_JOURNEYS):
        assert re.search(rf"\b{word}\b", PACKAGED), word


def lead(*journey, last_active_s=0.0, **fields):
    state = LeadState.new("L", 10.0)
    state.journey = [[at_s, kind, 0.0] for at_s, kind in journey]
    state.last_active_s = last_active_s
    for name, value in fields.items():
        setattr(state, name, value)
    return state


def is_in(segment, state, score=50.0, tier="cold", now_s=1_000.0):
    segments = parse_rule_segments(SEGMENT + segment)
    return segments.members(state, score, tier, now_s) == ("x",)


def test_without_segments_nobody_is_in_any():
    segments = parse_rule_segments("")
    assert segments.members(lead((1.0, "purchase")), 99.0, "hot", 1e9) == ()
    assert segments.next_change_s(lead(last_active_s=5.0), 0.0) is None


@pytest.mark.parametrize(
    ("who", "fits", "misfits"),
    [
        ("min_score = 50", {"score": 50.0}, {"score": 49.9}),
        ('tiers = ["hot"]', {"tier": "hot"}, {"tier": None}),
        ('stages = ["MQL"]', {"stage": "mql"}, {"stage": None}),
        ('outcomes = ["open"]', {"outcome": None}, {"outcome": "won"}),
        ('outcomes = ["won", "lost"]', {"outcome": "lost"}, {"outcome": None}),
        ("attributes.size.at_least = 5", {"attributes": {"size": 5}}, {"attributes": {}}),
        (
            'owns_one_of = ["basic"]',
            {"purchases": Purchases(products=["Basic"])},
            {"purchases": None},
        ),
    ],
)
def test_who_tests_what_is_so_of_the_lead(who, fits, misfits):
    def check(facts):
        scored = {name: facts[name] for name in ("score", "tier") if name in facts}
        rest = {name: value for name, value in facts.items() if name not in scored}
        return is_in(f"who.{who}\n", lead(**rest), **scored)

    assert check(fits)
    assert not check(misfits)


@pytest.mark.parametrize("outcome", [None, "won", "lost"])
def test_without_outcomes_it_is_for_leads_of_any(outcome):
    assert is_in("who.min_score = 1\n", lead(outcome=outcome))
    assert is_in('sequence = ["purchase"]\n', lead((1.0, "purchase"), outcome=outcome))


def test_all_that_is_given_must_hold():
    text = 'who.tiers = ["hot"]\nsequence = ["purchase"]\nsilent_for_s = 100\n'
    bought, looked = lead((1.0, "purchase"), last_active_s=900.0), lead(last_active_s=900.0)
    assert is_in(text, bought, tier="hot")
    assert not is_in(text, bought, tier="warm")
    assert not is_in(text, looked, tier="hot")
    assert not is_in(text, bought, tier="hot", now_s=999.0)


def test_a_sequence_holds_in_its_order_with_others_between():
    text = 'sequence = ["page_view:pricing", "form_fill", "purchase"]\n'
    steps = ["page_view:pricing", "email_open", "form_fill:contact", "page_view:docs", "purchase"]
    assert is_in(text, lead(*enumerate(steps)))
    assert not is_in(text, lead(*enumerate(reversed(steps))))
    assert not is_in(text, lead(*enumerate(steps[:-1])))
    assert not is_in(text, lead())


def test_an_event_is_one_step_and_no_more():
    assert not is_in('sequence = ["page_view", "page_view"]\n', lead((1.0, "page_view:home")))
    assert is_in(
        'sequence = ["page_view", "page_view:docs"]\n',
        lead((1.0, "page_view:docs"), (2.0, "page_view:docs")),
    )
    assert not is_in('sequence = ["page_view", "page_view:docs"]\n', lead((1.0, "page_view:docs")))


@pytest.mark.parametrize(
    ("kind", "fits", "misfits"),
    [
        ("page_view", "page_view:pricing", "form_fill:contact"),
        ("page_view:pricing", "page_view:pricing", "page_view:pricing2"),
        ("activity:Call", "activity:call", "activity:callback"),
        ("activity:call", "activity:Call:missed", "activity"),
        ("stage_change:sales qualified", "stage_change:Sales Qualified", "stage_change:sales"),
    ],
)
def test_a_kind_stands_for_what_it_begins_by_whole_parts_without_case(kind, fits, misfits):
    assert is_in(f'sequence = ["{kind}"]\n', lead((1.0, fits)))
    assert not is_in(f'sequence = ["{kind}"]\n', lead((1.0, misfits)))


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_kinds_are_those_that_journeys_have(event_type):
    detail = {"url": "https://a.example/b", "form_kind": "contact", "name": "call", "stage": "MQL"}
    kinds = kinds_of({"type": event_type, "verdict": "accepted", "result": "won"} | detail)
    assert bool(kinds) == (event_type in IN_JOURNEYS)
    for kind in kinds:
        assert is_in(f'sequence = ["{kind}"]\n', lead((1.0, kinds[-1])))


def test_a_kind_that_was_cut_is_met_by_as_much_of_it_as_counts():
    kind = kinds_of({"type": "activity", "name": "n" * 200})[-1]
    assert is_in(f'sequence = ["{kind}"]\n', lead((1.0, kind)))


def test_a_kind_is_no_other_that_begins_with_the_same_letters():
    one = '[[segment]]\nname = "{0}"\nsequence = ["page_view:{0}"]\n'
    segments = parse_rule_segments(one.format("price") + one.format("prices"))
    state = lead((1.0, "page_view:prices"))
    assert segments.members(state, 50.0, "cold", 2.0) == ("prices",)


def test_the_span_of_a_sequence_is_the_shortest_that_there_is():
    text = 'sequence = ["page_view", "purchase"]\nwithin_s = 10\n'
    assert is_in(text, lead((0.0, "page_view:a"), (10.0, "purchase")))
    assert not is_in(text, lead((0.0, "page_view:a"), (10.5, "purchase")))
    assert is_in(text, lead((1.0, "page_view:a"), (90.0, "page_view:b"), (95.0, "purchase")))
    within_at_first = [(1.0, "page_view:a"), (5.0, "purchase"), (99.0, "purchase")]
    assert is_in(text, lead(*within_at_first))


def test_a_sequence_may_have_as_many_steps_as_a_journey_keeps():
    assert MAX_STEPS <= MAX_JOURNEY


def test_silence_begins_and_activity_ends_at_the_same_instant():
    state = lead(last_active_s=900.0)
    for now_s, is_silent in ((999.9, False), (1_000.0, True)):
        assert is_in("silent_for_s = 100\n", state, now_s=now_s) == is_silent
        assert is_in("active_within_s = 100\n", state, now_s=now_s) != is_silent


def test_who_never_did_anything_is_silent_since_first_heard_of_and_was_never_active():
    imported = lead(first_at_s=900.0)
    assert not is_in("silent_for_s = 100\n", imported, now_s=999.0)
    assert is_in("silent_for_s = 100\n", imported, now_s=1_000.0)
    assert not is_in("active_within_s = 100\n", imported, now_s=901.0)
    segments = parse_rule_segments(SEGMENT + "silent_for_s = 100\nactive_within_s = 200")
    assert segments.next_change_s(imported, 0.0) == 1_000.0
    assert segments.next_change_s(imported, 1_000.0) is None


def test_time_next_changes_something_at_each_end_and_then_never():
    segments = parse_rule_segments(SEGMENT + "silent_for_s = 100\nactive_within_s = 200")
    state = lead(last_active_s=50.0)
    assert segments.next_change_s(state, 50.0) == 150.0
    assert segments.next_change_s(state, 150.0) == 250.0
    assert segments.next_change_s(state, 250.0) is None


def test_a_state_stays_as_it_is():
    state = lead((1.0, "purchase"), last_active_s=900.0)
    before = state.to_json()
    is_in('sequence = ["purchase"]\nsilent_for_s = 10\n', state)
    assert state.to_json() == before


KINDS = ("page_view", "page_view:a", "page_view:b", "purchase")
spans_s = st.one_of(st.none(), st.floats(0.001, 200.0))


@st.composite
def segment(draw):
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=4))
    silent_s, active_s = sorted(draw(st.tuples(st.floats(0.001, 100.0), st.floats(101.0, 200.0))))
    document = {
        "sequence": kinds or None,
        "within_s": draw(spans_s) if len(kinds) > 1 else None,
        "silent_for_s": draw(st.sampled_from([None, silent_s])),
        "active_within_s": draw(st.sampled_from([None, active_s])),
        "who": draw(st.sampled_from([None, {"min_score": 40.0}, {"outcomes": ["won"]}])),
    }
    tests = {name: value for name, value in document.items() if value is not None}
    return tests or {"silent_for_s": silent_s}


@st.composite
def documents(draw):
    names = draw(st.lists(st.from_regex(r"[a-rt-z][a-z0-9_]{0,5}", fullmatch=True), unique=True))
    return [{"name": name, **draw(segment())} for name in names]


@st.composite
def leads(draw):
    steps = draw(st.lists(st.tuples(st.floats(0.0, 300.0), st.sampled_from(KINDS)), max_size=8))
    return lead(
        *sorted(steps),
        first_at_s=draw(st.floats(0.0, 50.0)),
        last_active_s=draw(st.one_of(st.just(0.0), st.floats(50.0, 300.0))),
        outcome=draw(st.sampled_from([None, "won"])),
    )


@given(documents(), leads(), st.floats(0.0, 100.0), st.floats(300.0, 600.0), st.randoms())
def test_the_order_in_the_file_says_nothing(segments, state, score, now_s, random):
    shuffled = list(segments)
    random.shuffle(shuffled)
    members = RuleSegments.model_validate({"segment": segments}).members(state, score, "hot", now_s)
    assert list(members) == sorted(members)
    other = RuleSegments.model_validate({"segment": shuffled})
    assert other.members(state, score, "hot", now_s) == members


@given(documents(), leads(), st.floats(0.0, 600.0), st.floats(0.0, 1.0, exclude_max=True))
def test_until_time_next_changes_something_it_changes_nothing(segments, state, after_s, part):
    rules = RuleSegments.model_validate({"segment": segments})
    next_s = rules.next_change_s(state, after_s)
    assert next_s is None or next_s > after_s
    end_s = 1e9 if next_s is None else next_s
    between_s = after_s + part * (end_s - after_s)
    if between_s < end_s:
        members = rules.members(state, 50.0, "hot", between_s)
        assert members == rules.members(state, 50.0, "hot", after_s)


@given(segment().filter(lambda s: "sequence" in s), leads())
def test_a_sequence_is_found_exactly_where_trying_all_steps_finds_it(one, state):
    kinds, within_s = one["sequence"], one.get("within_s", 1e9)
    document = {"name": "x", "sequence": kinds}
    if "within_s" in one:
        document["within_s"] = within_s
    found = any(
        steps[-1][0] - steps[0][0] <= within_s
        and all(
            step[1] == kind or step[1].startswith(f"{kind}:")
            for step, kind in zip(steps, kinds, strict=True)
        )
        for steps in combinations(state.journey, len(kinds))
    )
    rules = RuleSegments.model_validate({"segment": [document]})
    assert (rules.members(state, 50.0, "hot", 900.0) == ("x",)) == found
