"""Languages of short texts, and when none is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.language_detection import DetectedLanguage, LanguageDetector

TOLD = {
    "en": (
        "please call me back",
        "How much does it cost?",
        "We would like a demo next week",
        "Does it work with Salesforce?",
        "no thanks",
        "urgent: our account is locked",
        "Terrible service, cancel my account",
    ),
    "de": (
        "bitte rufen Sie mich an",
        "nein danke",
        "Was kostet das?",
        "Kein Interesse.",
        "dringend: unser Konto ist gesperrt",
    ),
    "fr": (
        "veuillez me rappeler s'il vous plaît",
        "Combien ça coûte ?",
        "Pas intéressé.",
        "merci beaucoup",
    ),
    "es": (
        "por favor llámeme mañana",
        "¿Cuánto cuesta?",
        "muchas gracias",
        "dar de baja mi cuenta",
    ),
    "it": ("per favore mi chiami domani",),
    "nl": ("bel mij alstublieft terug",),
    "pl": ("proszę o telefon jutro",),
    "sv": ("ring mig tillbaka tack",),
    "tr": ("lütfen beni aray\u0131n",),
}
UNTOLD = (
    "",
    " \n",
    "ok",
    "price?",
    "12345 67890",
    "!!!",
    "https://example.com/pricing",
    "a@b.com",
    "f3a9c1d2-77b0-4e1a",
)


@pytest.mark.parametrize(("code", "text"), [(c, text) for c, each in TOLD.items() for text in each])
def test_short_texts_are_told(code: str, text: str) -> None:
    assert LanguageDetector().predict_one(text).code == code


@pytest.mark.parametrize("text", UNTOLD)
def test_what_is_no_language_or_too_short_is_unknown(text: str) -> None:
    assert LanguageDetector().predict_one(text).code is None


@pytest.mark.parametrize("text", [text for each in TOLD.values() for text in each])
def test_a_doubtful_language_is_unknown(text: str) -> None:
    detected = LanguageDetector(min_confidence=1.0).predict_one(text)
    assert detected.code is None or detected.confidence == 1.0


def test_links_and_quoted_mail_do_not_count() -> None:
    text = (
        "Bitte rufen Sie mich an https://example.com/please-call-me-back-about-the-price\n"
        "On Monday Sales wrote:\n> We would be glad to show you our new product, is it for you?"
    )
    assert LanguageDetector().predict_one(text).code == "de"


def test_fewer_languages_tell_more_short_texts() -> None:
    text = "Not interested."
    assert LanguageDetector().predict_one(text).code is None
    assert LanguageDetector(languages=["en", "de"]).predict_one(text).code == "en"


@settings(deadline=None)  # tables are loaded at the first text
@given(st.text(max_size=300))
def test_any_text_is_read_the_same_twice(text: str) -> None:
    detector = LanguageDetector()
    detected = detector.predict_one(text)
    assert isinstance(detected, DetectedLanguage)
    assert 0.0 <= detected.confidence <= 1.0
    assert detector.predict_one(text) == detected


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_out_of_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"min_confidence is .*: it must be 0 to 1"):
        LanguageDetector(min_confidence=confidence)


@pytest.mark.parametrize("languages", [[], ["english"]])
def test_an_unknown_language_is_refused(languages: list[str]) -> None:
    with pytest.raises(ValueError, match=r"languages .*such as 'en'"):
        LanguageDetector(languages)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="text is b'yes': it must be a string"):
        LanguageDetector().predict_one(b"yes")  # type: ignore[arg-type]
