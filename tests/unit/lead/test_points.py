import pytest

from stream.lead import points
from stream.lead.point_rules import parse_point_rules

RULES = parse_point_rules("""
min_points = -20
max_points = 50
[[rule]]
name = "visit"
points = 10
event = "page_view"
max_points = 25
half_life_s = 100
[[rule]]
name = "bounced"
points = -15
event = "email_bounce"
[[rule]]
name = "size"
points = 40
attribute = "size"
is.at_least = 50
[[rule]]
name = "deep"
points = 1
event = "form_fill"
where."fields.role".equals = "cto"
""")
VISIT, BOUNCE = {"type": "page_view"}, {"type": "email_bounce"}


def standing(ledger, at_s):
    return points.standing(ledger, RULES, at_s)


def earned(*events_at):
    ledger: points.Ledger = {}
    for event, at_s in events_at:
        points.earn(ledger, points.met(RULES, event), at_s)
    return ledger


def test_points_add_up_and_halve():
    ledger = earned((VISIT, 0.0), (VISIT, 100.0))
    assert standing(ledger, 100.0) == {"visit": 15.0}
    assert standing(ledger, 200.0) == {"visit": 7.5}


def test_points_stop_at_the_cap_on_either_side():
    assert standing(earned(*[(VISIT, 0.0)] * 9), 0.0) == {"visit": 25.0}
    negative = parse_point_rules(
        '[[rule]]\nname = "n"\npoints = -9\nevent = "page_view"\nmax_points = 10'
    )
    ledger: points.Ledger = {}
    for _ in range(3):
        points.earn(ledger, points.met(negative, VISIT), 0.0)
    assert points.standing(ledger, negative, 0.0) == {"n": -10.0}


def test_a_late_event_earns_what_is_left_of_its_points():
    late = earned((VISIT, 100.0), (VISIT, 0.0))
    assert standing(late, 100.0) == standing(earned((VISIT, 0.0), (VISIT, 100.0)), 100.0)


def test_points_without_half_life_stay():
    assert standing(earned((BOUNCE, 0.0)), 1e9) == {"bounced": -15.0}


def test_attribute_points_are_held_once_and_taken_back():
    ledger: points.Ledger = {}
    for size in (60, 70):
        points.hold(ledger, RULES, {"size": size}, 0.0)
    assert standing(ledger, 0.0) == {"size": 40.0}
    points.hold(ledger, RULES, {"size": 10}, 1.0)
    assert standing(ledger, 1.0) == {}
    points.hold(ledger, RULES, {}, 2.0)
    assert standing(ledger, 2.0) == {}


@pytest.mark.parametrize(("bounces", "total"), [(0, 50.0), (3, 20.0), (9, -20.0)])
def test_standing_sums_to_the_points_within_the_house_range(bounces, total):
    ledger = earned(*[(VISIT, 0.0)] * 3, *[(BOUNCE, 0.0)] * bounces)
    points.hold(ledger, RULES, {"size": 60}, 0.0)
    assert sum(standing(ledger, 0.0).values()) == pytest.approx(total)


def test_where_looks_into_nested_fields():
    fill = {"type": "form_fill", "fields": {"role": "CTO"}}
    assert standing(earned((fill, 0.0), ({"type": "form_fill", "fields": "cto"}, 0.0)), 0.0) == {
        "deep": 1.0
    }


def test_merged_ledgers_keep_caps_and_hold_attributes_once():
    one = earned((VISIT, 0.0), (VISIT, 0.0), (BOUNCE, 0.0))
    other = earned((VISIT, 100.0), (VISIT, 100.0), (BOUNCE, 5.0))
    for ledger in (one, other):
        points.hold(ledger, RULES, {"size": 60}, 0.0)
    points.merge(one, other, RULES)
    at_once = standing(one, 100.0)
    at_once.pop("range", None)
    assert at_once == {"visit": 25.0, "bounced": -30.0, "size": 40.0}
