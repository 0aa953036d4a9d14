"""Words that can tell what a text is about: stop words, addresses and numbers put aside."""

import re
import unicodedata
from functools import cache

from stopwordsiso import has_lang, stopwords

from online_models.text_words import own_text, without_addresses

WORD_LENGTHS = range(3, 31)
"""Letters of a word that a topic may have."""

_WORD = re.compile(r"[^\W\d_]+")
_WITH_DIGIT = re.compile(r"(?<!\S)[^\s\d]*\d\S*")


def topic_words(text: str, language: str | None) -> list[str]:
    """Return the words that can tell what a text is about, in order, in lower case.

    Left out: stop words of the language (of English, German, French and Spanish where it is
    unknown), and whatever looks like a mail address, a link or has a digit.

    >>> topic_words("Does the API v2 sync with Salesforce? Mail jo@example.com", "en")
    ['api', 'sync', 'salesforce', 'mail']
    """
    text = unicodedata.normalize("NFC", without_addresses(own_text(text)).lower())
    stopped = _stop_words(language)
    words = _WORD.findall(_WITH_DIGIT.sub(" ", text))
    return [word for word in words if len(word) in WORD_LENGTHS and word not in stopped]


@cache
def _stop_words(language: str | None) -> frozenset[str]:
    if language is None or not has_lang(language):
        return frozenset(stopwords(["en", "de", "fr", "es"]))
    return frozenset(stopwords(language))
