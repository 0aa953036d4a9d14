"""What leads' texts are about: topics that form and change as texts come, without labels.

A Dirichlet process mixture of words, in one pass: Yin, Chao, Liu, Zhang, Yu and Wang 2018,
"Model-based clustering of short text streams" (KDD), its MStream; but a text goes to its most
likely topic, not to one drawn by chance, and counts are halved now and then, so that topics which
nobody writes about any more go. Its state is counts of words alone.
"""

from collections import Counter
from collections.abc import Mapping
from math import lgamma, log
from typing import Any, NamedTuple, Self

from online_models import formats
from online_models.text_topic_words import topic_words
from online_models.topic_formats import STATE, TopicModelState
from online_models.topic_words_seen import WordsSeen

CHECKPOINT_SCHEMA = 1
LIBRARY = "leadstream text topics"
NEW_TOPIC = 0.01
"""How readily a text opens a topic: the process's concentration, as a share of the texts."""
SMOOTHING = 0.05
"""What each word is counted in each topic before any text."""
WORDS_IN_NAME = 3
FEWEST_WORDS = 2
"""Words that a text must have to be put to a topic."""
MOST_WORDS = 200
"""Words of a text that are looked at."""


class Topic(NamedTuple):
    """A topic.

    Attributes
    ----------
    topic_id
        The same as long as the topic lasts, and never given again.
    name
        Its most distinguishing words; empty while too few texts had any of them.
    texts
        Texts of it, the older ones counted less.
    """

    topic_id: int
    name: str
    texts: int


