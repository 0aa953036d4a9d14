"""Intents by phrases: found, not found, negated, in four languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.text_intents import IntentRules
from online_models.text_phrases import PHRASES

RULES = IntentRules()
FOUND = [
    ("en", "How much is it for 50 users?", {"price"}),
    ("en", "Can you send a quote?", {"price"}),
    ("en", "Please call me back", {"meeting"}),
    ("en", "Could we schedule a meeting?", {"meeting"}),
    ("en", "Does it integrate with SAP?", {"integration"}),
    ("en", "Is your data centre SOC 2 certified?", {"security"}),
    ("en", "I want to complain, this is unacceptable", {"complaint"}),
    ("en", "Please cancel our plan", {"cancellation"}),
    ("en", "Take me off your list", {"unsubscribe"}),
    ("en", "I am out of the office until 3 May", {"auto_reply"}),
    ("en", "What is better than other tools here?", {"competitor"}),
    ("en", "We need this ASAP", {"urgency"}),
    ("en", "We need it today", {"urgency"}),
    ("en", "Not interested.", {"refusal"}),
    ("de", "Was kostet das für 50 Nutzer?", {"price"}),
    ("de", "Ich bitte um Rückruf", {"meeting"}),
    ("de", "Gibt es eine Schnittstelle zu DATEV?", {"integration"}),
    ("de", "Wie steht es um den Datenschutz?", {"security"}),
    ("de", "Ich bin sehr enttäuscht", {"complaint"}),
    ("de", "Hiermit kündige ich", {"cancellation"}),
    ("de", "Bitte vom Newsletter abmelden", {"unsubscribe"}),
    ("de", "Ich bin bis Montag nicht im Büro", {"auto_reply"}),
    ("de", "Was ist im Vergleich zu anderen neu?", {"competitor"}),
    ("de", "Es ist DRINGEND", {"urgency"}),
    ("de", "Kein Interesse, danke", {"refusal"}),
    ("fr", "Pouvez-vous m'envoyer un devis ?", {"price"}),
    ("fr", "Je voudrais un rendez-vous", {"meeting"}),
    ("fr", "Est-ce compatible avec SAP ?", {"integration"}),
    ("fr", "Quelle est la sécurité ?", {"security"}),
    ("fr", "Je suis très déçu", {"complaint"}),
    ("fr", "Je souhaite résilier mon contrat", {"cancellation"}),
    ("fr", "Merci de me désinscrire", {"unsubscribe"}),
    ("fr", "Je suis absent du bureau", {"auto_reply"}),
    ("fr", "Quelle différence par rapport à eux ?", {"competitor"}),
    ("fr", "Répondez dès que possible", {"urgency"}),
    ("fr", "Pas intéressé", {"refusal"}),
    ("es", "¿Cuánto cuesta?", {"price"}),
    ("es", "Llámeme mañana", {"meeting"}),
    ("es", "¿Es compatible con SAP?", {"integration"}),
    ("es", "¿Y la protección de datos?", {"security"}),
    ("es", "Es inaceptable", {"complaint"}),
    ("es", "Quiero cancelar", {"cancellation"}),
    ("es", "Quiero darme de baja", {"unsubscribe"}),
    ("es", "Estoy fuera de la oficina", {"auto_reply"}),
    ("es", "Lo comparo con la competencia", {"competitor"}),
    ("es", "Es urgente", {"urgency"}),
    ("es", "No me interesa", {"refusal"}),
]
NOT_FOUND = [
    ("en", "I read about you today"),
    ("en", "It is not urgent"),
    ("en", "We do not want to cancel"),
    ("en", "No complaints"),
    ("en", "Recall the demonic costume apiary"),
    ("de", "Das ist nicht dringend"),
    ("de", "Ich brauche kein Angebot"),
    ("fr", "Ce n'est pas urgent"),
    ("fr", "Je ne veux pas résilier"),
    ("es", "No es urgente"),
    ("es", "No quiero cancelar"),
]


@pytest.mark.parametrize(("language", "text", "intents"), FOUND)
def test_each_intent_is_found_in_each_language(language: str, text: str, intents: set[str]) -> None:
    assert RULES.predict_one(text, language) == intents


@pytest.mark.parametrize(("language", "text", "intents"), FOUND)
def test_it_is_found_where_the_language_is_unknown(
    language: str, text: str, intents: set[str]
) -> None:
    assert intents <= RULES.predict_one(text, None)


@pytest.mark.parametrize(("language", "text"), NOT_FOUND)
def test_negated_intents_and_parts_of_words_do_not_count(language: str, text: str) -> None:
    assert RULES.predict_one(text, language) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "Why don't we schedule a call?",
        "Please don't hesitate to call me",
        "No, call me",
        "This is not what I meant to say about it at all call me",
        "Sorry for the delay, I was not there\n\ncall me",
    ],
)
def test_a_negation_ends_with_its_sentence_and_after_three_words(text: str) -> None:
    assert RULES.predict_one(text, "en") == {"meeting"}


def test_case_accents_apostrophes_and_line_breaks_do_not_count() -> None:
    assert RULES.predict_one("KUNDIGUNG", "de") == {"cancellation"}
    assert RULES.predict_one("as soon\nas possible", "en") == {"urgency"}
    assert RULES.predict_one("Don\u2019t cancel", "en") == frozenset()


def test_an_automatic_reply_means_nothing_else() -> None:
    text = "Automatic reply: I am away. If it is urgent, call us for a quote."
    assert RULES.predict_one(text, "en") == {"auto_reply"}


def test_what_our_own_mail_said_does_not_count() -> None:
    assert RULES.predict_one("Thanks!\n> Book a demo or unsubscribe", "en") == frozenset()


def test_competitors_are_found_by_name_in_any_language() -> None:
    rules = IntentRules(competitors=["Acme CRM", "C++ (Soft)", "Über.io"])
    assert rules.predict_one("Wir nutzen heute ACME-CRM.", "de") == {"competitor"}
    assert rules.predict_one("we have c++ (soft) now", None) == {"competitor"}
    assert rules.predict_one("nu gebruiken we uber.io", "nl") == {"competitor"}
    assert rules.predict_one("acme crmx or uberxio", "en") == frozenset()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Salesforce", "Salesforce is what we have"),
        ("REST API", "how do you compare with a rest api"),
        ("Zoom Call Pro", "a zoom call pro contract"),
        ("Pricing Page", "we have pricing page for that"),
        ("Costly", "we have costly for that"),
    ],
)
@pytest.mark.parametrize("language", ["en", "de", None])
def test_a_competitors_name_counts_before_phrases(
    name: str, text: str, language: str | None
) -> None:
    assert "competitor" not in RULES.predict_one(text.replace("compare", "work"), language)
    assert "competitor" in IntentRules(competitors=[name]).predict_one(text, language)


@pytest.mark.parametrize("name", ["", "!?", "x" * 101])
def test_a_name_without_letters_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no competitor's name"):
        IntentRules(competitors=[name])


def test_phrases_are_extended_by_data_alone() -> None:
    rules = IntentRules({"it": {"price": ("quanto costa", "prezz*/listino"), "negation": ("non",)}})
    assert rules.languages == {"it"}
    assert rules.predict_one("Quanto costa? I prezzi o il listino", "it") == {"price"}
    assert rules.predict_one("non prezzi", "it") == frozenset()


def test_a_phrase_that_would_never_match_is_refused() -> None:
    with pytest.raises(ValueError, match="phrase 'Größe' is not folded: write 'grosse'"):
        IntentRules({"de": {"price": ("Größe",)}})


@pytest.mark.parametrize("language", [each for each in PHRASES if each != "*"])
def test_every_language_has_every_intent(language: str) -> None:
    assert PHRASES[language].keys() == PHRASES["en"].keys()


@given(st.text(max_size=500), st.sampled_from([None, "en", "de", "fr", "es", "nl"]))
def test_any_text_has_known_intents_only(text: str, language: str | None) -> None:
    assert RULES.predict_one(text, language) <= PHRASES["en"].keys() - {"negation", "no_negation"}
