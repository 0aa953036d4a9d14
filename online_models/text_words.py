"""What of a text its writer wrote: quoted mail, addresses and accents put aside."""

import re
import unicodedata

LONGEST_TEXT = 4_000
"""Characters of a text that are read; what comes after is cut."""

_QUOTED = re.compile(
    r"(?m)^(?:-{2,} ?(?:original message|ursprüngliche nachricht|message d'origine"
    r"|mensaje original).*|(?:on|am|le|el) [^\n]{0,200}(?:wrote|schrieb|a écrit|escribió)[^\n]*:"
    r"|(?:from|von|de): [^\n]*\n(?:sent|gesendet|envoyé|enviado|date|datum|fecha)\b[^\n]*"
    r"|-- )\s*$",
    re.IGNORECASE,
)
_QUOTED_LINE = re.compile(r"(?m)^>.*$")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[^\s@<>]{1,64}@\S+|(?<!\S)[@#]\S+|<[^>\s]{1,100}>")
_APOSTROPHES, _HYPHENS = "`\u00b4\u2018\u2019", "-_/\u2010\u2011\u2013\u2014"
_EVENED = str.maketrans(dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys(_HYPHENS, " "))


def own_text(text: str) -> str:
    r"""Return what the writer of a text wrote: no quoted mail, no signature, 4,000 characters.

    A reply quotes what it replies to, such as our own mail with its "unsubscribe".

    Raises
    ------
    ValueError
        If the text is no string.

    Examples
    --------
    >>> own_text("Yes, call me.\n\nOn Mon, Sales wrote:\n> To unsubscribe, click here.")
    'Yes, call me.'
    """
    if not isinstance(text, str):
        raise ValueError(f"text is {text!r:.40}: it must be a string")  # noqa: TRY004 - as all bad input
    text = text[:LONGEST_TEXT]
    if quoted := _QUOTED.search(text):
        text = text[: quoted.start()]
    return (_QUOTED_LINE.sub("", text) if ">" in text else text).strip()


def without_addresses(text: str) -> str:
    """Return a text without its links, mail addresses, handles and hash tags: no language's words.

    >>> without_addresses("mail jo@example.com or see https://example.com/x now")
    'mail   or see   now'
    """
    return _ADDRESS.sub(" ", text)


def folded(text: str) -> str:
    """Return a text in lower case, without accents, apostrophes and hyphens evened.

    >>> folded("Kündigung: Größe, s`il vous plaît, E-Mail")
    "kundigung: grosse, s'il vous plait, e mail"
    """
    text = text.casefold()
    if not text.isascii():
        decomposed = unicodedata.normalize("NFD", text.translate(_EVENED))
        text = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(text.translate(_EVENED).split())
