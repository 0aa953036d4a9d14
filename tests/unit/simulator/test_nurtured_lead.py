"""A simulated lead lives by leadstream's triggers alone, and the same one under every policy."""

from collections import Counter
from dataclasses import replace

import orjson
import pytest
from simulated_actions import ACTIONS as SIMULATED_ACTIONS
from simulated_actions import catalogue

from online_models.policy.protocol import Choice
from stream.lead.actions import parse_catalogue
from stream.lead.house import House
from stream.lead.labels import MODEL
from stream.simulator.nurtured_lead import NurturedLead, simulated_house
from stream.simulator.pipeline import Pipeline
from stream.simulator.world import ACTIONS, CALL, NOTHING, WorldParameters

HOUSE = simulated_house(House(catalogue=catalogue(), holdout_share=0.5, logs_decisions=True))
LIKENESS = {name: name for name in HOUSE.catalogue.by_name}
PIPELINE = Pipeline(WorldParameters())


def always(wanted):
    """Choose an action wherever it may be, and else nothing."""

    def choose(prospect, known, candidates, rng):
        asked.append((prospect, known, candidates))
        chosen = wanted if wanted in candidates else "nothing"
        return Choice(chosen, {name: float(name == chosen) for name in candidates})

    asked = choose.asked = []
    return choose


def lived(number, choose=None, house=HOUSE, likeness=LIKENESS):
    lead = NurturedLead(PIPELINE, "test", number, house, likeness, choose=choose)
    lead.live()
    return lead


def test_who_chooses_nothing_contacts_nobody_and_is_asked_all_the_same():
    choose = always("nothing")
    leads = [lived(number, choose) for number in range(30)]
    assert len(choose.asked) > 30
    assert sum(sum(lead.prospect.contacts) for lead in leads) == 0


def test_what_is_chosen_happens_to_the_lead():
    choose = always("content")
    leads = [lived(number, choose) for number in range(30)]
    done = Counter()
    for lead in leads:
        done.update(dict(enumerate(lead.prospect.contacts)))
    decided = sum("content" in candidates for _, _, candidates in choose.asked)
    # What was decided as a lead left, or after it has unsubscribed, is not done any more.
    assert 0.8 * decided < done.total() == done[ACTIONS.index("content")] <= decided


def test_an_action_happens_as_the_one_that_it_is_like():
    likeness = LIKENESS | {"content": "call", "webinar": "nothing"}
    called = [lived(n, always("content"), likeness=likeness).prospect for n in range(20)]
    idle = [lived(n, always("webinar"), likeness=likeness).prospect for n in range(20)]
    assert sum(one.contacts[CALL] for one in called) == sum(sum(one.contacts) for one in called) > 0
    assert sum(sum(one.contacts) for one in idle) == 0


def test_caps_of_the_house_hold():
    once = 'framings = ["plain", "social_proof"]\nat_most = { times = 1, within_s = 8_640_000 }'
    text = SIMULATED_ACTIONS.replace('framings = ["plain", "social_proof"]', once)
    house = replace(HOUSE, catalogue=parse_catalogue(text))
    free = [lived(n, always("content")).prospect for n in range(40)]
    held = [lived(n, always("content"), house).prospect for n in range(40)]
    most = max(sum(one.contacts) for one in held)
    assert most < max(sum(one.contacts) for one in free)


def test_the_same_seed_meets_the_same_lead_and_the_same_days():
    first, again, other = lived(3), lived(3), lived(4)
    assert (first.reward, first.examples) == (again.reward, again.examples)
    assert first.prospect.lead.lead_id != other.prospect.lead.lead_id
    # Nobody is contacted either way, so that the days are the same, whatever was asked.
    quiet = dict.fromkeys(LIKENESS, "nothing")
    assert lived(3, likeness=quiet).reward == lived(3, always("nothing")).reward


def test_what_leads_end_as_is_told_for_the_model_that_scores():
    rows = [orjson.loads(value) for n in range(40) for value in lived(n).examples]
    labels = Counter(row["y"] for row in rows if row["model"] == MODEL)
    assert labels[True] > 0
    assert labels[False] > labels[True]


def test_the_rules_are_the_catalogues_first():
    prospects = [lived(number).prospect for number in range(40)]
    done = {ACTIONS[n] for one in prospects for n, times in enumerate(one.contacts) if times}
    assert done <= {"call", "webinar"}
    assert ACTIONS[NOTHING] not in done


def test_without_a_policy_there_is_nothing_to_act_by():
    with pytest.raises(RuntimeError, match="rules choose"):
        lived(1).act({}, ["nothing"], None)
