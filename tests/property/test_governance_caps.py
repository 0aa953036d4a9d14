"""Whatever is decided, and whenever: no candidate that governance lets through breaks a limit.

The oracle remembers everything for ever and counts it anew; governance has a bounded history.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.lead import contact_history, governance
from stream.lead.action import RULES
from stream.lead.actions import Catalogue, candidates
from stream.lead.budgets import Budgets
from stream.lead.house import House
from stream.lead.limits import MAX_HISTORY
from stream.lead.state import LeadState

HOUSE = House()
NAMES = ("mail", "call", "alert", "banner")
CHANNELS = ("email", "phone", "sales", "web")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Nowhere")
DAY_S = 86_400.0
WINDOWS_S = st.sampled_from([60.0, 3_600.0, DAY_S, 9 * DAY_S])
TIMES = st.integers(0, 4) | st.just(MAX_HISTORY)
CAP = st.fixed_dictionaries({"per_day": TIMES}, optional={"per_week": TIMES})
HOURS = st.integers(0, 23).map("{:02}:30".format)
QUIET = st.tuples(HOURS, HOURS).filter(lambda span: span[0] != span[1])
BUDGET = st.fixed_dictionaries(
    {"times_per_day": st.integers(0, 20)}, optional={"cost_minor_per_month": st.integers(0, 99)}
)


@st.composite
def catalogues(draw):
    actions = []
    for name, channel in zip(NAMES, CHANNELS, strict=True):
        action = {"name": name, "channel": channel, "rules": list(RULES)}
        optional = {
            "cooldown_s": WINDOWS_S,
            "at_most": st.fixed_dictionaries({"times": TIMES, "within_s": WINDOWS_S}),
            "excludes": st.dictionaries(
                st.sampled_from([other for other in NAMES if other != name]), WINDOWS_S, max_size=2
            ),
            "framings": st.just(["plain", "loss"]),
            "cost_minor": st.integers(0, 9),
            "budget": BUDGET,
            "contact": st.booleans(),
        }
        actions.append(action | draw(st.fixed_dictionaries({}, optional=optional)))
    actions.append({"name": "nothing", "channel": "none", "rules": list(RULES)})
    over = st.sampled_from([*CHANNELS, "all"])
    house_rules = st.fixed_dictionaries(
        {"timezone": st.sampled_from(ZONES[:3])},
        optional={
            "most_contacts": st.dictionaries(over, CAP, max_size=3),
            "quiet_hours": st.dictionaries(
                over, QUIET.map(lambda span: {"from": span[0], "until": span[1]}), max_size=2
            ),
            "budget": BUDGET,
        },
    )
    return Catalogue.model_validate({"action": actions, "governance": draw(house_rules)})


def broken(action, done, now_s, catalogue, zone, share):
    """Return the limits that one more of an action would break, by all that was ever done."""
    limits = catalogue.governance
    faults = []

    def within(window_s, is_of):
        return sum(now_s - at_s < window_s and is_of(other) for at_s, other in done)

    def is_same(other):
        return other.name == action.name

    if action.cooldown_s and within(action.cooldown_s, is_same):
        faults.append("cooldown")
    if action.at_most and within(action.at_most.within_s, is_same) >= action.at_most.times:
        faults.append("at_most")
    for other in catalogue.action:
        apart_s = max(action.excludes.get(other.name, 0.0), other.excludes.get(action.name, 0.0))
        if within(apart_s, lambda one, name=other.name: one.name == name):
            faults.append(f"excluded by {other.name}")
    for over, cap in limits.most_contacts.items():
        for window_s, most in ((DAY_S, cap.per_day), (7 * DAY_S, cap.per_week)):
            if over == "all" and action.is_contact:
                times = within(window_s, lambda other: other.is_contact)
            elif over == action.channel:
                times = within(window_s, lambda other: other.channel == action.channel)
            else:
                continue
            if most is not None and times >= most:
                faults.append(f"cap on {over}")
    if is_quiet(action, now_s, limits, zone):
        faults.append("quiet hours")
    return faults + overspent(action, done, now_s, limits, share)


def is_quiet(action, now_s, limits, zone):
    quiet = limits.quiet_hours.get(action.channel)
    if quiet is None and action.is_contact:
        quiet = limits.quiet_hours.get("all")
    if quiet is None:
        return False
    clock = datetime.fromtimestamp(now_s, ZoneInfo(zone)).strftime("%H:%M")
    after, before = clock >= quiet.from_, clock < quiet.until
    return (after or before) if quiet.from_ > quiet.until else (after and before)


def overspent(action, done, now_s, limits, share):
    def local(at_s):
        return datetime.fromtimestamp(at_s, ZoneInfo(limits.timezone)).date()

    faults, today = [], local(now_s)
    for budget, counted in ((action.budget, [action.name]), (limits.budget, NAMES)):
        if budget is None:
            continue
        days = [(local(at_s), other) for at_s, other in done if other.name in counted]
        if sum(day == today for day, _ in days) >= share(budget.times_per_day):
            faults.append("times a day")
        if budget.cost_minor_per_month is not None and action.cost_minor:
            in_month = sum(
                other.cost_minor
                for day, other in days
                if day.replace(day=1) == today.replace(day=1)
            )
            if in_month + action.cost_minor > share(budget.cost_minor_per_month):
                faults.append("cost a month")
    return faults


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 59.0, 600.0, 3_600.0, 20_000.0, DAY_S, 5 * DAY_S]),
        st.sampled_from(RULES),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=70,
)


@settings(max_examples=60)
@given(catalogues(), STEPS, st.sampled_from(ZONES), st.integers(1, 3))
def test_nothing_let_through_breaks_a_limit(catalogue, steps, zone, partitions):
    state = LeadState.new("L", 0.0)
    state.tier, state.attributes["timezone"] = "cold", zone
    lead_zone = catalogue.governance.timezone if zone == "Nowhere" else zone
    history, budgets, done = [], Budgets(0, partitions), []
    now_s = datetime(2026, 1, 28, tzinfo=UTC).timestamp()
    for wait_s, rule, choice in steps:
        now_s += wait_s
        eligible = candidates(state, rule, 0.0, catalogue)
        may_be, held = governance.allowed(
            state, rule, eligible, history, now_s, now_s, catalogue, HOUSE, budgets
        )
        assert [c.name for c in may_be if c.name == "nothing"] == ["nothing"]
        assert len(may_be) + len(held) == len(catalogue.offered(rule))
        faults = {
            action.name: broken(action, done, now_s, catalogue, lead_zone, budgets.share)
            for action in catalogue.action
            if action.name != "nothing"
        }
        for candidate in may_be:
            assert not faults.get(candidate.name.partition(":")[0])
        live = contact_history.still_counting(history, now_s, catalogue)
        if not contact_history.is_full(live):
            for candidate, reason in held:
                assert faults[candidate.action.name], f"{candidate.name} was held back: {reason}"
        chosen = may_be[choice % len(may_be)]
        governance.take(chosen, history, now_s, catalogue, budgets)
        if chosen.action.name != "nothing":
            done.append((now_s, chosen.action))
        assert len(history) <= MAX_HISTORY


@given(st.data())
def test_joined_histories_let_nothing_through_that_either_would_have_held(data):
    catalogue = data.draw(catalogues())
    entries = st.lists(
        st.tuples(st.floats(0.0, 10 * DAY_S), st.sampled_from(catalogue.action[:4])), max_size=32
    )
    state = LeadState.new("L", 0.0)
    done, history = [], []
    for part in (data.draw(entries), data.draw(entries)):
        one = []
        for at_s, action in sorted(part, key=lambda entry: entry[0]):
            if not contact_history.is_full(contact_history.still_counting(one, at_s, catalogue)):
                contact_history.note(one, action, at_s, catalogue)
                done.append((at_s, action))
        contact_history.merge(history, one, catalogue)
    now_s = data.draw(st.floats(10 * DAY_S, 20 * DAY_S))
    eligible = candidates(state, "absence", 0.0, catalogue)
    may_be, _ = governance.allowed(
        state, "absence", eligible, history, now_s, now_s, catalogue, HOUSE, Budgets()
    )
    budgets_aside = {"times a day", "cost a month"}
    for candidate in may_be:
        if candidate.name != "nothing":
            zone = catalogue.governance.timezone
            faults = broken(candidate.action, done, now_s, catalogue, zone, lambda limit: limit)
            assert set(faults) <= budgets_aside
