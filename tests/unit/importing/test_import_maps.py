"""A map is read strictly, and says what is wrong with it."""

from pathlib import Path

import pytest
from refused_files import check_told

from stream.importing.loading import SHIPPED, load_map, shipped_maps
from stream.importing.maps import MapError, parse_map

GOOD = """
timezone = "Europe/Berlin"
lead = [{ email = "Mail" }]

[[event]]
type = "outcome"
occurred_at = "Closed"
fields.value_minor = { column = "Amount", kind = "money" }
fields.currency = { constant = "EUR" }

[event.fields.result]
column = "Stage"
values = { Won = "won" }
others = "skip"
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("Europe/Berlin", "Berlin", 2, "timezone = 'Berlin'"),
        ('{ email = "Mail" }', '{ mail = "Mail" }', 3, "known here: lead_id, email"),
        ('{ email = "Mail" }', '{ email = "Mail", lead_id = "Id" }', 3, "one of lead_id and email"),
        ('"outcome"', '"outcom"', 6, "outcome, page_view"),
        ('"outcome"', '"cost"', 6, "no event of a lead"),
        ('occurred_at = "Closed"', "", 5, "occurred_at"),
        ('column = "Amount"', 'columns = "Amount"', 8, "columns"),
        ('kind = "money"', 'kind = "cash"', 8, "'money'"),
        ('fields.currency = { constant = "EUR" }', "", 5, "add fields.currency"),
        ("fields.currency", "fields.event_id", 9, "no field to fill here"),
        ('{ constant = "EUR" }', '{ constant = "EUR", column = "C" }', 9, "column and constant"),
        ('values = { Won = "won" }', "", 11, "others says what to do beside values"),
        ('others = "skip"', 'others = "drop"', 14, "others = 'drop'"),
        ('timezone = "Europe/Berlin"', 'dates = ["%H:%M"]', 2, "says no day"),
        ('timezone = "Europe/Berlin"', 'decimal = ";"', 2, "decimal = ';'"),
        ("[[event]]", "[[event]", 5, "not TOML"),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_to_do(old, new, line, told):
    assert old in GOOD
    with pytest.raises(MapError) as refused:
        parse_map(GOOD.replace(old, new, 1), "my.toml")
    check_told(refused.value, f"line {line}", told)


def test_what_is_shipped_can_be_used_by_name():
    assert shipped_maps() == ["hubspot", "salesforce"]
    for name in shipped_maps():
        assert {event.type for event in load_map(name).event} == {
            "outcome", "stage_change", "lead_profile",
        }  # fmt: skip
        assert load_map(str(SHIPPED / f"{name}.toml")) == load_map(name)


def test_a_map_that_is_not_there_names_those_that_are(tmp_path: Path):
    with pytest.raises(MapError, match="shipped maps: hubspot, salesforce"):
        load_map(str(tmp_path / "none.toml"))
