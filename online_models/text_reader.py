"""What a lead's text says, in one reading: language, sentiment, intents, what it is about."""

from collections.abc import Collection
from dataclasses import dataclass

from online_models.language_detection import (
    ENOUGH_CONFIDENCE,
    USUAL_LANGUAGES,
    LanguageDetector,
)
from online_models.sentiment import own_sentiment
from online_models.text_intents import IntentRules
from online_models.text_phrases import CANCELLATION, COMPLAINT, URGENCY
from online_models.text_topic_words import topic_words
from online_models.text_words import own_text

NEGATIVE_SENTIMENT = -0.3
"""A text is negative up to here.

Of 4,200 tweets that twenty people rated each (Hutto and Gilbert 2014), 986 come out no higher: 98 %
of them were rated below zero, 73 % at -1 or less, and of all that were, it finds 86 %. From -.4 on
it would find 78 %; from VADER's own -.05 on, 67 % of what it found would be rated so.
"""
GRAVE_INTENTS = frozenset({URGENCY, COMPLAINT, CANCELLATION})
SENTIMENT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class TextReading:
    """What a text says.

    Attributes
    ----------
    language
        ISO 639; None if it cannot be told.
    sentiment
        -1 most negative to 1 most positive; None of texts that are not known to be English.
    intents
        Names as in ``online_models.text_phrases``.
    is_urgent_negative
        Whether it is negative, and urgent, a complaint or a cancellation: someone should look now.
    words
        That tell what it is about (``online_models.text_topic_words``).
    """

    language: str | None
    sentiment: float | None
    intents: frozenset[str]
    is_urgent_negative: bool
    words: tuple[str, ...] = ()


class TextReader:
    """Reads texts of leads: forms, mail replies, call notes. Deterministic; it keeps nothing.

    Links, addresses and quoted mail do not count, nor what comes after 4,000 characters. Tables
    are loaded at the first text, once a process (1 s, 110 MB); then a text of 500 characters takes
    about 1.3 ms where it is English, and half of that where not.

    Parameters
    ----------
    languages
        ISO 639 codes that texts may be in; the fewer, the more short texts are told.
    min_confidence
        Below this the language is unknown, 0..1.
    competitors
        Names whose mention is an intent.

    Raises
    ------
    ValueError
        As ``LanguageDetector`` and ``IntentRules`` do.

    Examples
    --------
    >>> reader = TextReader()
    >>> reading = reader.predict_one("This is terrible, I want a refund as soon as possible!")
    >>> reading.language, reading.sentiment, sorted(reading.intents), reading.is_urgent_negative
    ('en', -0.4753, ['complaint', 'urgency'], True)
    >>> reader.predict_one("Bitte kündigen Sie meinen Vertrag.")
    TextReading(language='de', sentiment=None, intents=frozenset({'cancellation'}), \
is_urgent_negative=False, words=('bitte', 'kündigen', 'vertrag'))
    """

    def __init__(
        self,
        languages: Collection[str] = USUAL_LANGUAGES,
        min_confidence: float = ENOUGH_CONFIDENCE,
        competitors: Collection[str] = (),
    ) -> None:
        self._detector = LanguageDetector(languages, min_confidence)
        self._rules = IntentRules(competitors=competitors)

    def predict_one(self, text: str) -> TextReading:
        """Return what a text says.

        Raises
        ------
        ValueError
            If the text is no string.
        """
        own = own_text(text)
        language = self._detector.predict_own(own).code
        intents = self._rules.predict_own(own, language)
        sentiment = own_sentiment(own) if language == SENTIMENT_LANGUAGE else None
        is_negative = sentiment is not None and sentiment <= NEGATIVE_SENTIMENT
        return TextReading(
            language,
            sentiment,
            intents,
            is_negative and bool(intents & GRAVE_INTENTS),
            tuple(topic_words(own, language)),
        )
