"""Topics learned from texts: apart, named without personal words, bounded, stored to the bit."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.formats import ModelFormatError
from online_models.text_topics import TopicModel

TOPICS = {
    "integration": "api webhook connector sync endpoint sandbox mapping",
    "billing": "discount quote licence invoice seats yearly tier",
    "preise": "preis rabatt angebot lizenz rechnung staffel mehrwertsteuer",
}


def texts(seed: int, count: int) -> list[tuple[str, str]]:
    random = Random(seed)
    made = []
    for _ in range(count):
        topic = random.choice(list(TOPICS))
        made.append((topic, " ".join(random.choices(TOPICS[topic].split(), k=5))))
    return made


def learned(count: int = 300, **parameters: Any) -> TopicModel:
    model = TopicModel(**parameters)
    for _, text in texts(1, count):
        model.learn_one(text, None)
    return model


def test_texts_of_different_topics_come_apart() -> None:
    model = learned()
    found: dict[str, set[int | None]] = {topic: set() for topic in TOPICS}
    for topic, text in texts(2, 60):
        found[topic].add(model.predict_one(text))
    ids = [topic_id for each in found.values() for topic_id in each]
    assert None not in ids
    assert len(ids) == len(set(ids))


def test_a_topic_keeps_its_id_and_is_named_by_its_own_words() -> None:
    model = learned()
    text = "webhook endpoint sandbox"
    topic_id = model.predict_one(text)
    for _, more in texts(3, 300):
        model.learn_one(more)
    assert model.predict_one(text) == topic_id
    names = {topic.topic_id: topic.name for topic in model.topics()}
    assert set(names[topic_id or 0].split(", ")) <= set(TOPICS["integration"].split())


def test_predicting_changes_nothing() -> None:
    model = learned()
    before = json.dumps(model.checkpoint())
    model.predict_one("api webhook something else")
    assert json.dumps(model.checkpoint()) == before


def test_personal_words_are_never_in_a_name() -> None:
    model = TopicModel(min_texts=10)
    personal = "annabel schmittke annabel.schmittke@example.com +49301234567 www.schmittke.example"
    for n in range(200):
        # The same text again and again is one text; nine texts are too few.
        model.learn_one(f"{personal} webhook" if n % 2 else f"{personal} {'abcdefgh'[n % 8] * 5}")
        model.learn_one(f"webhook api {'klmnopqrstuvwxyz'[n % 16] * 4}")
    names = " ".join(topic.name for topic in model.topics())
    assert "webhook" in names
    for word in ("annabel", "schmittke", "example", "49301234567", "www", "@"):
        assert word not in names


@pytest.mark.parametrize("text", ["", "the and of", "webhook", "webhook webhook", "4711 0815"])
def test_a_text_of_too_few_words_has_no_topic(text: str) -> None:
    model = learned()
    before = model.checkpoint()
    assert model.learn_one(text, "en") is None
    assert model.predict_one(text, "en") is None
    assert model.checkpoint() == before


def test_memory_is_bounded() -> None:
    model = TopicModel(max_topics=5, max_words=16, memory_texts=100)
    random = Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    largest = 0
    for _ in range(3_000):
        words = ["".join(random.choices(letters, k=6)) for _ in range(random.randint(2, 40))]
        model.learn_one(" ".join(words))
        state = model.checkpoint()
        assert len(state["topics"]) <= 5
        assert all(len(topic["words"]) <= 16 for topic in state["topics"])
        assert len(state["seen"]["words"]) <= 16 * 16
        assert sum(topic["texts"] for topic in state["topics"]) <= 200
        largest = max(largest, len(json.dumps(state)))
    assert largest < 50_000


def test_a_topic_nobody_writes_about_goes_and_its_id_is_not_given_again() -> None:
    model = TopicModel(memory_texts=20)
    first = model.learn_one("forklift pallet warehouse")
    for _ in range(200):
        model.learn_one("api webhook connector")
    assert first not in {topic.topic_id for topic in model.topics()}
    again = model.learn_one("forklift pallet warehouse")
    assert again is not None
    assert first is not None
    assert again > first


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text("abcdefg ", max_size=60), max_size=40), st.integers(0, 40))
def test_restored_anywhere_it_goes_on_to_the_bit(some: list[str], at: int) -> None:
    parameters = {"max_topics": 3, "max_words": 16, "memory_texts": 10, "min_texts": 2}
    straight = TopicModel(**parameters)
    restored = TopicModel(**parameters)
    for i, text in enumerate(some):
        if i == at:
            stored = json.loads(json.dumps(restored.checkpoint()))
            restored = TopicModel.restore(stored, **parameters)
        assert restored.learn_one(text) == straight.learn_one(text)
    assert json.dumps(restored.checkpoint()) == json.dumps(straight.checkpoint())
    assert restored.topics() == straight.topics()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda s: s.update(schema=0), "schema"),
        (lambda s: s.update(library="River"), "River"),
        (lambda s: s.pop("seen"), "seen"),
        (lambda s: s.update(next_id=-1), "next_id"),
        (lambda s: s.update(next_id=0), "not yet given"),
        (lambda s: s["topics"].append(s["topics"][0]), "twice"),
        (lambda s: s["topics"].extend(s["topics"] * 30), "max_topics is 32"),
        (lambda s: s["topics"][0].update(texts=0), "texts"),
        (lambda s: s["topics"][0].update(texts=1.5), "texts"),
        (lambda s: s["topics"][0]["words"].update(api="3"), "api"),
        (lambda s: s["topics"][0].update(words={f"w{n}": 1 for n in range(257)}), "max_words"),
        (lambda s: s["seen"]["words"].append(s["seen"]["words"][0]), "twice"),
        (lambda s: s["seen"]["words"].append(["x", 1, [2**48]]), "words"),
        (lambda s: s["seen"]["words"].extend([[f"w{n}", 1, [1]] for n in range(5000)]), "4096"),
    ],
)
def test_a_broken_checkpoint_is_refused(
    break_it: Callable[[dict[str, Any]], object], message: str
) -> None:
    state = learned(50).checkpoint()
    break_it(state)
    with pytest.raises(ModelFormatError, match=message):
        TopicModel.restore(state)


@pytest.mark.parametrize("state", [None, [], {}, "x"])
def test_what_is_no_checkpoint_is_refused(state: Any) -> None:
    with pytest.raises(ModelFormatError):
        TopicModel.restore(state)


@pytest.mark.parametrize(
    "parameters",
    [{"max_topics": 1}, {"max_words": 15}, {"memory_texts": 9}, {"min_texts": 0}],
)
def test_a_parameter_out_of_range_is_refused(parameters: dict[str, int]) -> None:
    (name,) = parameters
    with pytest.raises(ValueError, match=f"{name} is .*: it must be"):
        TopicModel(**parameters)
