"""The counts of topics: which one a text is most likely of, and what one is called."""

from collections import Counter
from collections.abc import Collection, Mapping
from math import lgamma, log

from online_models.topic_formats import LONGEST_WORD, MOST_WORDS

NEW_TOPIC = 0.03
"""How readily a text opens a topic: the process's concentration, as a share of the texts."""
SMOOTHING = 0.1
"""What each word is counted in each topic before any text."""
WORDS_IN_NAME = 3
BYTES_OF_A_TEXT = 1_000
"""Of a text's words so many are counted, so that all texts together are bounded."""


class Cluster:
    """The counts of a topic: its texts, and of each word the texts that have it."""

    __slots__ = ("texts", "total", "words")

    def __init__(self, texts: int = 0, words: Mapping[str, int] | None = None) -> None:
        self.texts = texts
        self.words = Counter(words or {})
        self.total = self.words.total()

    def add(self, words: Collection[str]) -> None:
        """Count a text by its words, each once."""
        self.texts += 1
        self.words.update(words)
        self.total += len(words)

    def take_out(self, words: Collection[str]) -> None:
        """Take back what ``add`` counted."""
        self.texts -= 1
        self.words.subtract(words)
        self.total -= len(words)
        for word in words:
            if not self.words[word]:
                del self.words[word]


def counted(words: Collection[str]) -> tuple[str, ...]:
    """Return the different words of a text that are counted: 32, and 1,000 bytes, at most."""
    own: list[str] = []
    left = BYTES_OF_A_TEXT
    for word in dict.fromkeys(words):
        left -= len(word.encode())
        if 0 < len(word) <= LONGEST_WORD and left >= 0:
            own.append(word)
    return tuple(own[:MOST_WORDS])


def nearest(
    words: Collection[str], clusters: Mapping[str, Cluster], vocabulary: int, texts: int
) -> str | None:
    """Return the most likely topic of a text; None if a new one is more likely.

    MStream's conditional probabilities (Yin et al. 2018, equations 5 and 6) in logarithms, of
    texts that have each word once.

    Parameters
    ----------
    vocabulary
        Different words that there are.
    texts
        That there are, in all topics.
    """
    length = len(words)
    spread = SMOOTHING * max(1, vocabulary)
    best_id = None
    best = log(NEW_TOPIC * max(1, texts)) + length * log(SMOOTHING) - _log_run(spread, length)
    for topic, cluster in clusters.items():
        counts = cluster.words
        # Without a word in common, what speaks for a topic is that it is small.
        if counts.keys().isdisjoint(words):
            continue
        score = log(cluster.texts) - _log_run(cluster.total + spread, length)
        for word in words:
            score += log(counts.get(word, 0) + SMOOTHING)
        if score > best:
            best_id, best = topic, score
    return best_id


def name_of(words: Mapping[str, int], size: int, overall: Mapping[str, int], total: int) -> str:
    """Return the words that say most about whether a text is of a topic."""
    gains = {word: n * log(n * total / (size * overall[word])) for word, n in words.items()}
    # Of a topic that is the only one no word tells anything.
    telling = [word for word, gain in gains.items() if gain > 0.0] or list(words)
    ranked = sorted(telling, key=lambda word: (-gains[word], -words[word], word))
    return ", ".join(ranked[:WORDS_IN_NAME])


def _log_run(start: float, times: int) -> float:
    """Return the logarithm of start (start + 1) ... (start + times - 1)."""
    return lgamma(start + times) - lgamma(start)
