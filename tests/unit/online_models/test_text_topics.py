"""Topics learned from texts: apart, named without personal words, bounded, stored to the bit."""

import json
from collections.abc import Callable
from random import Random
from time import process_time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.formats import ModelFormatError
from online_models.text_topics import FORMER_NAMES, TEXTS_OF_A_LEAD, TopicModel
from online_models.topic_formats import MOST_WORDS
from online_models.topic_scorer import TopicScorer

TOPICS = {
    "integration": "api webhook connector sync endpoint sandbox mapping",
    "billing": "discount quote licence invoice seats yearly tier",
    "preise": "preis rabatt angebot lizenz rechnung staffel mehrwertsteuer",
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def texts(seed: int, count: int) -> list[tuple[str, list[str]]]:
    random = Random(seed)
    made = []
    for _ in range(count):
        topic = random.choice(list(TOPICS))
        made.append((topic, random.sample(TOPICS[topic].split(), k=4)))
    return made


def learned(count: int = 300, **parameters: int) -> TopicModel:
    model = TopicModel(**parameters)
    for number, (_, words) in enumerate(texts(1, count)):
        model.learn_one(words, f"lead-{number % 100}")
    return model


def published(model: TopicModel) -> str:
    return json.dumps(model.snapshot())


def test_texts_of_different_topics_come_apart() -> None:
    model = learned()
    found: dict[str, set[str | None]] = {topic: set() for topic in TOPICS}
    for topic, words in texts(2, 60):
        found[topic].add(model.predict_one(words))
    ids = [topic_id for each in found.values() for topic_id in each]
    assert None not in ids
    assert len(ids) == len(set(ids))


def test_who_serves_says_what_the_model_says() -> None:
    model = learned()
    scorer = TopicScorer.restore(json.loads(published(model)))
    for _, words in texts(2, 60):
        assert scorer.assign(words) == model.predict_one(words)
    assert scorer.assign(["unheard", "words"]) is None
    assert scorer.assign(["api", "unheard"]) is None
    assert scorer.assign([]) is None


def test_a_topic_keeps_its_id_and_is_named_by_its_own_words() -> None:
    model = learned()
    words = ["webhook", "endpoint", "sandbox"]
    topic_id = model.predict_one(words)
    for number, (_, more) in enumerate(texts(3, 300)):
        model.learn_one(more, f"lead-{number}")
    assert model.predict_one(words) == topic_id
    names = {topic.topic_id: topic.name for topic in model.topics()}
    assert set(names[topic_id or ""].split(", ")) <= set(TOPICS["integration"].split())


def test_shares_tell_what_grows() -> None:
    model = TopicModel(min_leads=2)
    for number in range(100):
        topic = "billing" if number < 50 else "integration"
        model.learn_one(TOPICS[topic].split(), f"lead-{number}")
    billing, integration = sorted(model.topics(), key=lambda topic: topic.topic_id)
    assert (billing.former_share, billing.recent_share) == (1.0, 0.0)
    assert (integration.former_share, integration.recent_share) == (0.0, 1.0)
    assert (billing.texts, billing.leads) == (50, 50)


def test_predicting_changes_nothing() -> None:
    model = learned()
    before = json.dumps(model.checkpoint())
    model.predict_one(["api", "webhook", "something", "else"])
    assert json.dumps(model.checkpoint()) == before


def test_what_few_leads_wrote_is_never_published() -> None:
    model = TopicModel(min_leads=10)
    for number in range(200):
        # However often nine leads write a word, it is theirs.
        model.learn_one(["annabel", "schmittke", "webhook", "api"], f"few-{number % 9}")
        model.learn_one(["webhook", "api", "connector"], f"many-{number}")
    assert "webhook" in published(model)
    assert "annabel" not in published(model)
    assert "schmittke" not in published(model)
    model.learn_one(["annabel", "schmittke", "webhook", "api"], "the tenth")
    for number in range(200):
        model.learn_one(["webhook", "api", "connector"], f"more-{number}")
    assert "annabel" in published(model)


def test_a_lead_that_is_forgotten_takes_its_words_along() -> None:
    model = learned(min_leads=3)
    for lead in ("a", "b", "c"):
        model.learn_one(["rareword", "otherrare", "api"], lead)
    for _, words in texts(4, 40):
        model.learn_one(words, "z")
    for lead in ("d", "e", "f"):
        model.learn_one(["api", "webhook"], lead)
    model.forget_one("d")
    assert "rareword" in published(model)
    model.forget_one("a")
    assert "rareword" not in published(model)
    assert "rareword" in json.dumps(model.checkpoint())
    model.forget_one("b")
    model.forget_one("c")
    assert "rareword" not in json.dumps(model.checkpoint())
    model.forget_one("unknown")


def test_what_is_forgotten_leaves_the_counts_as_if_it_had_never_been() -> None:
    model, without = TopicModel(), TopicModel()
    for number, (_, words) in enumerate(texts(5, 60)):
        lead = "goes" if number in {20, 30, 40} else f"lead-{number}"
        model.learn_one(words, lead)
        if lead != "goes":
            without.learn_one(words, lead)
    model.forget_one("goes")
    assert model.checkpoint()["texts"] == without.checkpoint()["texts"]
    assert model._words == without._words
    for topic_id, cluster in without._clusters.items():
        own = model._clusters[topic_id]
        assert (own.words, own.total, own.texts) == (cluster.words, cluster.total, cluster.texts)


def test_one_lead_counts_by_its_newest_texts() -> None:
    model = learned(30)
    for number in range(50):
        model.learn_one(["flood", f"of{LETTERS[number % 26] * 3}"], "busy")
    held = [text for text in model.checkpoint()["texts"] if text[0] == "busy"]
    assert len(held) == TEXTS_OF_A_LEAD


@pytest.mark.parametrize("words", [[], ["webhook"], ["webhook", "webhook"]])
def test_a_text_of_too_few_words_has_no_topic(words: list[str]) -> None:
    model = learned()
    before = json.dumps(model.checkpoint())
    assert model.learn_one(words, "lead") is None
    assert model.predict_one(words) is None
    assert json.dumps(model.checkpoint()) == before


def test_memory_is_bounded() -> None:
    model = TopicModel(max_topics=5, max_texts=100, min_leads=1)
    random = Random(1)
    for number in range(2_000):
        words = ["".join(random.choices(LETTERS, k=6)) for _ in range(random.randint(2, 60))]
        model.learn_one(words, f"lead-{number}")
    state = model.checkpoint()
    assert len(state["texts"]) == 100
    assert max(len(words) for _, _, words in state["texts"]) == MOST_WORDS
    assert len({topic for _, topic, _ in state["texts"]} - {None}) <= 5
    assert len(state["snapshot"]["topics"]) <= 5
    assert len(state["snapshot"]["former"]) <= FORMER_NAMES
    assert len(model._words) <= 100 * MOST_WORDS
    assert len(json.dumps(state)) < 100_000


def test_the_longest_words_fill_no_more_than_a_record_holds() -> None:
    model = TopicModel()
    for number in range(2_100):
        letter = chr(0x20000 + number)
        words = [letter * (30 + n) for n in range(32)]
        model.learn_one(["x" * 256, "", *words, '"' * 100], f"{number:032x}")
    stored = orjson.dumps(model.checkpoint())
    assert len(stored) < 3_000_000
    assert orjson.dumps(TopicModel.restore(orjson.loads(stored)).checkpoint()) == stored


def test_assigning_takes_microseconds() -> None:
    model = TopicModel(min_leads=1)
    random = Random(1)
    words = ["".join(random.choices(LETTERS, k=6)) for _ in range(1_000)]
    for number in range(2_000):
        model.learn_one(words[number % 32 * 30 :][:32], f"lead-{number}")
    snapshot = model.snapshot()
    assert len(snapshot["topics"]) > 20
    assert len(json.dumps(snapshot)) < 60_000
    scorer = TopicScorer(snapshot)
    began = process_time()
    for number in range(300):
        scorer.assign(words[number : number + 32])
    assert (process_time() - began) / 300 < 1e-3


def test_a_topic_nobody_writes_about_goes_and_its_id_is_not_given_again() -> None:
    model = TopicModel(max_texts=20, min_leads=2)
    for lead in range(6):
        first = model.learn_one(["forklift", "pallet", "warehouse"], f"early-{lead}")
    name = model.snapshot()["topics"][0]["name"]
    for lead in range(50):
        model.learn_one(["api", "webhook", "connector"], f"lead-{lead}")
    assert first not in {topic.topic_id for topic in model.topics()}
    assert model.snapshot()["former"] == {first: name}
    assert TopicScorer(model.snapshot()).names[first or ""] == name
    again = model.learn_one(["forklift", "pallet", "warehouse"], "late")
    assert again is not None
    assert first is not None
    assert int(again[1:]) > int(first[1:])


def test_restored_it_publishes_when_it_would_have() -> None:
    straight, restored = learned(207), TopicModel.restore(learned(207).checkpoint())
    for number, (_, words) in enumerate(texts(6, 60)):
        for model in (straight, restored):
            model.learn_one(words, f"next-{number}")
        assert published(restored) == published(straight)


WORDS = st.lists(st.sampled_from("abcdefghij"), max_size=6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(WORDS, st.sampled_from("LMNOPQ"), st.booleans()), max_size=60),
    st.integers(0, 60),
)
def test_restored_anywhere_it_goes_on_to_the_bit(
    some: list[tuple[list[str], str, bool]], at: int
) -> None:
    parameters = {"max_topics": 3, "max_texts": 10, "min_leads": 2}
    straight = TopicModel(**parameters)
    restored = TopicModel(**parameters)
    for i, (words, lead, goes) in enumerate(some):
        if i == at:
            stored = json.loads(json.dumps(restored.checkpoint()))
            restored = TopicModel.restore(stored, **parameters)
        for model in (straight, restored):
            if goes:
                model.forget_one(lead)
        if not goes:
            assert restored.learn_one(words, lead) == straight.learn_one(words, lead)
    assert json.dumps(restored.checkpoint()) == json.dumps(straight.checkpoint())
    assert restored.topics() == straight.topics()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda s: s.update(schema=0), "schema"),
        (lambda s: s.update(library="River"), "River"),
        (lambda s: s.pop("since"), "since"),
        (lambda s: s.update(next_id=0), "next_id"),
        (lambda s: s.update(next_id=1), "not yet given"),
        (lambda s: s["texts"].extend([["x", "t1", ["a", "b"]]] * 2_000), "max_texts is 2000"),
        (
            lambda s: (
                s.update(next_id=99),
                s["texts"].extend([["x", f"t{n}", ["a", "b"]] for n in range(1, 50)]),
            ),
            "max_topics is 32",
        ),
        (lambda s: s["texts"][0].__setitem__(1, "s1"), "texts"),
        (lambda s: s["texts"][0].__setitem__(2, []), "texts"),
        (lambda s: s["texts"][0].__setitem__(2, ["w"] * 33), "texts"),
        (lambda s: s["snapshot"].update(schema=0), "schema"),
        (lambda s: s["snapshot"]["topics"].append(s["snapshot"]["topics"][0]), "twice"),
        (lambda s: s["snapshot"]["topics"][0].update(texts=0), "texts"),
        (lambda s: s["snapshot"]["topics"][0]["words"].update(api="3"), "api"),
    ],
)
def test_a_broken_checkpoint_is_refused(
    break_it: Callable[[dict[str, Any]], object], message: str
) -> None:
    state = json.loads(json.dumps(learned(100).checkpoint()))
    break_it(state)
    with pytest.raises(ModelFormatError, match=message):
        TopicModel.restore(state)


@pytest.mark.parametrize("state", [None, [], {}, "x"])
def test_what_is_no_checkpoint_or_snapshot_is_refused(state: Any) -> None:
    with pytest.raises(ModelFormatError):
        TopicModel.restore(state)
    with pytest.raises(ModelFormatError):
        TopicScorer.restore(state)


@pytest.mark.parametrize("parameters", [{"max_topics": 1}, {"max_texts": 9}, {"min_leads": 0}])
def test_a_parameter_out_of_range_is_refused(parameters: dict[str, int]) -> None:
    (name,) = parameters
    with pytest.raises(ValueError, match=f"{name} is .*: it must be"):
        TopicModel(**parameters)
