"""Sentiment of English texts: VADER as its authors document it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.sentiment import LONGEST_WHOLE, sentiment

# The README of vaderSentiment, "Code Examples". Two of its examples are left out, of which it still
# prints what an older release said: one of emojis, one of "kinda sux".
DOCUMENTED = {
    "VADER is smart, handsome, and funny.": 0.8316,
    "VADER is smart, handsome, and funny!": 0.8439,
    "VADER is very smart, handsome, and funny.": 0.8545,
    "VADER is VERY SMART, handsome, and FUNNY.": 0.9227,
    "VADER is VERY SMART, handsome, and FUNNY!!!": 0.9342,
    "VADER is VERY SMART, uber handsome, and FRIGGIN FUNNY!!!": 0.9469,
    "VADER is not smart, handsome, nor funny.": -0.7424,
    "The book was good.": 0.4404,
    "The book was kind of good.": 0.3832,
    "The plot was good, but the characters are uncompelling and the dialog is not great.": -0.7042,
    "At least it isn't a horrible book.": 0.431,
    "Make sure you :) or :D today!": 0.8633,
    "Today SUX!": -0.5461,
}


@pytest.mark.parametrize(("text", "compound"), DOCUMENTED.items())
def test_documented_examples(text: str, compound: float) -> None:
    assert sentiment(text) == compound


def test_a_long_text_has_the_mean_of_its_telling_sentences() -> None:
    neutral = "We have sixty users in three countries. " * 10
    text = f"{neutral}The book was good. {neutral}Today SUX!"
    assert len(text) > LONGEST_WHOLE
    assert sentiment(text) == round((0.4404 - 0.5461) / 2, 4)
    assert sentiment(neutral) == 0.0


def test_a_long_text_without_a_sentence_end_is_scored() -> None:
    assert sentiment("terrible awful " * 100) < -0.9


def test_quoted_mail_does_not_count() -> None:
    assert sentiment("The book was good.\n> This is terrible!") == 0.4404


@settings(deadline=None)  # tables are loaded at the first text
@given(st.text(max_size=600))
def test_any_text_has_a_sentiment_in_range(text: str) -> None:
    assert -1.0 <= sentiment(text) <= 1.0
