"""The private names of the engines that our code touches: which, and that they are there."""

import ast
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CommitFailedError
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream.kafka.loop_consumer import LoopConsumer
from stream.kafka.transport import Consumer

ROOT = Path(__file__).parents[2]
NAMED_TUPLES = {"_asdict", "_replace", "_fields"}
"""Documented for all to use; the underscore keeps them apart from fields."""

OF_RIVER = {
    ("online_models/logistic.py", "_raw_dot_one"),
    ("online_models/logistic.py", "_weights"),
    ("online_models/river_parts.py", "_att_dist_per_class"),
    ("online_models/river_parts.py", "_background"),
    ("online_models/river_parts.py", "_drift_detectors"),
    ("online_models/river_parts.py", "_max_per_class"),
    ("online_models/river_parts.py", "_mean"),
    ("online_models/river_parts.py", "_mean_error"),
    ("online_models/river_parts.py", "_metrics"),
    ("online_models/river_parts.py", "_min_per_class"),
    ("online_models/river_parts.py", "_warning_detectors"),
    ("online_models/river_trees.py", "_att_dist_per_class"),
    ("online_models/river_trees.py", "_root"),
    ("online_models/river_trees.py", "_var"),
}
"""Stored models are made of these; test_models_contract has them go there and back to the bit."""
OF_BASES = {
    ("online_models/linear_svm.py", "_regression"),
    ("online_models/river_models.py", "_estimator"),
}
"""Of a class of ours in another file, which is derived from."""

PRIVATE = {
    *OF_RIVER,
    *OF_BASES,
    ("stream/cli/run.py", "_exit"),  # os._exit, the standard library's own
    ("stream/watchdog.py", "_exit"),
    ("stream/documentation.py", "_labelnames"),
    ("stream/kafka/lag.py", "_client"),
    ("stream/kafka/transactions.py", "_sender"),
    ("stream/kafka/loop_consumer.py", "_assignor"),
    ("stream/kafka/loop_consumer.py", "_consumer"),
    ("stream/kafka/loop_consumer.py", "_default_start"),
    ("stream/kafka/loop_consumer.py", "_default_stop_children"),
    ("stream/kafka/loop_consumer.py", "_default_stop_exit_stacks"),
    ("stream/kafka/loop_consumer.py", "_default_stop_futures"),
    ("stream/kafka/loop_consumer.py", "_ensure_consumer"),
    ("stream/kafka/loop_consumer.py", "_subscription"),
    ("stream/kafka/loop_consumer.py", "_thread_started"),
    ("stream/kafka/transport.py", "_thread"),
}
"""Private attributes of others that we touch; each is held by a test here, in test_engine_names
or in test_deploy."""


def names_of_our_own(tree: ast.Module) -> set[str]:
    """Return the private names that a module itself defines or assigns on self."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Attribute(ctx=ast.Store()):
                found.add(node.attr)
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
    return found


def private_names(path: Path) -> set[tuple[str, str]]:
    name = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = names_of_our_own(tree) - {attribute for file, attribute in PRIVATE if file == name}
    return {
        (name, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in own | NAMED_TUPLES
    }


def test_no_other_private_name_of_an_engine_is_touched() -> None:
    rooms = ("stream", "online_models", "schemas")
    paths = [path for room in rooms for path in (ROOT / room).rglob("*.py")]

    touched = set[tuple[str, str]]().union(*map(private_names, paths))

    assert touched == PRIVATE, "hold a new private name by a test in this file, and list it there"


class _Consumer(LoopConsumer):
    """The methods on a consumer of the test's own."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def assignment(self) -> set[TP]:
        return {TP("t", 0)}


async def test_faust_commits_through_a_method_that_we_replace() -> None:
    assert list(inspect.signature(driver.AIOKafkaConsumerThread._commit).parameters) == [
        "self",
        "offsets",
    ]
    assert "self._commit" in inspect.getsource(driver.AIOKafkaConsumerThread.commit)
    asked: list[Any] = []

    async def commit(offsets: Any) -> None:
        asked.append(offsets)
        raise CommitFailedError("another member has it")

    consumer = _Consumer(SimpleNamespace(commit=commit))
    assert await consumer._commit({TP("t", 0): 5, TP("gone", 1): 7}) is False
    assert asked == [{TopicPartition("t", 0): 5}]


async def test_a_partition_without_a_commit_begins_at_its_beginning_after_a_rebalance() -> None:
    sought: list[Any] = []
    assigned = {TopicPartition("t", n) for n in range(3)}

    async def seek_to_committed() -> dict[Any, Any]:
        return {
            TopicPartition("t", 0): 5,
            TopicPartition("t", 1): None,
            TopicPartition("t", 2): 0,
            TopicPartition("gone", 3): None,
        }

    consumer = SimpleNamespace(
        seek_to_committed=seek_to_committed,
        assignment=lambda: assigned,
        seek=lambda *where: sought.append(where),
    )
    assert (await _Consumer(consumer).seek_to_committed())[TopicPartition("t", 0)] == 5
    assert sought == [(TopicPartition("t", 1), 0), (TopicPartition("t", 2), 0)]
    faust = inspect.getsource(driver.Consumer.seek_to_committed)
    assert "self._thread.seek_to_committed" in faust


async def test_a_partition_with_committed_records_to_be_fetched_is_behind() -> None:
    subscription = SubscriptionState()
    subscription.assign_from_user({TopicPartition("t", 0), TopicPartition("t", 1)})
    assert subscription.subscription is not None
    assignment = subscription.subscription.assignment
    for number, (position, stable_end) in enumerate([(5, 9), (9, 9)]):
        state = assignment.state_value(TopicPartition("t", number))
        state.reset_to(position)
        state.lso = stable_end
    consumer = _Consumer(SimpleNamespace(_subscription=subscription))
    assert consumer.behind() == {TP("t", 0): 5}
    assert consumer.lag() == {TP("t", 0): 4, TP("t", 1): 0}
    assert _Consumer(None).behind() == _Consumer(None).lag() == {}


async def test_faust_seeks_before_it_lets_records_flow_after_a_rebalance() -> None:
    for name in ("stop_flow", "resume_flow", "perform_seek", "on_partitions_revoked"):
        assert callable(getattr(driver.Consumer, name)), name
        assert name == "stop_flow" or name in vars(Consumer), name
    resuming = inspect.getsource(Recovery._resume_streams)
    assert resuming.index("consumer.perform_seek()") < resuming.index("consumer.resume_flow()")
