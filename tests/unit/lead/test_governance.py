from typing import get_args

import pytest

from stream.lead import governance
from stream.lead.actions import candidates, default_catalogue, parse_catalogue
from stream.lead.budgets import Budgets
from stream.lead.consent import may, set_consent
from stream.lead.house import House
from stream.lead.identity import is_named
from stream.lead.limits import MAX_HISTORY
from stream.lead.state import LeadState

HOUSE = House()
DAY_S = 86_400.0
ALL_RULES = 'rules = ["high_intent", "tier_rose", "tier_fell", "absence"]'
THREE = f"""
[[action]]
name = "mail"
channel = "email"
{ALL_RULES}
MAIL

[[action]]
name = "alert"
channel = "sales"
{ALL_RULES}

[[action]]
name = "nothing"
channel = "none"
{ALL_RULES}

[governance]
GOVERNANCE
"""
NOON_S = 12 * 3_600.0


class Lead:
    """One lead of a house, asked again and again; ``go`` takes what is let through first."""

    def __init__(self, mail="", house_rules="", lead_id="L"):
        text = THREE.replace("MAIL", mail).replace("GOVERNANCE", house_rules)
        self.catalogue = parse_catalogue(text)
        self.state = LeadState.new(lead_id, 0.0)
        self.history, self.budgets = [], Budgets()

    def ask(self, now_s=NOON_S, rule="absence", cause_at_s=None, left_alone=None):
        eligible = candidates(self.state, rule, 50.0, self.catalogue)
        cause_at_s = now_s if cause_at_s is None else cause_at_s
        may_be, held = governance.allowed(
            self.state, rule, eligible, self.history, cause_at_s, now_s, self.catalogue, HOUSE,
            self.budgets, left_alone,
        )  # fmt: skip
        told = {candidate.name: reason for candidate, reason in held}
        assert set(told.values()) <= set(get_args(governance.Reason))
        assert {c.name for c in may_be} | told.keys() == {"mail", "alert", "nothing"}
        return told

    def go(self, name="mail", now_s=NOON_S):
        [candidate] = [c for c in self.catalogue.offered("absence") if c.name == name]
        governance.take(candidate, self.history, now_s, self.catalogue, self.budgets)


def test_where_nothing_speaks_against_it_everything_may_be_done():
    assert Lead().ask() == {}


@pytest.mark.parametrize(
    ("lead_id", "outcome", "refused", "reason"),
    [
        ("anon:v", None, None, "anonymous"),
        ("L", "won", None, "closed"),
        ("L", "lost", None, "closed"),
        ("L", None, "nurturing", "no_consent"),
    ],
)
def test_without_an_occasion_even_nothing_is_not_decided(lead_id, outcome, refused, reason):
    lead = Lead(lead_id=lead_id)
    lead.state.outcome = outcome
    if refused:
        set_consent(lead.state, refused, False, 0.0)
    assert lead.ask() == dict.fromkeys(("mail", "alert", "nothing"), reason)


def test_a_customer_is_offered_what_is_for_customers():
    lead = Lead(mail='eligible.outcomes = ["won"]')
    assert lead.ask() == {"mail": "not_eligible"}
    lead.state.outcome = "won"
    assert lead.ask() == {"alert": "closed", "nothing": "closed"}


def test_an_old_cause_is_not_acted_upon_where_the_house_says_so():
    lead = Lead(house_rules="max_cause_age_s = 100")
    assert lead.ask(1_000.0, cause_at_s=900.1) == {}
    assert set(lead.ask(1_000.0, cause_at_s=900.0).values()) == {"expired"}
    assert Lead().ask(1e9, cause_at_s=0.0) == {}


def test_mail_needs_a_yes_to_mail_and_other_purposes_where_the_action_says_so():
    lead = Lead(mail='consent = ["Offers"]')
    for purpose in ("email", "offers"):
        set_consent(lead.state, purpose, False, 0.0)
        assert lead.ask() == {"mail": "no_consent"}
        set_consent(lead.state, purpose, True, 1.0)
    assert lead.ask() == {}


def test_a_rule_that_cools_down_gives_no_occasion():
    lead = Lead(house_rules="cooldown_s.absence = 100")
    lead.state.triggered_s["absence"] = 1_000.0
    assert set(lead.ask(1_099.9).values()) == {"cooldown"}
    assert len(lead.ask(1_099.9)) == 3
    assert lead.ask(1_100.0) == {}
    assert lead.ask(1_099.9, rule="tier_rose") == {}


def test_an_action_cools_down_for_itself():
    lead = Lead(mail="cooldown_s = 100")
    lead.go(now_s=1_000.0)
    assert lead.ask(1_099.9) == {"mail": "cooldown"}
    assert lead.ask(1_100.0) == {}


