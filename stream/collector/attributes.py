"""Traits of people and companies as profile attributes."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"\W+")

_OF_PEOPLE: Mapping[str, str] = MappingProxyType({"title": "job_title"})
_OF_COMPANIES: Mapping[str, str] = MappingProxyType(
    {
        "name": "company",
        "industry": "industry",
        "employees": "company_size",
        "employee_count": "company_size",
        "size": "company_size",
    }
)
"""Reserved traits (Segment's specs of identify and group) as the attributes that rules know."""


def snake_case(name: str) -> str:
    """Return a name in lower case with underscores.

    >>> snake_case("jobTitle"), snake_case("Webinar Attended"), snake_case("  ")
    ('job_title', 'webinar_attended', '')
    """
    return _OTHER.sub("_", _HUMP.sub("_", name)).strip("_").lower()


def person_attributes(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that a person's traits are.

    Examples
    --------
    >>> person_attributes({"title": "CTO", "company": {"name": "Acme", "employees": 80}})
    {'job_title': 'CTO', 'company': 'Acme', 'company_size': 80}
    """
    found: dict[str, Any] = {}
    for name, value in traits.items():
        if name == "company" and isinstance(value, dict):
            found |= company_attributes(value)
        elif name == "address" and isinstance(value, dict):
            found |= _country(value)
        else:
            plain = snake_case(name)
            found[_OF_PEOPLE.get(plain, plain)] = value
    return found


def company_attributes(traits: Mapping[str, Any], group_id: Any = None) -> dict[str, Any]:
    """Return the attributes that a company's traits are to its people.

    All but the reserved ones are put under ``company_``: a company's email address, phone and plan
    are not the person's.

    Examples
    --------
    >>> company_attributes({"name": "Acme", "employees": 80, "plan": "pro"}, "c1")
    {'company_id': 'c1', 'company': 'Acme', 'company_size': 80, 'company_plan': 'pro'}
    """
    found: dict[str, Any] = {} if group_id is None else {"company_id": group_id}
    for name, value in traits.items():
        if name == "address" and isinstance(value, dict):
            found |= {f"company_{key}": country for key, country in _country(value).items()}
            continue
        plain = snake_case(name)
        found[_OF_COMPANIES.get(plain, f"company_{plain.removeprefix('company_')}")] = value
    return found


def _country(address: Mapping[str, Any]) -> dict[str, Any]:
    # Where somebody lives more closely scores nothing.
    return {"country": address["country"]} if "country" in address else {}
