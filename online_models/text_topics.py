"""What leads' texts are about: topics that form and change as texts come, without labels.

A Dirichlet process mixture of words, in one pass over a window of the newest texts, of which the
oldest is taken back out with each new one: Yin, Chao, Liu, Zhang, Yu and Wang 2018, "Model-based
clustering of short text streams" (KDD), its MStreamF; but a text goes to its most likely topic, not
to one drawn by chance, and a lead's texts can be taken out as if they had never been.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Self

from online_models import formats
from online_models.topic_clusters import Cluster, counted, name_of, nearest
from online_models.topic_formats import CHECKPOINT, TopicsCheckpoint, number_of
from online_models.topic_scorer import FEWEST_WORDS, LIBRARY, SNAPSHOT_SCHEMA, TopicScorer

CHECKPOINT_SCHEMA = 2
WORDS_SERVED = 64
"""Words of a topic that are published, at most."""
FORMER_NAMES = 64
"""Names of topics that are no more which are published, at most."""
TEXTS_OF_A_LEAD = 8
"""A lead's newest texts that count: one who writes much says no more of what leads write."""
LEAST_REFRESH = 5
"""Texts after which topics are published again while there are few; later, each 5 % of them."""


class Topic(NamedTuple):
    """A topic that is published.

    Attributes
    ----------
    topic_id
        The same as long as the topic lasts, and never given again.
    name
        Its most distinguishing words.
    texts, leads
        Of it, among the newest texts.
    recent_share, former_share
        Its share of the newer half of those, and of the older.
    """

    topic_id: str
    name: str
    texts: int
    leads: int
    recent_share: float
    former_share: float


class _Text(NamedTuple):
    lead: str
    topic_id: str | None
    words: tuple[str, ...]