def test_actions_exclude_each_other_whichever_came_first():
    for first, second in (("mail", "alert"), ("alert", "mail")):
        lead = Lead(mail="excludes.alert = 100")
        lead.go(first, 1_000.0)
        assert lead.ask(1_099.9) == {second: "excluded"}
        assert lead.ask(1_100.0) == {}


def test_an_action_goes_out_so_often_within_its_window():
    lead = Lead(mail="at_most = { times = 2, within_s = 100 }")
    lead.go(now_s=1_000.0)
    assert lead.ask(1_050.0) == {}
    lead.go(now_s=1_050.0)
    assert lead.ask(1_099.9) == {"mail": "frequency_cap"}
    assert lead.ask(1_100.0) == {}


@pytest.mark.parametrize(
    ("cap", "held_for_s"),
    [
        ("email = { per_day = 1 }", DAY_S),
        ("all = { per_day = 1 }", DAY_S),
        ("all = { per_day = 2, per_week = 1 }", 7 * DAY_S),
    ],
)
def test_contacts_are_capped_by_channel_and_in_all_by_day_and_week(cap, held_for_s):
    lead = Lead(house_rules=f"most_contacts.{cap}")
    lead.go(now_s=0.0)
    assert lead.ask(held_for_s - 1.0) == {"mail": "frequency_cap"}
    assert lead.ask(held_for_s) == {}


def test_what_does_not_reach_the_lead_is_no_contact():
    lead = Lead(house_rules="most_contacts.all = { per_day = 1 }")
    lead.go("alert", 0.0)
    lead.go("nothing", 0.0)
    assert lead.ask(1.0) == {}
    assert lead.history == []


def test_a_cap_of_none_is_a_channel_switched_off():
    assert Lead(house_rules="most_contacts.email.per_week = 0").ask() == {"mail": "frequency_cap"}


def test_quiet_hours_go_by_the_leads_own_clock():
    lead = Lead(
        house_rules='timezone = "Europe/Berlin"\n'
        'quiet_hours.email = { from = "20:00", until = "08:00" }'
    )
    eight_in_berlin_s = 7 * 3_600.0
    assert lead.ask(eight_in_berlin_s - 1.0) == {"mail": "quiet_hours"}
    assert lead.ask(eight_in_berlin_s) == {}
    lead.state.attributes["timezone"] = "America/New_York"
    assert lead.ask(eight_in_berlin_s) == {"mail": "quiet_hours"}
    lead.state.attributes["timezone"] = "Middle/Earth"
    assert lead.ask(eight_in_berlin_s) == {}


def test_quiet_hours_of_all_hold_contacts_alone_and_a_channels_own_come_first():
    everybody = 'quiet_hours.all = { from = "10:00", until = "14:00" }'
    assert Lead(house_rules=everybody).ask() == {"mail": "quiet_hours"}
    mails = '\nquiet_hours.email = { from = "20:00", until = "21:00" }'
    assert Lead(house_rules=everybody + mails).ask() == {}


def test_a_budget_holds_for_all_leads_together_until_the_next_day():
    lead = Lead(mail="budget.times_per_day = 2")
    for _ in range(2):
        assert lead.ask() == {}
        lead.go()
    assert lead.ask() == {"mail": "budget"}
    assert lead.ask(NOON_S + DAY_S) == {}


def test_who_is_left_alone_is_told_last():
    lead = Lead(mail="cooldown_s = 100")
    assert lead.ask(left_alone="do_not_disturb") == {"mail": "do_not_disturb"}
    assert lead.ask(left_alone="holdout") == {"mail": "holdout", "alert": "holdout"}
    lead.go()
    assert lead.ask(left_alone="holdout") == {"mail": "cooldown", "alert": "holdout"}


@pytest.mark.parametrize(
    ("mail", "house_rules", "reason"),
    [
        ("", "", None),
        ("eligible.min_score = 90", "", None),
        (
            "eligible.min_score = 90\nexcludes.alert = 60",
            'quiet_hours.sales = { from = "11:00", until = "13:00" }',
            "quiet_hours",
        ),
        ("eligible.min_score = 90", "most_contacts.sales.per_day = 0", "frequency_cap"),
        ("", "max_cause_age_s = 1", "expired"),
    ],
)
def test_an_occasion_passes_where_at_most_nothing_is_left_to_do(mail, house_rules, reason):
    lead = Lead(mail, house_rules)
    eligible = candidates(lead.state, "absence", 50.0, lead.catalogue)
    may_be, held = governance.allowed(
        lead.state, "absence", eligible, [], NOON_S - 5.0, NOON_S, lead.catalogue, HOUSE, Budgets()
    )
    assert governance.suppressed(may_be, held) == reason


