from dataclasses import astuple
from random import Random
from statistics import fmean

import pytest

from stream.simulator.customers import churn_per_day
from stream.simulator.personas import BUYER, EVALUATOR, STUDENT, draw_lead
from stream.simulator.pipeline import Pipeline
from stream.simulator.prospect import NEVER, Hidden, Prospect
from stream.simulator.responses import Traits
from stream.simulator.world import (
    ACTIONS,
    CALL,
    CHURNED,
    CONTENT,
    CUSTOMER,
    DEMO_INVITE,
    ENGAGED,
    KNOWN,
    LOST,
    NOTHING,
    OPPORTUNITY,
    QUALIFIED,
    STAGES,
    WEBINAR,
    WorldParameters,
)

WORLD = WorldParameters()
PIPELINE = Pipeline(WORLD)


def _lead(seed, persona=BUYER, intent=0.7, openness=0.5, stage=ENGAGED, tolerance=3.0):
    lead = draw_lead(Random(seed))
    lead.persona, lead.intent = persona, intent
    hidden = Hidden(intent=intent, traits=Traits(openness, tolerance), next_visit_day=2)
    return Prospect(lead=lead, hidden=hidden, stage=stage, visits=1)


def _never(lead):
    return NOTHING


def _weekly(lead):
    if lead.day % 7:
        return NOTHING
    return {OPPORTUNITY: CALL, KNOWN: CONTENT}.get(lead.stage, WEBINAR)


def _daily(lead):
    return CONTENT


def _ends(plan, leads=600, **kind):
    ended = []
    for seed in range(leads):
        rng, lead = Random(f"{seed}/life"), _lead(seed, **kind)
        while not lead.is_over:
            PIPELINE.day(lead, plan(lead), rng)
        ended.append(lead)
    return ended


def _won(plan, **kind):
    return fmean(lead.won_day is not None for lead in _ends(plan, **kind))


def test_equal_seeds_give_equal_lives():
    lives = []
    for _ in range(2):
        rng, days = Random(5), []
        lead = PIPELINE.named_lead(rng)
        while not lead.is_over:
            PIPELINE.day(lead, _weekly(lead), rng)
            days.append((lead.stage, lead.intent, tuple(lead.happened)))
        lives.append((days, astuple(lead.hidden)))
    assert lives[0] == lives[1]


def test_a_lead_enters_with_a_name_and_its_time_ends():
    rng = Random(2)
    for _ in range(200):
        lead = PIPELINE.named_lead(rng)
        assert STAGES[lead.stage] in {"known", "engaged", "qualified", "customer"}
        assert lead.day == 0
        assert lead.forms == 1
        while not lead.is_over:
            PIPELINE.day(lead, NOTHING, rng)
        if lead.won_day is None:
            assert lead.stage == LOST or lead.day == WORLD.lead_days
        else:
            assert lead.stage == CHURNED or lead.day == lead.won_day + WORLD.customer_days