class TopicModel:
    """Topics of texts, learned online within bounded memory; deterministic.

    What it publishes has no word that fewer leads than ``min_leads`` wrote, so that nobody's name
    or address is in it. Its checkpoint has words as leads wrote them: it is personal data, 2.5
    MB of JSON at most with the parameters' defaults, some 300 KB with texts of ten words.

    Synthetic texts of eight topics, a quarter of the words from any of them: adjusted Rand index
    .89, purity .95; River's TextClust .68 and .94 in 146 clusters, online spherical k-means on
    hashed TF-IDF .74 and .88 though told how many topics there are
    (``tests/benchmarks/test_text_topics_found.py``).

    Parameters
    ----------
    max_topics
        At most; the least of them makes room for a new one. 2 or more.
    max_texts
        The newest that count, 10 or more.
    min_leads
        Different leads that must have written a word before it is published, 1..100.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> model = TopicModel(min_leads=1)
    >>> api = model.learn_one(["api", "webhooks"], "lead-1")
    >>> invoice = model.learn_one(["invoice", "discount"], "lead-2")
    >>> api == model.predict_one(["webhooks", "api", "limits"]), api == invoice
    (True, False)
    """

    def __init__(self, max_topics: int = 32, max_texts: int = 2_000, min_leads: int = 10) -> None:
        for name, value, least, most in (
            ("max_topics", max_topics, 2, 10_000),
            ("max_texts", max_texts, 10, 10**6),
            ("min_leads", min_leads, 1, 100),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} is {value!r}: it must be {least} to {most}")
        self.max_topics = max_topics
        self.max_texts = max_texts
        self.min_leads = min_leads
        self._clusters: dict[str, Cluster] = {}
        self._words: Counter[str] = Counter()
        self._texts: dict[int, _Text] = {}
        self._by_lead: dict[str, list[int]] = defaultdict(list)
        self._next_text = 0
        self._next_id = 1
        self._since = 0
        self._served: dict[str, Any] = _snapshot([], {})

    @property
    def texts(self) -> int:
        """How many texts count."""
        return len(self._texts)

    def learn_one(self, words: Collection[str], lead: str) -> str | None:
        """Learn a text; return the id of its topic, or None if it has too few words for one.

        Parameters
        ----------
        words
            As ``online_models.text_topic_words`` finds them.
        lead
            Whose it is: a keyed hash, by which ``forget_one`` finds it again.
        """
        own = counted(words)
        if len(own) < FEWEST_WORDS:
            return None
        topic_id = nearest(own, self._clusters, len(self._words), len(self._texts))
        if topic_id is None:
            self._make_room()
            topic_id = f"t{self._next_id}"
            self._next_id += 1
        self._put(_Text(lead, topic_id, own))
        if len(self._by_lead[lead]) > TEXTS_OF_A_LEAD:
            self._take_out(self._by_lead[lead][0])
        elif len(self._texts) > self.max_texts:
            self._take_out(next(iter(self._texts)))
        self._since += 1
        if self._since >= max(LEAST_REFRESH, len(self._texts) // 20):
            before = {of["topic"]: of["name"] for of in self._served["topics"]}
            self._publish({**self._served["former"], **before})
        return topic_id

    def forget_one(self, lead: str) -> None:
        """Take a lead's texts out, as if they had never been; words of theirs go with them."""
        if lead not in self._by_lead:
            return
        for number in list(self._by_lead[lead]):
            self._take_out(number)
        # A topic that is given up now is so because of who is forgotten: its name goes, too.
        self._publish(self._served["former"])

    def predict_one(self, words: Collection[str]) -> str | None:
        """Return the id of a text's topic; None if it would open one, or has too few words."""
        own = counted(words)
        if len(own) < FEWEST_WORDS:
            return None
        return nearest(own, self._clusters, len(self._words), len(self._texts))

    def topics(self) -> list[Topic]:
        """Return the topics that are published, those of the most texts first."""
        half = len(self._texts) // 2
        leads: dict[str | None, set[str]] = defaultdict(set)
        times: tuple[Counter[str | None], Counter[str | None]] = (Counter(), Counter())
        for place, text in enumerate(self._texts.values()):
            leads[text.topic_id].add(text.lead)
            times[place >= half][text.topic_id] += 1
        former, recent = times
        found = [
            Topic(
                of["topic"],
                of["name"],
                former[of["topic"]] + recent[of["topic"]],
                len(leads[of["topic"]]),
                recent[of["topic"]] / max(1, len(self._texts) - half),
                former[of["topic"]] / max(1, half),
            )
            for of in self._served["topics"]
        ]
        return sorted(found, key=lambda topic: (-topic.texts, topic.topic_id))

    def snapshot(self) -> dict[str, Any]:
        """Return what `TopicScorer` needs, as plain JSON: 50 KB at most."""
        return self._served

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "next_id": self._next_id,
            "texts": [
                [text.lead, text.topic_id, list(text.words)] for text in self._texts.values()
            ],
            "since": self._since,
            "snapshot": self._served,
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], **parameters: int) -> Self:
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema, broken, or larger than may be.
        """
        if isinstance(checkpoint, Mapping):
            formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, LIBRARY)
        state: TopicsCheckpoint = formats.validated(CHECKPOINT, checkpoint, "checkpoint")
        model = cls(**parameters)
        if len(state["texts"]) > model.max_texts:
            raise formats.ModelFormatError(
                f"checkpoint has {len(state['texts'])} texts, max_texts is {model.max_texts}"
            )
        for lead, topic_id, words in state["texts"]:
            if topic_id is not None and number_of(topic_id) >= state["next_id"]:
                raise formats.ModelFormatError(
                    f"checkpoint is broken: topic {topic_id} is not yet given"
                )
            model._put(_Text(lead, topic_id, tuple(dict.fromkeys(words))))
        if len(model._clusters) > model.max_topics:
            raise formats.ModelFormatError(
                f"checkpoint has {len(model._clusters)} topics, max_topics is {model.max_topics}"
            )
        TopicScorer(state["snapshot"])  # raises where it would not serve
        model._clusters = dict(sorted(model._clusters.items(), key=lambda of: number_of(of[0])))
        model._next_id, model._since = state["next_id"], state["since"]
        model._served = dict(state["snapshot"])
        return model

    def _put(self, text: _Text) -> None:
        number = self._next_text
        self._next_text += 1
        self._texts[number] = text
        self._by_lead[text.lead].append(number)
        self._words.update(text.words)
        if text.topic_id is not None:
            self._clusters.setdefault(text.topic_id, Cluster()).add(text.words)

    def _take_out(self, number: int) -> None:
        text = self._texts.pop(number)
        numbers = self._by_lead[text.lead]
        numbers.remove(number)
        if not numbers:
            del self._by_lead[text.lead]
        self._words.subtract(text.words)
        for word in text.words:
            if not self._words[word]:
                del self._words[word]
        cluster = self._clusters.get(text.topic_id or "")
        if cluster is not None and text.topic_id is not None:
            cluster.take_out(text.words)
            if not cluster.texts:
                del self._clusters[text.topic_id]

    def _make_room(self) -> None:
        """Give up the least topic where there are too many; its texts are of none from then on."""
        if len(self._clusters) < self.max_topics:
            return
        least = min(self._clusters, key=lambda of: (self._clusters[of].texts, number_of(of)))
        del self._clusters[least]
        for number, text in self._texts.items():
            if text.topic_id == least:
                self._texts[number] = text._replace(topic_id=None)

    def _publish(self, names: Mapping[str, str]) -> None:
        """Name and count topics anew; of those that are no more, keep these names."""
        self._since = 0
        writers: dict[str, set[str]] = defaultdict(set)
        leads: dict[str | None, set[str]] = defaultdict(set)
        for text in self._texts.values():
            leads[text.topic_id].add(text.lead)
            for word in text.words:
                writers[word].add(text.lead)
        common = {word for word, by in writers.items() if len(by) >= self.min_leads}
        total = self._words.total()
        topics = []
        for topic_id, cluster in self._clusters.items():
            if len(leads[topic_id]) < self.min_leads:
                continue
            words = {word: n for word, n in cluster.words.items() if word in common}
            name = name_of(words, cluster.total, self._words, total)
            if name:
                ranked = sorted(words.items(), key=lambda pair: (-pair[1], pair[0]))
                served = dict(ranked[:WORDS_SERVED])
                topics.append(
                    {"topic": topic_id, "name": name, "texts": cluster.texts, "words": served}
                )
        former = sorted(names.keys() - {of["topic"] for of in topics}, key=number_of)
        self._served = _snapshot(topics, {of: names[of] for of in former[-FORMER_NAMES:]})


def _snapshot(topics: list[dict[str, Any]], former: dict[str, str]) -> dict[str, Any]:
    return {"schema": SNAPSHOT_SCHEMA, "library": LIBRARY, "topics": topics, "former": former}
