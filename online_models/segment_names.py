"""What segments are called: what their leads do and are more than leads do as a rule."""

from collections.abc import Iterator, Sequence
from math import log
from typing import NamedTuple

import numpy as np

from online_models.segment_mixture import Mixture

PHRASES = 2
"""A name has so many at most, one more where another segment has the same."""
MANY_TIMES = 1.2
"""A share is many if it is so many times that of all leads: a large segment cannot have more."""
FEW_TIMES = 2.0
"""A share is few if that of all leads is so many times it."""
LEAST_SHARE = 0.1
"""A category names a segment only if so many of its leads have it."""
LEAST_DEVIATIONS = 0.4
"""A number is high or low if it lies so many standard deviations off that of all leads."""
LEAST_SAID = 0.02
"""In nats a lead: phrases that say less are left out."""
WITHOUT_PHRASES = "like most leads"

_OF_MIX = {"page_view": "pages", "form_fill": "forms"}
_OF_NUMBER = {"company_size": ("small company", "large company")}


def names_of(mixture: Mixture, segment_ids: Sequence[str]) -> dict[str, str]:
    """Return a name for each segment: no two the same, and equal mixtures give equal names.

    Phrases are ordered by how much they tell a segment's leads from all: their part of the
    Kullback-Leibler divergence, in nats a lead. What leads lack is named only where too little
    is to be said of what they have.

    Parameters
    ----------
    mixture
        The classes.
    segment_ids
        Of each class, its id.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for place, segment in enumerate(segment_ids):
        phrases = [phrase.text for phrase in sorted(_phrases(mixture, place))]
        name = ", ".join(phrases[:PHRASES]) or WITHOUT_PHRASES
        if name in taken:
            name = ", ".join(phrases[: PHRASES + 1])
        if name in taken or not name:
            name = f"{name or WITHOUT_PHRASES} ({segment})"
        taken.add(name)
        names[segment] = name
    return names


class _Phrase(NamedTuple):
    is_few: bool
    unsaid: float
    text: str


def _phrases(mixture: Mixture, place: int) -> Iterator[_Phrase]:
    shares = zip(
        mixture.vocabulary.words,
        np.exp(mixture.log_shares[place]).tolist(),
        mixture.overall_shares.tolist(),
        mixture.events.tolist(),
        strict=True,
    )
    for word, share, overall, events in shares:
        is_few = overall >= FEW_TIMES * share
        said = events * max(share, overall) * abs(log(share / overall))
        if said < LEAST_SAID or not (is_few or share >= MANY_TIMES * overall):
            continue
        is_category = not word.startswith("count:")
        # That few have a category is no trait of those who have another.
        if not is_category or (share >= LEAST_SHARE and not is_few):
            yield _Phrase(is_few, -said, _of_word(word, is_few=is_few))
    for column, name in enumerate(mixture.vocabulary.numbers):
        off = float(mixture.means[place, column] - mixture.overall_means[column])
        z = off / float(mixture.overall_deviations[column])
        if abs(z) >= LEAST_DEVIATIONS:
            yield _Phrase(False, -0.5 * z * z, _of_number(name, is_high=z > 0.0))


def _of_word(word: str, *, is_few: bool) -> str:
    if not word.startswith("count:"):
        name, _, value = word.partition("=")
        return f"{_plain(name)}: {value}"
    _, mix, about = word.split(":", 2)
    return f"{'few' if is_few else 'many'} {_plain(about)} {_OF_MIX.get(mix, _plain(mix))}"


def _of_number(name: str, *, is_high: bool) -> str:
    fact = name.rpartition(":")[2]
    plain = _plain(fact)
    return _OF_NUMBER.get(fact, (f"low {plain}", f"high {plain}"))[is_high]


def _plain(name: str) -> str:
    return name.rpartition(":")[2].replace("_", " ").replace("-", " ")
