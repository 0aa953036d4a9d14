"""What our code overrides or touches inside Faust, aiokafka and River is there as we rely on it.

These names are private or undocumented, so the three engines are pinned exactly. After moving a
pin, a failure here says what to look at before anything runs.
"""

import ast
import inspect
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

import aiokafka
import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import ProducerFenced
from aiokafka.producer import sender as aiokafka_sender
from aiokafka.structs import OffsetAndMetadata
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from river import linear_model, optim, preprocessing

from schemas import topics
from stream.app import WorkerProcess
from stream.kafka import clients, loop_consumer, transactions, transport
from stream.kafka.assignor import StickyByTopic
from stream.settings import Settings

ROOT = Path(__file__).parents[2]
ENGINES = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "river": "0.26.1"}


@pytest.fixture
def settings() -> Settings:
    return Settings(
        kafka_bootstrap="127.0.0.1:1",  # nothing is connected
        app_id="names",
        max_poll_records=7,
        session_timeout_s=8.0,
        rules_file=Settings.model_fields["rules_file"].default,
    )


@pytest.fixture
async def app(settings: Settings) -> Any:
    return WorkerProcess(settings, ["route", "score", "learn"]).faust


Client = TypeVar("Client", aiokafka.AIOKafkaConsumer, aiokafka.AIOKafkaProducer)


@pytest.fixture
async def closed_later() -> AsyncIterator[Callable[[Client], Client]]:
    async with AsyncExitStack() as stack:

        def note(client: Client) -> Client:
            stack.push_async_callback(client.stop)
            return client

        yield note


def parameters(function: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


# --- the pins ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "pin"), ENGINES.items())
def test_the_engines_are_the_versions_that_these_names_were_read_in(name: str, pin: str) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        dependencies = tomllib.load(file)["project"]["dependencies"]

    assert f"{name}=={pin}" in dependencies
    assert version(name) == pin, "install what pyproject.toml pins: make setup"


# --- consumers --------------------------------------------------------------------------------


def isolation(consumer: aiokafka.AIOKafkaConsumer) -> str:
    return consumer._isolation_level


async def test_aiokafka_reads_uncommitted_unless_told(closed_later: Any) -> None:
    # If this fails, the default has changed for the better; isolation() still sees what is set.
    consumer = closed_later(aiokafka.AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1"))

    assert isolation(consumer) == "read_uncommitted"


async def test_readers_read_committed(settings: Settings, closed_later: Any) -> None:
    for reader in (
        clients.new_reader(settings, "a"),
        clients.new_reader(settings, group_id="g"),
        clients.new_member(settings, "g", 1 << 18),
    ):
        assert isolation(closed_later(reader)) == "read_committed"


async def test_the_worker_reads_committed_keeps_its_partitions_and_commits_itself(
    app: Any, closed_later: Any
) -> None:
    consumer = closed_later(app.consumer._thread._create_consumer(loop=None))

    assert isinstance(app.consumer._thread, loop_consumer.LoopConsumer)
    assert isolation(consumer) == "read_committed"
    assert consumer._group_id == "names"
    assert consumer._enable_auto_commit is False
    assert consumer._auto_offset_reset == "earliest"
    assert consumer._max_poll_records == 7
    assert consumer._session_timeout_ms == 8_000
    (assignor,) = consumer._partition_assignment_strategy
    assert isinstance(assignor, StickyByTopic)


def test_no_other_place_makes_consumers() -> None:
    places = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "stream").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == "AIOKafkaConsumer"
    }

    assert places == {"stream/kafka/clients.py", "stream/kafka/loop_consumer.py"}


# --- Faust: what stream/kafka/transport.py and loop_consumer.py override -----------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        (loop_consumer.LoopConsumer, driver.AIOKafkaConsumerThread, "_create_worker_consumer"),
        (transport.Consumer, driver.Consumer, "_new_consumer_thread"),
        (transport.Consumer, driver.Consumer, "_to_message"),
        (transport.Consumer, driver.Consumer, "on_partitions_revoked"),
        (transport.Consumer, driver.Consumer, "on_partitions_assigned"),
        (transport.BatchScheduler, DefaultSchedulingStrategy, "iterate"),
        (transport.BatchTopic, faust.Topic, "decode"),
    ],
)
def test_overridden_methods_take_what_faust_gives(ours: Any, theirs: Any, name: str) -> None:
    mine, former = getattr(ours, name), getattr(theirs, name)

    assert name in vars(ours)
    assert parameters(mine) == parameters(former)
    assert inspect.iscoroutinefunction(mine) == inspect.iscoroutinefunction(former)