def test_magnitudes_without_contact_are_those_of_b2b():
    rng, leads = Random(3), []
    for _ in range(1_500):
        lead = PIPELINE.named_lead(rng)
        while not lead.is_over:
            PIPELINE.day(lead, NOTHING, rng)
        leads.append(lead)
    won = sorted(lead.won_day for lead in leads if lead.won_day is not None)
    assert 0.02 < len(won) / len(leads) < 0.12
    assert 7 < won[len(won) // 2] < 60
    left = fmean(lead.stage == CHURNED for lead in leads if lead.won_day is not None)
    assert 0.1 < left < 0.4


def test_leads_are_of_four_kinds():
    persuadable = {"persona": EVALUATOR, "intent": 0.64, "openness": 1.2}
    assert _won(_weekly, **persuadable) > _won(_never, **persuadable) + 0.10

    sure = {"persona": BUYER, "intent": 0.95, "openness": 0.3, "stage": OPPORTUNITY}
    assert _won(_never, **sure) > 0.75
    assert abs(_won(_weekly, **sure) - _won(_never, **sure)) < 0.06

    lost = {"persona": STUDENT, "intent": 0.15, "openness": 0.8}
    assert _won(_weekly, **lost) <= 0.01
    assert _won(_never, **lost) <= 0.01

    disturbed = {"persona": BUYER, "intent": 0.75, "openness": -0.8, "stage": QUALIFIED}
    assert _won(_weekly, **disturbed) < _won(_never, **disturbed) - 0.05


def test_fatigue_hurts():
    lead = _lead(1)
    rested = PIPELINE.chances(lead, CONTENT)
    lead.hidden.fatigue = 8.0
    tired = PIPELINE.chances(lead, CONTENT)
    assert tired.answered < 0.5 * rested.answered
    assert tired.unsubscribes > rested.unsubscribes
    assert tired.harm > rested.harm == 0.0
    # And so too much of the same is worse than none.
    kind = {"persona": EVALUATOR, "intent": 0.64, "openness": 0.7, "stage": OPPORTUNITY}
    assert _won(_daily, **kind) < _won(_never, **kind)


def test_fatigue_fades():
    lead, rng = _lead(1), Random(1)
    PIPELINE.day(lead, CONTENT, rng)
    assert lead.hidden.fatigue == 1.0
    for _ in range(7):
        PIPELINE.day(lead, NOTHING, rng)
    assert lead.hidden.fatigue == pytest.approx(0.5)


def test_delays_delay():
    first, last = WORLD.actions["webinar"].delay_days
    seen = set()
    for seed in range(400):
        lead, rng = _lead(seed, openness=1.0), Random(seed)
        PIPELINE.day(lead, WEBINAR, rng)
        if "click" not in lead.happened:
            continue
        [effect] = lead.hidden.pending
        # Only the invitation's effect, not that of a form which the lead may send by itself.
        lead.hidden.next_visit_day = NEVER
        while lead.day < effect.day and not lead.is_over:
            assert lead.hidden.warmth == 0.0
            PIPELINE.day(lead, NOTHING, rng)
        if not lead.is_over:
            assert lead.hidden.warmth > 0.0
            seen.add(lead.day - 1)
    assert min(seen) == first
    assert max(seen) == last


def test_a_call_reaches_whoever_was_active_today():
    lead = _lead(1)
    fresh = PIPELINE.chances(lead, CALL).answered
    lead.day = 10
    assert PIPELINE.chances(lead, CALL).answered < 0.5 * fresh


def test_stages_ask_for_different_actions():
    known, opportunity = _lead(1, stage=KNOWN), _lead(1, stage=OPPORTUNITY)
    assert PIPELINE.chances(known, CALL).warmth < PIPELINE.chances(opportunity, CALL).warmth
    assert PIPELINE.chances(known, CONTENT).warmth > PIPELINE.chances(opportunity, CONTENT).warmth
    assert (
        PIPELINE.chances(known, DEMO_INVITE).warmth
        < PIPELINE.chances(opportunity, DEMO_INVITE).warmth
    )


def test_who_unsubscribed_is_contacted_no_more():
    lead, rng = _lead(1), Random(1)
    lead.unsubscribed = True
    PIPELINE.day(lead, CALL, rng)
    assert sum(lead.contacts) == lead.cost_minor == lead.hidden.fatigue == 0


def test_deciding_again_without_more_reason_gives_the_same_answer():
    lead, rng = _lead(1, intent=0.72, stage=OPPORTUNITY), Random(1)
    lead.hidden.refused = PIPELINE.win_ratio(lead)
    for _ in range(300):
        if lead.is_over:
            break
        PIPELINE.day(lead, NOTHING, rng)
    assert lead.won_day is None


def test_right_contacts_keep_customers_and_wrong_ones_drive_them_away():
    def retained(plan, openness):
        leads = _ends(plan, persona=BUYER, intent=0.97, openness=openness, stage=OPPORTUNITY)
        won = [lead for lead in leads if lead.won_day is not None]
        return fmean(lead.is_retained for lead in won)

    def monthly_care(lead):
        return CONTENT if lead.stage == CUSTOMER and lead.day % 10 == 0 else NOTHING

    def calls(lead):
        return CALL if lead.stage == CUSTOMER and lead.day % 3 == 0 else NOTHING

    left_alone = retained(_never, 0.9)
    assert retained(monthly_care, 0.9) > left_alone
    assert retained(calls, -0.5) < left_alone - 0.1
    assert churn_per_day(WORLD, 0.8) < churn_per_day(WORLD, 0.5) < churn_per_day(WORLD, 0.2)


def test_a_discount_takes_money_off_the_deal():
    def mean_value(until):
        values = []
        for seed in range(400):
            lead, rng = _lead(seed, intent=0.97, stage=OPPORTUNITY), Random(f"{seed}/deal")
            lead.discount_until = until
            while not lead.is_over and lead.won_day is None:
                PIPELINE.day(lead, NOTHING, rng)
            values.append(lead.value_minor)
        return sum(values)

    assert mean_value(1_000) == pytest.approx(mean_value(-1) * (1 - WORLD.discount_ratio), rel=1e-3)


def test_every_action_costs_what_the_world_says():
    for number, name in enumerate(ACTIONS[1:], start=1):
        lead = _lead(1)
        PIPELINE.day(lead, number, Random(1))
        assert lead.cost_minor == WORLD.actions[name].cost_minor
        assert lead.contacts[number] == 1
