"""One reading of a text: language, sentiment where it can be told, intents."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.text_reader import TextReader

READER = TextReader(competitors=["Acme CRM"])


def test_an_english_text_has_all() -> None:
    reading = READER.predict_one("We love the product! How much is it compared to Acme CRM?")
    assert reading.language == "en"
    assert reading.sentiment == pytest.approx(0.6696)
    assert reading.intents == {"competitor", "price"}


@pytest.mark.parametrize(
    "text",
    [
        "Die Software ist super, war aber die Hölle",
        "Toll! Kein Problem, ich war angestellt in der Abteilung",
        "price?",
        "terrible",
        "",
        "7 3 9",
    ],
)
def test_other_and_unknown_languages_have_no_sentiment(text: str) -> None:
    assert READER.predict_one(text).sentiment is None


@pytest.mark.parametrize(
    ("text", "is_urgent_negative"),
    [
        ("Cancel our contract immediately, your support is terrible", True),
        ("This is the worst support ever and I am really angry, it is unacceptable", True),
        ("This is a great tool, please call me as soon as possible", False),
        ("I hate the ugly colors of this page so much", False),
        ("Out of office: I am terribly ill and it is awful. For urgent matters wait.", False),
        ("Ihr Support ist furchtbar, ich kündige sofort", False),
    ],
)
def test_urgent_negative_needs_both(text: str, is_urgent_negative: bool) -> None:
    assert READER.predict_one(text).is_urgent_negative is is_urgent_negative


def test_what_is_quoted_changes_nothing() -> None:
    own = "Please send me a quote."
    quoted = f"{own}\n\nOn Mon, Jo wrote:\n> Das ist furchtbar, unsubscribe"
    assert READER.predict_one(quoted) == READER.predict_one(own)


@settings(deadline=None)  # tables are loaded at the first text
@given(st.text(max_size=300))
def test_two_readers_read_any_text_alike(text: str) -> None:
    reading = READER.predict_one(text)
    assert TextReader(competitors=["Acme CRM"]).predict_one(text) == reading
    assert (reading.sentiment is not None) == (reading.language == "en")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="text is None: it must be a string"):
        READER.predict_one(None)  # type: ignore[arg-type]
