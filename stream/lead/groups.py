"""Groups of leads that are to be treated alike, and attributes that no model may see.

Attributes are known by their names without case, as senders write ``Gender`` and ``gender``.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stream.lead.house import House
from stream.lead.point_rules import PointRule, PointRules
from stream.lead.state import LeadState

NAMES_KEPT = 16_384
"""Names that are folded once: senders decide how many there are, so not all are kept."""


@lru_cache(NAMES_KEPT)
def attribute_name(text: str) -> str:
    """Return an attribute's name as it is compared.

    >>> attribute_name(" Gender")
    'gender'
    """
    return text.strip().casefold()


def admitted(attributes: Mapping[str, Any], excluded: frozenset[str]) -> dict[str, Any]:
    """Return the attributes that models may see.

    >>> admitted({"Gender": "f", "industry": "software"}, frozenset({"gender"}))
    {'industry': 'software'}
    """
    return {n: value for n, value in attributes.items() if attribute_name(n) not in excluded}


def groups_of(state: LeadState, house: House) -> dict[str, str]:
    """Return a lead's groups by attribute; one that it does not have is left out.

    Excluded attributes are among them: which features stand in for them cannot be told without.

    Examples
    --------
    >>> state = LeadState.new("L", 0.0)
    >>> state.attributes |= {"Region": "north", "is_new": True, "size": 40, "industry": "software"}
    >>> groups_of(state, House(group_attributes=frozenset({"region", "is_new", "size"})))
    {'region': 'north', 'is_new': 'yes', 'size': '40'}
    """
    watched = house.group_attributes | house.excluded_attributes
    if not watched:
        return {}
    groups = {}
    for given_name, value in state.attributes.items():
        name = attribute_name(given_name)
        if name in watched:
            groups[name] = _text(value)
    return {name: group for name, group in groups.items() if group}


def _text(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strip() if isinstance(value, str) else f"{value:g}"


def rules_that_see(rules: PointRules, excluded: frozenset[str]) -> list[PointRule]:
    """Return the point rules that go by an excluded attribute: points are a feature as well.

    Examples
    --------
    >>> from stream.lead.point_rules import parse_point_rules
    >>> rules = parse_point_rules('''
    ... [[rule]]
    ... name = "young"
    ... points = 5
    ... attribute = "age"
    ... is.at_most = 30
    ... ''')
    >>> [rule.name for rule in rules_that_see(rules, frozenset({"age"}))]
    ['young']
    """
    return [rule for rule in rules.rule if excluded.intersection(_attributes_of(rule))]


def _attributes_of(rule: PointRule) -> list[str]:
    if rule.attribute is not None:
        return [attribute_name(rule.attribute)]
    paths = [path.split(".") for path in rule.where]
    return [attribute_name(path[1]) for path in paths if path[0] == "attributes" and len(path) > 1]
