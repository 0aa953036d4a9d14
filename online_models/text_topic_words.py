"""Words that can tell what a text is about: stop words, names, addresses, numbers put aside."""

import re
import unicodedata
from functools import cache

from stopwordsiso import has_lang, stopwords

from online_models.text_words import own_text, without_addresses
from online_models.topic_formats import MOST_WORDS

WORD_LENGTHS = range(3, 31)
"""Letters of a word that a topic may have."""

_WORD = re.compile(r"[^\W\d_]+")
_WITH_DIGIT = re.compile(r"(?<!\S)[^\s\d]*\d\S*")
_CLOSING = re.compile(
    r"(?:^|(?<=[.,!?\n]))[ \t]*(?:(?:(?:kind|best|warm|many)[ \t]+)?regards|best wishes"
    r"|(?:yours )?(?:sincerely|faithfully|truly)|cheers"
    r"|(?:mit )?(?:\w+ )?(?:freundlichen|(?:viel|best|lieb|schön)e[nr]?) gr(?:ü|ue)(?:ß|ss)e?n?"
    r"|mfg|lg|vg|cordialement|bien (?:à|a) vous|salutations|(?:un )?saludos?|atentamente)\b",
    re.IGNORECASE | re.MULTILINE,
)
"""How a mail ends; whose it is follows."""
_GREETING = re.compile(
    r"^[ \t]*(?:hi|hey|hello|dear|hallo|guten (?:tag|morgen)|liebe[rs]?|sehr geehrte[rs]?"
    r"|bonjour|ch(?:er|ère)|hola|estimad[oa]s?)\b[^\n,.!?:;]{0,80}(?:[,.!:;\n]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_NAMED = re.compile(
    r"\b(?i:my name is|i am|i'm|this is|mein name ist|ich bin|ich heiße|ich heisse|je m'appelle"
    r"|je suis|me llamo|mi nombre es|soy|mrs?\.?|ms\.?|dr\.?|herrn?|frau|monsieur|madame|mme"
    r"|señora?)[ \t]+((?:[A-ZÀ-ÖØ-Þ][\w'\u2019-]*[ \t]*){1,4})"
)


def topic_words(text: str, language: str | None) -> list[str]:
    r"""Return the words that can tell what a text is about, in order, each once, in lower case.

    Left out: stop words of the language (of English, German, French and Spanish where it is
    unknown); whatever looks like a mail address, a link or has a digit; greetings, what stands
    after the words that end a mail, and names that follow "my name is", "Mr" and the like, in
    those four languages. A name elsewhere in a text is not told from another word. At most 32.

    >>> topic_words("Does the API v2 sync with Salesforce? Mail jo@example.com", "en")
    ['api', 'sync', 'salesforce', 'mail']
    >>> topic_words("Dear Ms Lee,\nmy name is Jo Ray. We need a quote.\nBest regards\nJo", "en")
    ['quote']
    """
    own = own_text(text)
    if ending := _CLOSING.search(own):
        own = own[: ending.start()]
    own = _NAMED.sub(" ", _GREETING.sub(" ", without_addresses(own)))
    own = unicodedata.normalize("NFC", own.lower())
    stopped = _stop_words(language)
    words = dict.fromkeys(_WORD.findall(_WITH_DIGIT.sub(" ", own)))
    return [word for word in words if len(word) in WORD_LENGTHS and word not in stopped][
        :MOST_WORDS
    ]


@cache
def _stop_words(language: str | None) -> frozenset[str]:
    if language is None or not has_lang(language):
        return frozenset(stopwords(["en", "de", "fr", "es"]))
    return frozenset(stopwords(language))
