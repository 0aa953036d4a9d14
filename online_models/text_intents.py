"""What a lead's text asks for or says: phrases by language, one regular expression each."""

import re
from collections.abc import Collection, Iterator
from itertools import product
from typing import NamedTuple

from online_models.text_phrases import (
    ANY_LANGUAGE,
    AUTO_REPLY,
    COMPETITOR,
    NEGATION,
    NO_NEGATION,
    PHRASES,
    Phrases,
)
from online_models.text_words import folded, own_text

NEGATED_WORDS = 3
"""A negation undoes intents that begin up to so many words later."""
LONGEST_COMPETITOR = 100
"""Characters of a competitor's name."""

_BREAK = "break"
_ANY_ENDING = r"\w*"
_TOKEN = re.compile(r"\\w\*|\\.|.")
_PARAGRAPH = re.compile(r"\n\s*\n")


class _Rules(NamedTuple):
    """A regular expression, and what each of its groups, which are empty, stands for."""

    expression: re.Pattern[str]
    kinds: tuple[str, ...]


class IntentRules:
    """Finds intents in texts by phrases; deterministic, and read only once it is made.

    Case, accents and hyphens do not count; phrases begin and end with words. A negation up to
    three words before in the same sentence undoes an intent. An automatic reply has no other
    intent: nobody meant them.

    Parameters
    ----------
    phrases
        Of each language, ISO 639 or ``*`` for all, the phrases of each intent;
        ``online_models.text_phrases`` says how they are written.
    competitors
        Names whose mention is the intent ``competitor``, in any language, also where a phrase of
        another intent says the same.

    Raises
    ------
    ValueError
        As ``checked_competitor`` does; or if a phrase is not folded.

    Examples
    --------
    >>> rules = IntentRules(competitors=["Acme CRM"])
    >>> sorted(rules.predict_one("How much is it compared to ACME-CRM? Call me asap.", "en"))
    ['competitor', 'meeting', 'price', 'urgency']
    >>> sorted(rules.predict_one("Ich will nicht kündigen, nur einen Rückruf.", "de"))
    ['meeting']
    """

    def __init__(self, phrases: Phrases = PHRASES, competitors: Collection[str] = ()) -> None:
        shared = [
            (variant, kind)
            for kind, each in phrases.get(ANY_LANGUAGE, {}).items()
            for variant in _variants(each)
        ]
        # First, so that they count: to a maker of CRMs, Salesforce is more than an integration.
        named = [(_escaped(checked_competitor(name)), COMPETITOR) for name in competitors]
        own = {
            language: [
                (variant, kind) for kind, each in kinds.items() for variant in _variants(each)
            ]
            for language, kinds in phrases.items()
            if language != ANY_LANGUAGE
        }
        self._rules = {language: _compiled(named + each + shared) for language, each in own.items()}
        every = [pair for each in own.values() for pair in each]
        self._all_rules = _compiled(named + every + shared)

    @property
    def languages(self) -> frozenset[str]:
        """Those that have phrases of their own."""
        return frozenset(self._rules)

    def predict_one(self, text: str, language: str | None) -> frozenset[str]:
        """Return the intents of a text; of an unknown or other language, by all phrases.

        Raises
        ------
        ValueError
            If the text is no string.
        """
        return self.predict_own(own_text(text), language)

    def predict_own(self, text: str, language: str | None) -> frozenset[str]:
        """Return the intents of a text that ``own_text`` returned."""
        rules = self._rules.get(language or "", self._all_rules)
        text = folded(_PARAGRAPH.sub(". ", text))
        intents = set()
        negated_from: int | None = None
        for match in rules.expression.finditer(text):
            kind = rules.kinds[(match.lastindex or 1) - 1]
            if kind == _BREAK:
                negated_from = None
            elif kind == NEGATION:
                negated_from = match.end()
            elif kind != NO_NEGATION and (
                negated_from is None or text.count(" ", negated_from, match.start()) > NEGATED_WORDS
            ):
                intents.add(kind)
        return frozenset({AUTO_REPLY}) if AUTO_REPLY in intents else frozenset(intents)


def checked_competitor(name: str) -> str:
    """Return a competitor's name as it is looked for in texts.

    Raises
    ------
    ValueError
        If it has no letter or digit, or more than 100 characters.

    Examples
    --------
    >>> checked_competitor(" .Über-CRM")
    'uber crm'
    """
    plain = re.sub(r"^\W+", "", folded(name))
    if not 0 < len(plain) <= LONGEST_COMPETITOR:
        raise ValueError(
            f"{name!r:.120} is no competitor's name; give it a letter or digit, and at most "
            f"{LONGEST_COMPETITOR} characters"
        )
    return plain


def _escaped(words: str) -> str:
    """Return what matches words and nothing else; spaces stay, by which phrases are told apart."""
    return " ".join(re.escape(word) for word in words.split(" "))


def _variants(phrases: tuple[str, ...]) -> Iterator[str]:
    """Return what phrases stand for, as regular expressions."""
    for phrase in phrases:
        if phrase.replace("/", " ") != folded(phrase):
            raise ValueError(f"phrase {phrase!r:.120} is not folded: write {folded(phrase)!r:.120}")
        for words in product(*(position.split("/") for position in phrase.split())):
            yield _escaped(" ".join(words)).replace(r"\*", _ANY_ENDING)


def _compiled(variants: list[tuple[str, str]]) -> _Rules:
    """Return one expression for all; the first of equal phrases counts."""
    kinds: list[str] = []
    first = dict(reversed(variants))
    tree = _tree([(_TOKEN.findall(variant), kind) for variant, kind in first.items()], kinds)
    kinds.append(_BREAK)
    return _Rules(re.compile(rf"\b{tree}(?!\w)|[.!?;:,]()"), tuple(kinds))


def _tree(variants: list[tuple[list[str], str]], kinds: list[str]) -> str:
    """Return an expression that looks at each character once, the longest phrase first.

    After each phrase stands an empty group: the last group matched tells which phrase it was.
    """
    by_head: dict[str, list[tuple[list[str], str]]] = {}
    for tokens, kind in variants:
        if tokens:
            by_head.setdefault(tokens[0], []).append((tokens[1:], kind))
    # Any ending comes last: it would swallow what longer phrases go on with.
    heads = sorted(by_head, key=lambda head: (head == _ANY_ENDING, head))
    branches = [head + _tree(by_head[head], kinds) for head in heads]
    ended = [kind for tokens, kind in variants if not tokens]
    if ended:
        kinds.append(ended[0])
        branches.append("()")
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
