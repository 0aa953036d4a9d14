"""What a worker that serves the console needs more of Kafka, and only then."""

from typing import Any

import pytest

from schemas import topics
from stream.rights import rights
from stream.settings import Settings


def reads(**changed: Any) -> dict[str, set[str]]:
    found = rights(Settings(**changed), ["score"], "u")
    return {r.name: set(r.operations) for r in found if r.resource == "topic"}


@pytest.mark.parametrize("which", [topics.LEAD_SCORES, topics.DEAD_LETTERS, topics.ERASURES])
def test_outputs_are_read_for_the_console_alone(which: topics.Topic) -> None:
    assert "Read" not in reads()[which.name]
    assert "Read" in reads(console=True)[which.name]


def test_models_are_written_only_where_a_token_lets_people_decide() -> None:
    name = topics.MODEL_SNAPSHOTS.name
    assert "Write" not in reads(console=True)[name]
    assert "Write" in reads(console=True, web_token="a-token")[name]  # noqa: S106 - of this test
