"""Settings say which groups are compared, and what no model may see."""

from pathlib import Path

import pytest

from stream.lead.point_rules import RulesFileError
from stream.settings import Settings


def test_by_default_no_groups_are_compared_and_nothing_is_excluded() -> None:
    house = Settings().house()
    assert house.group_attributes == house.excluded_attributes == frozenset()


def test_attributes_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADSTREAM_GROUP_ATTRIBUTES", " Region ,gender,")
    monkeypatch.setenv("LEADSTREAM_EXCLUDED_ATTRIBUTES", "Gender, date of birth")
    house = Settings().house()
    assert house.group_attributes == {"region", "gender"}
    assert house.excluded_attributes == {"gender", "date of birth"}


def test_a_point_rule_that_goes_by_what_is_excluded_is_refused_by_name(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "young"\npoints = 5\nattribute = "age"\nis.at_most = 30\n',
        encoding="utf-8",
    )
    with pytest.raises(RulesFileError, match=r"'young' .* LEADSTREAM_EXCLUDED_ATTRIBUTES"):
        Settings(rules_file=rules, excluded_attributes="Age").house()
    assert Settings(rules_file=rules, excluded_attributes="gender").house()