class _Cluster:
    """The counts of a topic."""

    __slots__ = ("texts", "total", "words")

    def __init__(self, texts: int = 0, words: Mapping[str, int] | None = None) -> None:
        self.texts = texts
        self.words = Counter(words or {})
        self.total = self.words.total()

    def add(self, words: Counter[str], max_words: int) -> None:
        self.texts += 1
        self.words.update(words)
        self.total += words.total()
        if len(self.words) > max_words:
            kept = sorted(self.words.items(), key=lambda pair: (-pair[1], pair[0]))
            self.words = Counter(dict(kept[: max_words * 3 // 4]))
            self.total = self.words.total()

    def halve(self) -> None:
        self.texts //= 2
        self.words = Counter({word: n // 2 for word, n in self.words.items() if n > 1})
        self.total = self.words.total()


class TopicModel:
    """Topics of texts, learned online within bounded memory; deterministic.

    Its checkpoint takes .8 MB of JSON at most with the parameters' defaults. It has words as leads
    wrote them, so it is personal data, unlike the topics' names.

    Synthetic texts of eight topics, a quarter of the words from any of them: adjusted Rand index
    .83, purity .96; River's TextClust .68 and .94 in 146 clusters, online spherical k-means on
    hashed TF-IDF .74 and .88 though told how many topics there are
    (``tests/benchmarks/test_text_topics_found.py``).

    Parameters
    ----------
    max_topics
        At most; the least of them makes room for a new one. 2 or more.
    max_words
        Words that are counted of each topic, at most, 16 or more, and sixteen times as many
        overall.
    memory_texts
        Counts are halved when topics hold twice as many texts. 10 or more.
    min_texts
        Different texts that must have had a word before it may stand in a name, 1..100: what
        few people write, such as their own names, never does.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> model = TopicModel(min_texts=1)
    >>> api = model.learn_one("Does your API have webhooks?", "en")
    >>> invoice = model.learn_one("The invoice lacks our discount.", "en")
    >>> api == model.predict_one("webhooks and API limits", "en"), api == invoice
    (True, False)
    """

    def __init__(
        self,
        max_topics: int = 32,
        max_words: int = 256,
        memory_texts: int = 10_000,
        min_texts: int = 10,
    ) -> None:
        for name, value, least, most in (
            ("max_topics", max_topics, 2, 10_000),
            ("max_words", max_words, 16, 100_000),
            ("memory_texts", memory_texts, 10, 10**9),
            ("min_texts", min_texts, 1, 100),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} is {value!r}: it must be {least} to {most}")
        self.max_topics = max_topics
        self.max_words = max_words
        self.memory_texts = memory_texts
        self._clusters: dict[int, _Cluster] = {}
        self._seen = WordsSeen(16 * max_words, min_texts)
        self._next_id = 0

    def learn_one(self, text: str, language: str | None = None) -> int | None:
        """Learn a text; return the id of its topic, or None if it has too few words for one.

        Parameters
        ----------
        text
            As its writer wrote it.
        language
            ISO 639, for its stop words; None where unknown.

        Raises
        ------
        ValueError
            If the text is no string. Nothing is changed then.
        """
        words = _counted(text, language)
        if words is None:
            return None
        self._seen.add(words)
        topic_id = self._nearest(words)
        if topic_id is None:
            self._make_room()
            topic_id = self._next_id
            self._next_id += 1
            self._clusters[topic_id] = _Cluster()
        self._clusters[topic_id].add(words, self.max_words)
        if self._texts() >= 2 * self.memory_texts:
            self._halve()
        return topic_id

    def predict_one(self, text: str, language: str | None = None) -> int | None:
        """Return the id of a text's topic; None if it would open one, or has too few words.

        Raises
        ------
        ValueError
            If the text is no string.
        """
        words = _counted(text, language)
        return None if words is None else self._nearest(words)

    def topics(self) -> list[Topic]:
        """Return all topics, those of the most texts first."""
        overall: Counter[str] = Counter()
        for cluster in self._clusters.values():
            overall.update(cluster.words)
        topics = [
            Topic(topic_id, _name(cluster, overall, self._seen), cluster.texts)
            for topic_id, cluster in self._clusters.items()
        ]
        return sorted(topics, key=lambda topic: (-topic.texts, topic.topic_id))

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "next_id": self._next_id,
            "topics": [
                {"topic_id": topic_id, "texts": each.texts, "words": dict(each.words)}
                for topic_id, each in self._clusters.items()
            ],
            "seen": self._seen.checkpoint(),
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], **parameters: Any) -> Self:
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema, broken, or larger than may be.
        """
        if isinstance(checkpoint, Mapping):
            formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, LIBRARY)
        state: TopicModelState = formats.validated(STATE, checkpoint, "checkpoint")
        model = cls(**parameters)
        if len(state["topics"]) > model.max_topics:
            raise formats.ModelFormatError(
                f"checkpoint has {len(state['topics'])} topics, max_topics is {model.max_topics}"
            )
        for each in state["topics"]:
            if each["topic_id"] >= state["next_id"] or each["topic_id"] in model._clusters:
                raise formats.ModelFormatError(
                    f"checkpoint is broken: topic_id {each['topic_id']} is not yet given, or twice"
                )
            if len(each["words"]) > model.max_words:
                raise formats.ModelFormatError(
                    f"checkpoint has a topic of {len(each['words'])} words, max_words is "
                    f"{model.max_words}"
                )
            model._clusters[each["topic_id"]] = _Cluster(each["texts"], each["words"])
        model._seen.restore(state["seen"])
        model._next_id = state["next_id"]
        return model

    def _nearest(self, words: Counter[str]) -> int | None:
        """Return the most likely topic; None if a new one is more likely."""
        length = words.total()
        spread = SMOOTHING * max(1, len(self._seen))
        # The products of MStream's conditional probability, in logarithms.
        best_id, best = None, _log_rising(SMOOTHING, words) - _log_run(spread, length)
        best += log(NEW_TOPIC * max(1, self._texts()))
        for topic_id, cluster in self._clusters.items():
            counts = cluster.words
            # Without a word in common, what speaks for a topic is that it is small.
            if counts.keys().isdisjoint(words):
                continue
            score = log(cluster.texts) - _log_run(cluster.total + spread, length)
            for word, times in words.items():
                score += _log_run(counts.get(word, 0) + SMOOTHING, times)
            if score > best:
                best_id, best = topic_id, score
        return best_id

    def _texts(self) -> int:
        return sum(cluster.texts for cluster in self._clusters.values())

    def _make_room(self) -> None:
        if len(self._clusters) >= self.max_topics:
            least = min(self._clusters, key=lambda each: (self._clusters[each].texts, each))
            del self._clusters[least]

    def _halve(self) -> None:
        for cluster in self._clusters.values():
            cluster.halve()
        self._clusters = {i: each for i, each in self._clusters.items() if each.texts}


def _name(cluster: _Cluster, overall: Counter[str], seen: WordsSeen) -> str:
    """Return the words that say most about whether a text is of a topic."""
    total = overall.total()
    gains = {
        word: n * log(n * total / (cluster.total * overall[word]))
        for word, n in cluster.words.items()
        if seen.is_common(word)
    }
    telling = [word for word, gain in gains.items() if gain > 0.0]
    return ", ".join(sorted(telling, key=lambda word: (-gains[word], word))[:WORDS_IN_NAME])


def _counted(text: str, language: str | None) -> Counter[str] | None:
    words = Counter(topic_words(text, language)[:MOST_WORDS])
    return words if len(words) >= FEWEST_WORDS else None


def _log_rising(start: float, words: Counter[str]) -> float:
    return sum(_log_run(start, times) for times in words.values())


def _log_run(start: float, times: int) -> float:
    """Return the logarithm of start (start + 1) ... (start + times - 1)."""
    if times == 1:
        return log(start)
    return lgamma(start + times) - lgamma(start)
