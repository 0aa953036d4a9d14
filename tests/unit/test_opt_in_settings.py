"""Settings say where silence is no consent."""

import pytest
from pydantic import ValidationError

from stream.settings import Settings


def test_by_default_nurturing_needs_a_yes_in_europe_and_scoring_nowhere() -> None:
    opt_in = Settings().house().opt_in
    assert {"DE", "FR", "GB", "CH", "NO"} <= opt_in["nurturing"]
    assert not {"US", "IN", "unknown", "*"} & opt_in["nurturing"]
    assert (opt_in["scoring"], opt_in["email"]) == (frozenset(), frozenset())


def test_lists_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADSTREAM_OPT_IN_SCORING", " de, UK ,unknown,")
    monkeypatch.setenv("LEADSTREAM_OPT_IN_EMAIL", "*")
    monkeypatch.setenv("LEADSTREAM_EMAIL_ACTIONS", "mail, newsletter")
    monkeypatch.setenv("LEADSTREAM_ACTION_ABSENCE", "mail")
    house = Settings().house()
    assert house.opt_in["scoring"] == {"DE", "GB", "unknown"}
    assert house.opt_in["email"] == {"*"}
    assert house.catalogue.by_name["mail"].channel == "email"


@pytest.mark.parametrize("wrong", ["Germany", "DE;AT", "D", "??"])
def test_what_is_no_country_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("LEADSTREAM_OPT_IN_NURTURING", f"AT,{wrong}")
    with pytest.raises(ValidationError, match="ISO 3166"):
        Settings()


def test_the_key_of_erasures_is_derived_and_not_shown() -> None:
    house = Settings(email_key="a key of our own").house()  # type: ignore[arg-type]
    assert len(house.erasure_key) == 32
    assert house.erasure_key != Settings().house().erasure_key
    assert "erasure_key" not in repr(house)
