"""Which words of a text tell what it is about."""

from online_models.text_topic_words import topic_words


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
