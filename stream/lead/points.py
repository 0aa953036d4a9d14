"""A lead's ledger of rule points: what each rule has earned, decayed as of a time."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from stream.lead.point_rules import PointRule, PointRules

Ledger = dict[str, list[float]]
"""Rule name -> [points, as of (epoch seconds)]."""


def value_at(event: Mapping[str, Any], path: str) -> Any:
    """Return the value under a dotted path, or None."""
    if "." not in path:
        return event.get(path)
    value: Any = event
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def earn(ledger: Ledger, rules: Iterable[PointRule], at_s: float) -> None:
    """Credit rules that an event met, at the event's own time."""
    for rule in rules:
        _credit(ledger, rule, rule.points, at_s)


def met(rules: PointRules, event: Mapping[str, Any]) -> list[PointRule]:
    """Return the rules that an event meets."""
    return [
        rule
        for rule in rules.of_event(event["type"])
        if all(test.holds(value_at(event, path)) for path, test in rule.where.items())
    ]


def credit(ledger: Ledger, rules: PointRules, names: Collection[str], at_s: float) -> None:
    """Credit rules by name, as an event that met them did."""
    for rule in rules.rule if names else ():
        if rule.name in names:
            _credit(ledger, rule, rule.points, at_s)


def hold(ledger: Ledger, rules: PointRules, attributes: Mapping[str, Any], at_s: float) -> None:
    """Credit the attribute rules that hold, and take back those that do not."""
    for rule in rules.rule:
        if rule.attribute is not None and rule.condition is not None:
            if rule.condition.holds(value_at(attributes, rule.attribute)):
                ledger.setdefault(rule.name, [rule.points, at_s])
            else:
                ledger.pop(rule.name, None)


def standing(ledger: Ledger, rules: PointRules, at_s: float) -> dict[str, float]:
    """Return each rule's points as of a time; they sum to the lead's points.

    The house's range is kept by one further entry, ``range``, so that the sum still holds.
    """
    points = {}
    rule_of = rules.by_name.get
    for name, (earned, since_s) in ledger.items():
        rule = rule_of(name)
        if rule is not None:  # else it was taken out of the rules since
            points[name] = earned * _decay(rule, at_s - since_s)
    total = math.fsum(points.values())
    if not rules.min_points <= total <= rules.max_points:
        points["range"] = min(max(total, rules.min_points), rules.max_points) - total
    return points


def merge(ledger: Ledger, other: Ledger, rules: PointRules) -> None:
    """Add another ledger to this one, each rule within its cap."""
    for rule in rules.rule:
        entry = other.get(rule.name)
        if entry is None:
            continue
        if rule.attribute is not None:
            ledger.setdefault(rule.name, entry)
        else:
            _credit(ledger, rule, entry[0], entry[1])


def _credit(ledger: Ledger, rule: PointRule, points: float, at_s: float) -> None:
    entry = ledger.get(rule.name)
    if entry is None:
        ledger[rule.name] = [_capped(rule, points), at_s]
        return
    latest_s = max(entry[1], at_s)
    ledger[rule.name] = [
        _capped(
            rule,
            entry[0] * _decay(rule, latest_s - entry[1]) + points * _decay(rule, latest_s - at_s),
        ),
        latest_s,
    ]


def _capped(rule: PointRule, points: float) -> float:
    if rule.max_points is None:
        return points
    return min(max(points, -rule.max_points), rule.max_points)


def _decay(rule: PointRule, age_s: float) -> float:
    if rule.half_life_s is None or age_s <= 0:
        return 1.0
    return float(2.0 ** -(age_s / rule.half_life_s))
