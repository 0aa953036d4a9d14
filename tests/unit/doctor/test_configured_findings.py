"""What doctor says of settings, and of what is installed."""

from pathlib import Path
from typing import Any

import pytest

from stream.doctor.configured import judge_settings, judge_versions
from stream.settings import Settings

ELSEWHERE = {
    "kafka_bootstrap": "kafka-1:9092",
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_password": "p",
    **dict.fromkeys(("email_key", "dead_letter_key", "snapshot_key"), "a-key-of-our-own"),
}


def test_settings_that_fit_together_are_one_line() -> None:
    for settings in (Settings(), Settings(**ELSEWHERE)):
        (found,) = judge_settings(settings, [])
        assert (found.level, found.value) == ("ok", "fit together")


@pytest.mark.parametrize(
    ("changed", "level", "value", "remedy"),
    [
        ({"kafka_sasl_password": ""}, "fail", "SASL_SSL without a password", "SASL_PASSWORD"),
        ({"kafka_security_protocol": "PLAINTEXT"}, "warn", "unencrypted", "SASL_SSL"),
        ({"snapshot_key": "leadstream-development-key"}, "warn", "SNAPSHOT_KEY", "your own"),
        ({"stall_timeout_s": 8}, "warn", "STALL_TIMEOUT_S=8 is not above", "raise it"),
        ({"clock": "event"}, "warn", "LEADSTREAM_CLOCK=event", "wall"),
        ({"web_host": "0.0.0.0"}, "warn", "without LEADSTREAM_WEB_TOKEN", "token"),  # noqa: S104
        ({"kafka_ssl_ca_file": Path("/no/ca.pem")}, "fail", "/no/ca.pem is no file", "mount"),
        ({"rules_file": Path("/no/rules.toml")}, "fail", "/no/rules.toml", "mend"),
        ({"actions_file": Path("/no/actions.toml")}, "fail", "/no/actions.toml", "mend"),
    ],
)
def test_what_does_not_fit_is_told_with_its_remedy(
    changed: dict[str, Any], level: str, value: str, remedy: str
) -> None:
    (found,) = judge_settings(Settings(**{**ELSEWHERE, **changed}), [])
    assert found.level == level
    assert value in found.value
    assert remedy in found.remedy


def test_a_misspelt_variable_is_told() -> None:
    (found,) = judge_settings(Settings(), ["LEADSTREAM_HOTAT"])
    assert (found.level, found.value) == ("warn", "LEADSTREAM_HOTAT is no setting")


def test_development_keys_on_this_machine_alone_are_well() -> None:
    assert [f.level for f in judge_settings(Settings(kafka_bootstrap="localhost:1"), [])] == ["ok"]


def test_python_and_libraries_as_required_are_two_lines() -> None:
    there = {"river": "0.26.1", "orjson": "3.11.0"}
    found = list(
        judge_versions(["river==0.26.1", "orjson>=3.10"], there.get, (3, 12, 1), {"own": "1.0"})
    )
    assert [(f.level, f.value) for f in found] == [("ok", "3.12.1"), ("ok", "own 1.0")]


def test_an_old_python_and_libraries_of_other_versions_fail() -> None:
    there = {"river": "0.25.0"}
    found = list(judge_versions(["river==0.26.1", "orjson>=3.10"], there.get, (3, 10, 9)))
    assert [f.level for f in found] == ["fail"] * 3
    assert found[1].value == "river 0.25.0, river==0.26.1 is needed"
    assert found[2].value == "orjson is missing, orjson>=3.10 is needed"
    assert found[1].remedy == "pip install 'river==0.26.1'"