def test_where_the_house_offers_nothing_but_nothing_that_is_decided():
    lead = Lead()
    nothing = [c for c in lead.catalogue.offered("absence") if c.name == "nothing"]
    assert governance.suppressed(nothing, []) is None
    assert governance.suppressed([], []) == "not_eligible"


def test_asking_changes_nothing():
    lead = Lead(mail="budget.times_per_day = 2\ncooldown_s = 5")
    lead.go()
    before = lead.state.to_json(), [list(entry) for entry in lead.history], lead.budgets.row()
    lead.ask(NOON_S + 40 * DAY_S)
    assert (lead.state.to_json(), lead.history, lead.budgets.row()) == before


ACTIONS = {
    "high_intent": ("call", 3_600.0),
    "tier_rose": ("sales_alert", DAY_S),
    "tier_fell": ("nurture_email", DAY_S),
    "absence": ("win_back_email", 7 * DAY_S),
}


def decided_before(state, rule, now_s):
    """Tell what the first set of rules said, one action each, before there was a catalogue."""
    action, cooldown_s = ACTIONS[rule]
    if not is_named(state.lead_id):
        return "anonymous"
    if not may(state, "nurturing", HOUSE):
        return "no_consent"
    if action.endswith("email") and not may(state, "email", HOUSE):
        return "no_consent"
    last_s = state.triggered_s.get(rule)
    if last_s is not None and now_s - last_s < cooldown_s:
        return "cooldown"
    state.triggered_s[rule] = now_s
    return None


@pytest.mark.parametrize("lead_id", ["L", "email:h", "anon:v"])
@pytest.mark.parametrize("country", ["US", "DE"])
@pytest.mark.parametrize(
    "said", [{}, {"email": False}, {"nurturing": True, "email": False}, {"nurturing": True}]
)
def test_the_default_catalogue_decides_as_the_rules_did_before_there_was_one(
    lead_id, country, said
):
    catalogue = default_catalogue()
    state = LeadState.new(lead_id, 0.0)
    state.attributes["country"] = country
    for purpose, granted in said.items():
        set_consent(state, purpose, granted, 0.0)
    history, budgets = [], Budgets()
    for hour in range(400):
        rule, now_s = [*ACTIONS][hour % 4], hour * 1_800.0
        eligible = candidates(state, rule, 50.0, catalogue)
        may_be, held = governance.allowed(
            state, rule, eligible, history, now_s, now_s, catalogue, HOUSE, budgets
        )
        reason = decided_before(state, rule, now_s)
        assert [told for _, told in held] == ([] if reason is None else [reason])
        assert [c.name for c in may_be] == ([ACTIONS[rule][0]] if reason is None else [])
        if may_be:
            governance.take(may_be[0], history, now_s, catalogue, budgets)
    assert (history, budgets.row()) == ([], ["", {}])


def test_what_is_remembered_is_bounded_and_still_no_cap_is_broken():
    lead = Lead(
        mail="at_most = { times = 32, within_s = 1_000 }",
        house_rules="most_contacts.sales.per_week = 5",
    )
    lead.go("alert", 10_000.0)
    let_through = 0
    for second in range(10_000, 11_000, 20):
        if "mail" not in lead.ask(float(second)):
            let_through += 1
            lead.go("mail", float(second))
    assert len(lead.history) == MAX_HISTORY
    assert let_through == MAX_HISTORY - 1, "the alert still counts, and is not forgotten for a mail"


def test_a_full_history_holds_back_what_would_have_to_be_noted_and_nothing_else():
    lead = Lead(house_rules="most_contacts.email.per_day = 32")
    lead.history += [[1_000.0, "letter", "email"]] * MAX_HISTORY
    assert lead.ask(1_070.0) == {"mail": "frequency_cap"}
    lead = Lead(mail="excludes.alert = 10", house_rules="most_contacts.post.per_day = 32")
    lead.history += [[1_000.0, "letter", "post"]] * MAX_HISTORY
    assert lead.ask(1_070.0) == {"mail": "frequency_cap", "alert": "frequency_cap"}
    assert lead.ask(1_000.0 + DAY_S) == {}


def test_what_is_noted_for_another_reason_is_no_contact_for_that():
    lead = Lead(house_rules="most_contacts = { all = { per_day = 1 }, sales = { per_day = 2 } }")
    lead.go("alert", 0.0)
    assert lead.history == [[0.0, "alert", "sales"]]
    assert lead.ask(1.0) == {}
    lead.go("mail", 1.0)
    assert lead.ask(2.0) == {"mail": "frequency_cap"}
