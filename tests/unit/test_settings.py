"""Secrets come from the environment or from files, and are never shown."""

import pytest
import structlog
from pydantic import SecretStr, ValidationError

from stream.cli import serving
from stream.settings import SECRETS_DIR, Settings

SECRETS = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
VALUE = "this-is-not-for-anybody"


def test_every_secret_is_known_to_be_one():
    words = ("key", "password", "secret", "token")
    named = {
        name
        for name in Settings.model_fields
        if name.endswith(words) or name.endswith(tuple(f"{w}s" for w in words))
    }
    assert named == set(SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_masked_wherever_settings_are_shown(name):
    settings = Settings(**{name: VALUE})
    assert getattr(settings, name).get_secret_value() == VALUE
    for shown in (
        repr(settings),
        str(settings),
        str(settings.model_dump()),
        str(settings.model_dump(mode="json")),
        settings.model_dump_json(),
        f"{settings.__dict__}",
    ):
        assert VALUE not in shown


@pytest.mark.parametrize("name", SECRETS)
def test_an_error_about_settings_shows_no_secret(name):
    with pytest.raises(ValidationError) as caught:
        Settings(**{name: VALUE}, partitions=0)
    assert VALUE not in str(caught.value)
    with pytest.raises(ValidationError) as caught:
        Settings(**{name: [VALUE]})
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_can_be_a_file(name, tmp_path, monkeypatch):
    (tmp_path / f"LEADSTREAM_{name.upper()}").write_text(f"{VALUE}\n")
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path))
    assert getattr(Settings(), name).get_secret_value() == VALUE
    monkeypatch.setenv(f"LEADSTREAM_{name.upper()}", "the-environment-goes-first")
    assert getattr(Settings(), name).get_secret_value() == "the-environment-goes-first"


def test_a_directory_that_is_not_there_is_no_reason_for_development_keys(monkeypatch, tmp_path):
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path / "not-mounted"))
    with pytest.raises(ValidationError, match="not-mounted"):
        Settings()


@pytest.mark.parametrize(
    ("bootstrap", "warned"),
    [
        ("127.0.0.1:9092,[::1]:9092", []),
        ("localhost:9092", []),
        ("127.0.0.1:9092,kafka-1:9092", ["LEADSTREAM_SNAPSHOT_KEY"]),
    ],
)
def test_development_keys_are_warned_of_where_kafka_is_shared(bootstrap, warned, monkeypatch):
    own = {n: VALUE for n in SECRETS if n != "snapshot_key"}
    settings = Settings(kafka_bootstrap=bootstrap, **own)
    with structlog.testing.capture_logs() as logs:
        monkeypatch.setattr(serving, "structlog", structlog)
        serving.warn_of_development_keys(settings)
    assert [entry["setting"] for entry in logs] == warned


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("horizon_s", 59, "greater than or equal to 60"),
        ("opens_horizon_s", 10_368_001, "less than or equal to 10368000"),
        ("tasks", "returns_in_day,p_convert", "'p_convert' is nothing that can be learned beside"),
        ("products", "Seats,seats", "'seats' and 'Seats' would share the model"),
        ("products", "席", "neither letter"),
        ("products", "x" * 80, "too long"),
        ("products", ",".join("abcdefghi"), "name the 8 that matter most"),
        ("negatives_share", 0, "greater than 0"),
        ("labels", "guess", "'wait' or 'fake_negative'"),
    ],
)
def test_what_is_to_be_learned_is_checked(name, value, said):
    with pytest.raises(ValidationError, match=said):
        Settings(**{name: value})


def test_a_session_ends_before_the_lead_can_return():
    tasks = "returns_in_day"
    with pytest.raises(ValidationError, match="LEADSTREAM_RETURNS_HORIZON_S"):
        Settings(tasks=tasks, returns_horizon_s=1_800, session_gap_s=1_800)
    house = Settings(tasks=tasks, products="Seats, Support").house()
    assert house.tasks == {"returns_in_day"}
    assert house.products == ("Seats", "Support")


def test_no_lead_is_forgotten_before_its_label_is_known():
    with pytest.raises(ValidationError, match="LEADSTREAM_PURCHASE_HORIZON_S"):
        Settings(lead_retention_s=86_400 * 91, purchase_horizon_s=86_400 * 100)
