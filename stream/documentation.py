"""The README's tables, made from what the code declares and benchmarks have found.

``python -m stream.documentation README.md`` writes them between their markers; with
``--check`` it only says whether they are fresh.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from schemas import topics
from stream import metrics
from stream.bench.results import benchmark_rows
from stream.exit_codes import ExitCode
from stream.settings import Settings

PACKAGES = Path(__file__).parent.parent
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
_UNITS_S = ((topics.DAY_S, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


class DocumentationError(ValueError):
    """A document has no place for a table; the message says which markers to put in."""


class DeclaredMetric(NamedTuple):
    """A metric as readers of ``/metrics`` see it.

    ``name`` has a counter's ``_total``; ``series`` are the names that samples carry.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    sentence: str
    series: tuple[str, ...]


def declared_metrics() -> list[DeclaredMetric]:
    """Return every metric that ``stream.metrics`` declares, in its order.

    Examples
    --------
    >>> first = declared_metrics()[0]
    >>> first.name, first.labels
    ('leadstream_events_total', ('role', 'type', 'outcome'))
    """
    found = []
    for metric in vars(metrics).values():
        if not isinstance(metric, MetricWrapperBase):
            continue
        (family,) = metric.describe()
        series = tuple(f"{family.name}{suffix}" for suffix in _SUFFIXES[family.type])
        found.append(
            DeclaredMetric(
                series[0] if family.type == "counter" else family.name,
                family.type,
                tuple(metric._labelnames),
                family.documentation,
                series,
            )
        )
    return found


def variable(field: str) -> str:
    """Return the environment variable of a setting.

    >>> variable("hot_at")
    'LEADSTREAM_HOT_AT'
    """
    return f"{Settings.model_config['env_prefix']}{field}".upper()


def settings_table() -> str:
    """Return the settings as a markdown table: variable, default, sentence and choices."""
    return _table(
        ("setting", "default", "what it is"),
        (
            (f"`{variable(name)}`", _default(field), _sentence(field))
            for name, field in Settings.model_fields.items()
        ),
    )


def metrics_table() -> str:
    """Return the metrics as a markdown table: name, kind, labels and sentence."""
    return _table(
        ("metric", "kind", "labels", "what it says"),
        (
            (f"`{m.name}`", m.kind, ", ".join(f"`{label}`" for label in m.labels), m.sentence)
            for m in declared_metrics()
        ),
    )


def topics_table() -> str:
    """Return the topics as a markdown table: name, direction, key, partitions, retention."""
    return _table(
        ("topic", "direction", "key", "partitions", "kept", "what it carries"),
        (
            (
                f"`{topic.name}`",
                topic.direction,
                topic.key,
                str(topic.partitions or f"`{variable('partitions')}`"),
                _kept(topic),
                topic.description,
            )
            for topic in topics.TOPICS
        ),
    )


def benchmarks_table() -> str:
    """Return what was measured as a markdown table: what, figure and command."""
    return _table(("what", "figure", "command"), benchmark_rows())


def exit_codes_table() -> str:
    """Return what exit codes say as a markdown table."""
    return _table(("exit code", "what it says"), ((str(int(c)), c.sentence) for c in ExitCode))


TABLES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "benchmarks": benchmarks_table,
        "exit-codes": exit_codes_table,
        "settings": settings_table,
        "topics": topics_table,
        "metrics": metrics_table,
    }
)
"""Name of the markers -> what belongs between them."""


def block(document: str, name: str) -> str:
    """Return what stands between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises
    ------
    DocumentationError
        If the document does not have each marker once, in this order.

    Examples
    --------
    >>> block("Topics: <!-- topics -->none<!-- /topics -->", "topics")
    'none'
    """
    return _place(document, name).group(1)


def rewritten(document: str) -> str:
    """Return a document with the tables of today between its markers.

    Raises
    ------
    DocumentationError
        If a pair of markers is missing.
    """
    for name, table in TABLES.items():
        start, end = _place(document, name).span(1)
        document = f"{document[:start]}\n{table()}\n{document[end:]}"
    return document


def _place(document: str, name: str) -> re.Match[str]:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    found = re.search(f"{re.escape(begin)}(.*?){re.escape(end)}", document, re.DOTALL)
    if found is None or document.count(begin) != 1 or document.count(end) != 1:
        raise DocumentationError(
            f"the document needs {begin} and {end} once each, in this order: put them where the "
            f"table of {name} belongs"
        )
    return found


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(_lines(head, rows))


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == "":
        return ""
    if isinstance(value, Path) and value.is_relative_to(PACKAGES):
        value = value.relative_to(PACKAGES).as_posix()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{value}`"


def _sentence(field: FieldInfo) -> str:
    choices = _choices(field.annotation)
    listed = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    return f"{field.description or ''}{listed}"


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _kept(topic: topics.Topic) -> str:
    if topic.cleanup == "compact":
        return "the newest of each key"
    newest = "the newest of each key, " if "compact" in topic.cleanup else ""
    if topic.retention_s is None:
        return "forever"
    size, unit = next(u for u in _UNITS_S if topic.retention_s % u[0] == 0)
    count = topic.retention_s // size
    return f"{newest}{count} {unit}{'' if count == 1 else 's'}"


def main(arguments: list[str]) -> int:
    """Write or check the tables of a document; return the exit code."""
    check = "--check" in arguments
    names = [argument for argument in arguments if argument != "--check"]
    if len(names) != 1:
        print("usage: python -m stream.documentation [--check] README.md", file=sys.stderr)
        return 2
    path = Path(names[0])
    try:
        before = path.read_text(encoding="utf-8")
        after = rewritten(before)
    except (OSError, DocumentationError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    if before == after:
        return 0
    if check:
        print(f"{path}: its tables are stale; run `make readme`", file=sys.stderr)
        return 1
    path.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
