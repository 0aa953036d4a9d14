"""Excluded attributes reach no model, and examples say which groups their lead is of."""

import math

import orjson
import pytest

from schemas.learning import TrainingExample
from stream.lead import labels
from stream.lead.decide import score_state
from stream.lead.features import features_of
from stream.lead.groups import groups_of, rules_that_see
from stream.lead.house import House
from stream.lead.point_rules import parse_point_rules
from stream.lead.state import LeadState

EXCLUDED = frozenset({"gender", "age"})


def lead(**attributes):
    state = LeadState.new("L", 0.0)
    state.attributes |= attributes
    return state


def test_excluded_attributes_become_no_features_however_they_are_written():
    state = lead(Gender="f", **{" AGE ": 40.0}, industry="software", size=9.0)
    x = features_of(state, 1.0, 0.0, EXCLUDED)
    assert x["attribute:industry"] == "software"
    assert x["attribute_log:size"] == pytest.approx(math.log(10))
    assert x == features_of(lead(industry="software", size=9.0), 1.0, 0.0)


def test_where_nothing_is_excluded_every_attribute_is_a_feature():
    x = features_of(lead(gender="f", age=40.0), 1.0, 0.0)
    assert (x["attribute:gender"], x["attribute:age"]) == ("f", 40.0)


def test_a_lead_is_scored_by_the_house_without_what_it_excludes():
    _, _, x = score_state(lead(gender="f"), 1.0, None, House(excluded_attributes=EXCLUDED))
    assert "attribute:gender" not in x
    _, _, x = score_state(lead(gender="f"), 1.0, None, House())
    assert "attribute:gender" in x


def bodies(state, house):
    for at_s in (1.0, 2.0):
        labels.keep_sample(state, at_s, 0.5, {}, house)
    won = labels.label_by_outcome(state, "won", 10.0, house)
    labels.keep_sample(state, 20.0, 0.5, {}, house)
    silent = labels.label_by_silence(state, 1e9, house)
    return [orjson.loads(output.value or b"") for output in (*won, *silent)]


def test_examples_carry_the_groups_that_the_lead_is_of_when_labelled():
    state = lead(Gender="f", region="north", industry="software")
    house = House(group_attributes=frozenset({"region", "plan"}), excluded_attributes=EXCLUDED)
    found = bodies(state, house)
    assert [body["groups"] for body in found] == [{"gender": "f", "region": "north"}] * 3
    for body in found:
        assert TrainingExample.model_validate_json(orjson.dumps(body)).groups == body["groups"]


def test_examples_are_as_ever_where_no_group_is_named():
    for body in bodies(lead(gender="f"), House()):
        assert "groups" not in body
        assert TrainingExample.model_validate_json(orjson.dumps(body)).groups == {}


def test_a_value_that_says_nothing_is_no_group():
    house = House(group_attributes=frozenset({"region", "is_new"}))
    assert groups_of(lead(region="  ", is_new=False), house) == {"is_new": "no"}


@pytest.mark.parametrize(
    ("rule", "sees"),
    [
        ('attribute = "Age"\nis.at_most = 30', True),
        ('attribute = "size"\nis.at_most = 30', False),
        ('event = "lead_profile"\nwhere."attributes.gender".equals = "f"', True),
        ('event = "lead_profile"\nwhere."attributes.size".equals = 3', False),
        ('event = "form_fill"\nwhere.form_id.equals = "age"', False),
    ],
)
def test_point_rules_that_go_by_an_excluded_attribute_are_found(rule, sees):
    rules = parse_point_rules(f'[[rule]]\nname = "r"\npoints = 5\n{rule}')
    assert bool(rules_that_see(rules, EXCLUDED)) == sees