def test_faust_calls_what_is_overridden() -> None:
    for caller, call in [
        (driver.AIOKafkaConsumerThread._create_consumer, "self._create_worker_consumer("),
        (faust_consumer.ThreadDelegateConsumer.__init__, "self._new_consumer_thread()"),
        (faust_consumer.Consumer.getmany, "self.scheduler.iterate(records)"),
        (faust_consumer.Consumer.getmany, "to_message = self._to_message"),
    ]:
        assert call in inspect.getsource(caller), f"{caller.__qualname__} no longer has {call}"


def test_what_is_new_in_our_subclasses_hides_nothing_of_faust() -> None:
    assert not hasattr(driver.Consumer, "commit_offsets")
    assert not hasattr(faust.App, "leadstream_settings")
    assert not hasattr(faust.App, "leadstream_owner")


def test_names_of_faust_that_are_called() -> None:
    assert parameters(driver.AIOKafkaConsumerThread.commit) == ["offsets"]
    assert inspect.iscoroutinefunction(driver.AIOKafkaConsumerThread.commit)
    assert parameters(driver.Consumer.stop_flow) == []
    assert parameters(driver.Consumer.on_buffer_full) == ["tp"]
    assert parameters(driver.Consumer.on_buffer_drop) == ["tp"]
    assert driver.Transport.Consumer is driver.Consumer
    for name in ("consumer", "transport", "crashed", "crash_reason", "should_stop"):
        assert hasattr(faust.App, name), name
    assert parameters(ConsumerMessage.__init__)[:12] == [
        *("topic", "partition", "offset", "timestamp", "timestamp_type", "headers", "key"),
        *("value", "checksum", "serialized_key_size", "serialized_value_size", "tp"),
    ]
    assert "generation_id" in parameters(ConsumerMessage.__init__)
    assert parameters(faust.Event.__init__)[:5] == ["app", "key", "value", "headers", "message"]


async def test_the_app_is_put_together_from_our_parts(app: Any) -> None:
    assert isinstance(app.transport, transport.Transport)
    assert isinstance(app.consumer, transport.Consumer)
    assert isinstance(app.consumer.scheduler, transport.BatchScheduler)
    assert app.conf.Topic is transport.BatchTopic
    assert isinstance(app.consumer_generation_id, int)
    assert app.consumer.in_transaction is False  # transactions are ours, not Faust's


async def test_a_fetch_becomes_one_message_per_agent(app: Any, settings: Settings) -> None:
    class Record(SimpleNamespace):
        timestamp: ClassVar[int] = 1_500
        timestamp_type: ClassVar[int] = 0

    def records(tp: TP, *offsets: int) -> list[Record]:
        return [
            Record(topic=tp.topic, partition=tp.partition, offset=offset, value=b"")
            for offset in offsets
        ]

    names = (topics.PAGE_VIEWS.name, topics.FORM_FILLS.name, topics.LEAD_EVENTS.name)
    views, forms, log = (TP(settings.topic(name), 0) for name in names)
    empty = TP(views.topic, 1)
    fetched = {
        views: records(views, 3, 4),
        empty: [],
        log: records(log, 9),
        forms: records(forms, 7),
    }

    (tp, routed), (log_tp, scored) = app.consumer.scheduler.iterate(fetched)
    message = app.consumer._to_message(tp, routed)

    assert [batch.tp for batch in routed] == [views, forms]
    assert (tp, log_tp, [batch.tp for batch in scored]) == (forms, log, [log])
    assert [list(batch) for batch in routed] == [fetched[views], fetched[forms]]
    assert (message.topic, message.partition, message.offset) == (forms.topic, 0, 7)
    assert message.timestamp == 1.5
    assert message.value is routed


# --- aiokafka: what stream/kafka/{transactions,lag,clients}.py touch ---------------------------


def test_the_pause_between_transactions_is_the_shorter_one() -> None:
    assert transactions.aiokafka_sender is aiokafka_sender
    assert aiokafka_sender.BACKOFF_OVERRIDE == 0.002
    read = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(aiokafka_sender)))
        if isinstance(node, ast.Name)
        and node.id == "BACKOFF_OVERRIDE"
        and isinstance(node.ctx, ast.Load)
    ]
    assert read, "nothing reads BACKOFF_OVERRIDE any more"


async def test_a_producer_knows_whether_its_sender_has_ended(
    settings: Settings, closed_later: Any
) -> None:
    producer = closed_later(clients.new_producer(settings))

    assert isinstance(producer._sender, aiokafka_sender.Sender)
    assert isinstance(inspect.getattr_static(aiokafka_sender.Sender, "sender_task"), property)
    assert producer._sender.sender_task is None  # a task once it is started


