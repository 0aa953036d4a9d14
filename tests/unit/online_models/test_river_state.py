import base64
import copy
import json
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift, stats, utils
from river.naive_bayes import GaussianNB

from online_models.formats import ModelFormatError
from online_models.river_parts import LEARNING
from online_models.river_state import decode, encode
from online_models.river_trees import NO_ESTIMATES, AdaptiveTree, MixedSplitter


def inputs(n: int, seed: int = 0) -> list[tuple[dict[str, float], bool]]:
    """Return leads that convert when their number is high or their category is 2, until half."""
    rng, found = Random(seed), []
    for i in range(n):
        x = {"age": rng.gauss(0.0, 3.0), "size": rng.random(), "last=": rng.randrange(5)}
        converts = x["age"] > 1.0 or x["last="] == 2
        found.append((x, converts if i < n / 2 else not converts))
    return found


def grown() -> AdaptiveTree:
    tree = AdaptiveTree(
        seed=3,
        grace_period=30,
        delta=0.01,
        max_depth=4,
        binary_split=True,
        splitter=MixedSplitter(),
        memory_estimate_period=NO_ESTIMATES,
    )
    for x, y in inputs(1_500):
        tree.learn_one(x, y)
    return tree


TREE = grown()
DOCUMENT = orjson.dumps(encode(TREE))


def test_the_tree_at_hand_has_split_by_numbers_and_by_categories():
    kinds = " ".join(json.loads(DOCUMENT)["kinds"])
    assert "AdaNumBinaryBranchClass" in kinds
    assert "AdaNomBinaryBranchClass" in kinds
    assert "AdaptiveWindowing" in kinds


def test_an_estimator_goes_on_from_its_state_to_the_bit():
    tree, restored = copy.deepcopy(TREE), decode(json.loads(DOCUMENT))
    for x, y in inputs(300, seed=1):
        assert restored.predict_proba_one(x) == tree.predict_proba_one(x)
        tree.learn_one(x, y)
        restored.learn_one(x, y)
    assert orjson.dumps(encode(restored)) == orjson.dumps(encode(tree))


def test_what_parts_share_they_share_again():
    restored = decode(json.loads(DOCUMENT))
    leaves = list(restored._root.iter_leaves())
    assert all(leaf.rng is restored._rng for leaf in leaves)
    assert all(leaf.splitter is restored.splitter for leaf in leaves)


def test_a_state_is_not_changed_by_what_is_learned_after_it():
    document = json.loads(DOCUMENT)
    tree = decode(document)
    for x, y in inputs(50, seed=2):
        tree.learn_one(x, not y)
    assert orjson.dumps(document) == DOCUMENT


def test_without_what_learning_needs_it_predicts_the_same_and_cannot_be_taken_for_whole():
    document = encode(TREE, without=LEARNING)
    assert len(orjson.dumps(document)) < len(DOCUMENT) / 2
    served = decode(document, learns=False)
    for x, _ in inputs(50, seed=4):
        assert served.predict_proba_one(x) == TREE.predict_proba_one(x)
    with pytest.raises(ModelFormatError, match="is not what it must be"):
        decode(document)


@pytest.mark.parametrize(
    "foreign", [object(), GaussianNB(), utils.VectorDict(), {"a": print}, (1,)]
)
def test_what_is_not_listed_is_not_stored(foreign):
    with pytest.raises(ModelFormatError):
        encode(foreign)


def test_an_attribute_that_river_has_added_is_not_forgotten_in_silence():
    mean = stats.Mean()
    mean.added = 1.0
    with pytest.raises(ModelFormatError, match="other attributes"):
        encode(mean)


@pytest.mark.parametrize(
    "kind", ["os.system", "builtins.eval", "subprocess.Popen", "river.stats.mean.Quantile", "tuple"]
)
def test_nothing_is_looked_up_by_a_name_that_is_not_listed(kind):
    with pytest.raises(ModelFormatError, match="no part of a model"):
        decode({"kinds": [kind], "nodes": [[0, "true"]]})


def test_a_part_belongs_to_one_other_only_so_that_a_small_document_is_no_large_tree():
    mean = ["river.stats.mean.Mean", "list"]
    nodes: list[Any] = [[0, 1.0, 2.0], [1, [0]], [1, [0]], [1, [1], [2]]]
    with pytest.raises(ModelFormatError, match="not its own"):
        decode({"kinds": mean, "nodes": nodes})


def test_a_part_cannot_stand_on_itself():
    with pytest.raises(ModelFormatError, match="not before it"):
        decode({"kinds": ["list"], "nodes": [[0, [0]]]})


def test_depth_is_bounded_both_ways():
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(ModelFormatError, match="too deep"):
        encode(deep)
    chain = [[0]] + [[0, [n]] for n in range(500)]
    with pytest.raises(ModelFormatError, match="too deep"):
        decode({"kinds": ["list"], "nodes": chain})


def window(n: int) -> drift.ADWIN:
    detector = drift.ADWIN()
    for i in range(n):
        detector.update(i % 3 == 0)
    return detector


@pytest.mark.parametrize("n", [0, 1, 6, 1_000])
def test_compiled_state_goes_on_to_the_bit(n):
    detector = window(n)
    restored = decode(json.loads(orjson.dumps(encode(detector))))
    for i in range(500):
        detector.update(i % 2 == 0)
        restored.update(i % 2 == 0)
        assert restored.drift_detected == detector.drift_detected
    assert encode(restored) == encode(detector)


@settings(max_examples=60, deadline=None)
@given(
    at=st.integers(0, 600), byte=st.integers(0, 255), cut=st.one_of(st.none(), st.integers(0, 600))
)
def test_broken_compiled_state_is_refused_or_goes_on(at, byte, cut):
    """Compiled code aborts on what it cannot read; here it never gets to see it."""
    detector = window(200)
    state = bytearray(detector._helper.__getstate__())
    state[at % len(state)] = byte
    document = encode(detector)
    document["nodes"][0][1] = base64.b64encode(bytes(state[:cut])).decode()
    try:
        restored = decode(document)
    except ModelFormatError:
        return
    for i in range(200):
        restored.update(i % 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_changed_state_is_refused_or_still_predicts(data):
    document = json.loads(DOCUMENT)
    nodes = document["nodes"]
    for _ in range(data.draw(st.integers(1, 3))):
        node = nodes[data.draw(st.integers(0, len(nodes) - 1))]
        place = data.draw(st.integers(0, len(node) - 1))
        node[place] = data.draw(JSON | st.integers(0, len(nodes)).map(lambda n: [n]))
    try:
        tree = decode(document)
    except ModelFormatError:
        return
    if type(tree) is AdaptiveTree:
        for x, y in inputs(10, seed=5):
            tree.predict_proba_one(x)
            tree.learn_one(x, y)


@given(document=JSON)
def test_any_json_is_refused(document):
    with pytest.raises(ModelFormatError):
        decode(document)
