"""What every test may ask for: a Kafka, and the real data beside the repository."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from kafka_fixture import BOOTSTRAP, best_kafka
from outside_tools import skip_outside_ci
from prepared_process import preparer

from stream.kafka.brokers.broker import Broker

# How long an example takes says something of the machine and of what else it does.
settings.register_profile("without_deadline", deadline=None)
if settings().deadline is not None:
    settings.load_profile("without_deadline")

# Programs of other engines, which a benchmark starts.
collect_ignore_glob = ["benchmarks/peers/*"]

DATA = Path(__file__).parent.parent.parent / "shared" / "data"

_NOTES = pytest.StashKey[list[str]]()
_USED = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[Broker]:
    """Start a broker, the same for all tests: take topics and groups of your own."""
    notes = pytestconfig.stash.setdefault(_NOTES, [])
    preparer()  # it imports while the broker starts
    with best_kafka(notes) as broker:
        pytestconfig.stash[_USED] = f"{broker.kind} {broker.version} at {broker.bootstrap}"
        yield broker


@pytest.fixture(autouse=True)
def _transactions(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("transactions") is None:
        return
    broker: Broker = request.getfixturevalue("kafka")
    if broker.has_transactions:
        return
    notes = "; ".join(request.config.stash.get(_NOTES, []))
    reason = (
        f"the {broker.kind} broker has no transactions ({notes or 'it was asked for'}): "
        f"start Docker, install Java 17 and Maven, or set {BOOTSTRAP}"
    )
    skip_outside_ci(reason)


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Find a file of real data by name; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"real data is not here: {path}")
        return path

    return find


def _needs_kafka(item: pytest.Item) -> bool:
    return item.get_closest_marker("kafka") is not None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep a file's tests in one process, and all that need a Kafka in the one that has it."""
    group = "kafka" if _needs_kafka(item) else str(item.path)
    item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests with a Kafka behind the others: these measure time, and have it to themselves."""
    items.sort(key=_needs_kafka)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the process that collects the results know which Kafka was used."""
    output: dict[str, list[str]] | None = getattr(session.config, "workeroutput", None)
    if output is not None and (used := session.config.stash.get(_USED, None)):
        output["kafka"] = [used, *session.config.stash.get(_NOTES, [])]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over which Kafka a process has used."""
    if told := getattr(node, "workeroutput", {}).get("kafka"):
        node.config.stash[_USED], *node.config.stash[_NOTES] = told


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if used := config.stash.get(_USED, None):
        passed_over = "".join(f" ({note})" for note in config.stash.get(_NOTES, []))
        terminalreporter.write_line(f"kafka: {used}{passed_over}")
