"""How positive or negative an English text is: VADER's compound score."""

import re
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from online_models.text_words import own_text

LONGEST_WHOLE = 280
"""Characters of a text that is scored as a whole."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def sentiment(text: str) -> float:
    """Return the sentiment of an English text: -1 most negative, 1 most positive, 0 neutral.

    Hutto and Gilbert 2014, "VADER: A parsimonious rule-based model for sentiment analysis of
    social media text", as ``vaderSentiment`` 3.3.2 has it. It was made for texts of a tweet's
    length: of a longer one, the mean over those of its sentences that are not neutral. As a whole
    it would be taken to an end of the scale, and in time that grows with the square of its length.

    Parameters
    ----------
    text
        In English: of other languages it knows a few chance words only. Quoted mail does not
        count.

    Raises
    ------
    ValueError
        If the text is no string.

    Examples
    --------
    >>> sentiment("The plot was good, but the characters are uncompelling and the dialog is not "
    ...           "great.")
    -0.7042
    """
    return own_sentiment(own_text(text))


def own_sentiment(text: str) -> float:
    """Return the sentiment of an English text that ``own_text`` returned."""
    if len(text) <= LONGEST_WHOLE:
        return _compound(text)
    scores = [_compound(piece) for piece in _pieces(text)]
    telling = [score for score in scores if score]
    return round(sum(telling) / len(telling), 4) if telling else 0.0


def _pieces(text: str) -> list[str]:
    return [
        sentence[start : start + LONGEST_WHOLE]
        for sentence in _SENTENCE_END.split(text)
        for start in range(0, len(sentence), LONGEST_WHOLE)
    ]


def _compound(text: str) -> float:
    score: float = _analyzer().polarity_scores(text)["compound"]
    return score


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