async def test_producers_are_transactional_or_idempotent_as_delivery_says(
    settings: Settings, closed_later: Any
) -> None:
    at_least_once = settings.model_copy(update={"delivery": "at_least_once"})

    transactional = closed_later(clients.new_producer(settings, "id-1"))
    idempotent = closed_later(clients.new_producer(settings))
    plain = closed_later(clients.new_producer(at_least_once))

    assert transactional._txn_manager.transactional_id == "id-1"
    assert idempotent._txn_manager is not None
    assert idempotent._txn_manager.transactional_id is None
    assert plain._txn_manager is None


def test_names_of_aiokafka_that_are_called() -> None:
    producer = aiokafka.AIOKafkaProducer
    assert parameters(producer.create_batch) == []
    assert parameters(producer.send_batch) == ["batch", "topic", "partition"]
    assert parameters(producer.send_offsets_to_transaction) == ["offsets", "group_id"]
    assert parameters(producer.transaction) == []
    assert parameters(producer.partitions_for) == ["topic"]
    assert parameters(AIOKafkaClient.add_topic) == ["topic"]
    assert OffsetAndMetadata._fields == ("offset", "metadata")
    assert issubclass(ProducerFenced, Exception)
    assert not inspect.iscoroutinefunction(aiokafka.AIOKafkaConsumer.partitions_for_topic)


async def test_a_reader_can_be_told_of_topics(settings: Settings, closed_later: Any) -> None:
    assert isinstance(closed_later(clients.new_reader(settings))._client, AIOKafkaClient)


async def test_a_batch_says_when_it_is_full(settings: Settings, closed_later: Any) -> None:
    batch = closed_later(clients.new_producer(settings)).create_batch()

    assert set(parameters(batch.append)) == {"key", "value", "timestamp", "headers"}
    assert batch.append(key=b"k", value=b"v", timestamp=None, headers=[]) is not None
    too_large = b"x" * clients.MAX_REQUEST_BYTES
    assert batch.append(key=b"k", value=too_large, timestamp=None, headers=[]) is None


# --- River: what online_models/logistic.py reads and writes back -------------------------------


@pytest.fixture
def river_parts() -> SimpleNamespace:
    scaler = preprocessing.StandardScaler()
    regression = linear_model.LogisticRegression(optimizer=optim.AdaGrad(0.1), l2=0.0)
    for number in range(1, 5):
        x = {"a": float(number)}
        scaler.learn_one(x)
        regression.learn_one(scaler.transform_one(x), number % 2 == 0, w=1.0)
    return SimpleNamespace(scaler=scaler, regression=regression)


def test_the_scaler_keeps_means_variances_and_counts_by_name(river_parts: Any) -> None:
    scaler = river_parts.scaler

    assert dict(scaler.means) == {"a": 2.5}
    assert dict(scaler.vars) == {"a": 1.25}
    assert dict(scaler.counts) == {"a": 4}
    assert scaler.transform_one({"a": 2.5 + 1.25**0.5})["a"] == pytest.approx(1.0)


def test_the_regression_keeps_weights_intercept_and_squares(river_parts: Any) -> None:
    regression = river_parts.regression

    assert regression.weights == dict(regression._weights)
    assert isinstance(regression.intercept, float)
    assert regression.weights["a"] != 0.0
    assert set(regression.optimizer.g2) == {"a"}
    assert regression.optimizer.n_iterations == 4
    assert regression.predict_proba_one({"a": 1.0}).keys() == {True, False}


def test_what_is_written_back_is_what_the_parts_go_on_from(river_parts: Any) -> None:
    old = river_parts
    scaler = preprocessing.StandardScaler()
    regression = linear_model.LogisticRegression(optimizer=optim.AdaGrad(0.1), l2=0.0)
    for name in ("means", "vars", "counts"):
        getattr(scaler, name).update(getattr(old.scaler, name))
    regression.intercept = old.regression.intercept
    regression._weights.update(dict(old.regression._weights))
    regression.optimizer.g2.update(old.regression.optimizer.g2)
    regression.optimizer.n_iterations = old.regression.optimizer.n_iterations

    for parts in (old, SimpleNamespace(scaler=scaler, regression=regression)):
        parts.scaler.learn_one({"a": 9.0, "b": 1.0})
        parts.regression.learn_one(parts.scaler.transform_one({"a": 9.0, "b": 1.0}), True, w=2.0)

    assert scaler.transform_one({"a": 1.0}) == old.scaler.transform_one({"a": 1.0})
    assert regression.weights == old.regression.weights
    assert regression.intercept == old.regression.intercept
    assert dict(regression.optimizer.g2) == dict(old.regression.optimizer.g2)
