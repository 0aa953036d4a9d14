"""Which words of a text tell what it is about."""

from time import process_time

import pytest

from online_models.text_topic_words import topic_words
from online_models.topic_formats import MOST_WORDS


@pytest.mark.parametrize(
    "text",
    [
        "Dear Ms Lovelace,\nwe need webhooks.\nKind regards\nAda Lovelace\nExample Ltd",
        "Hi Ada! We need webhooks. Best regards, Ada Lovelace",
        "my name is Ada Lovelace-King. We need webhooks, sincerely Ada",
        "Sehr geehrte Frau Lovelace,\nich heiße Ada King. We need webhooks\nViele Grüße\nAda",
        "Bonjour Ada,\nje m'appelle Ada King. We need webhooks\nCordialement, Ada",
        "Hola Ada,\nme llamo Ada King. We need webhooks.\nUn saludo\nAda",
        "We need webhooks for Mr. Lovelace and Dr Ada King.\n\n-- \nAda",
    ],
)
def test_who_greets_and_who_signs_is_no_topic(text: str) -> None:
    assert topic_words(text, None) == ["webhooks"]


def test_what_is_about_somebody_elses_words_stays() -> None:
    assert topic_words("Yours is slow.\nIt regards a table.", "en") == [
        "slow", "table",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "unit", ["Aa", "i am ", "i am\t", "hi ", " ", "\n", ",", "mr A", "grüße\n", "dear x", "A1"]
)
def test_no_text_takes_long(unit: str) -> None:
    began = process_time()
    topic_words(unit * (4_000 // len(unit)), None)
    topic_words("i am " + unit * (3_900 // len(unit)), None)
    assert process_time() - began < 0.1


def test_at_most_so_many_words_are_told_each_once() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"word{a}{b}" for a in letters for b in letters]
    assert topic_words(" ".join(words + words), "en") == words[:MOST_WORDS]


def test_addresses_numbers_and_stop_words_are_no_topic_words() -> None:
    text = "The webhook of jo.doe@example.com, +49 30 123456, B2B4U, www.example.com/private #acme"
    assert topic_words(text, "en") == ["webhook"]


def test_stop_words_are_those_of_the_language() -> None:
    assert topic_words("die Rechnung und der Rabatt", "de") == ["rechnung", "rabatt"]
    assert topic_words("die Rechnung the discount le prix", None) == [
        "rechnung",
        "discount",
        "prix",
    ]
    assert topic_words("die Rechnung", "en") == ["die", "rechnung"]
