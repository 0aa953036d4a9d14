"""A command that fails says why in one line, and ends with 1."""

from importlib import import_module

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, NotLeaderForPartitionError

main = import_module("stream.cli.main")  # the package has a function of that name


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KafkaConnectionError("no brokers"), "check LEADSTREAM_KAFKA_BOOTSTRAP"),
        (KafkaTimeoutError("too slow"), "(KafkaTimeoutError: "),
        (NotLeaderForPartitionError(), "(NotLeaderForPartitionError"),
    ],
)
def test_what_kafka_could_not_do_is_one_line(error, told, monkeypatch, capsys):
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("leadstream: Kafka")
    assert told in line
