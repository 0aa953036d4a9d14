"""Azure Personalizer's own client against a running personalizer and real Kafka; and kills."""

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.cognitiveservices.personalizer.models import (
    ErrorResponseException,
    RankableAction,
    RankRequest,
)
from personalizer_process import KEY, PersonalizerHandle
from worker_process import environment, own_settings, ran, same_but

from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.settings import Settings

WAIT_S = 5.0
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture
def settings(kafka: Broker) -> Settings:
    found = own_settings(
        kafka,
        clock="wall",
        personalizer_port=0,
        personalizer_keys=KEY,
        personalizer_reward_wait_s=WAIT_S,
        collect_timeout_s=1.0,
    )
    asyncio.run(ensure_topics(found))
    return found


@pytest.fixture
def running(settings: Settings, tmp_path: Path) -> Iterator[PersonalizerHandle]:
    handle = PersonalizerHandle(settings, tmp_path / "personalizer.log")
    yield handle
    handle.stop()


ACTIONS = [
    RankableAction(id="price", features=[{"kind": "offer"}]),
    RankableAction(id="story", features=[{"kind": "text", "words": 900}]),
    RankableAction(id="demo", features=[{"kind": "offer", "live": True}]),
]


def asked(role: str, **more: Any) -> RankRequest:
    return RankRequest(actions=ACTIONS, context_features=[{"user": {"role": role}}], **more)


def outcomes(handle: PersonalizerHandle) -> dict[str, float]:
    lines = [t for t in handle.metrics() if t.startswith("leadstream_personalizer_outcomes_total{")]
    return {line.split('"')[1]: float(line.split(" ")[1]) for line in lines}


def until(condition: Any, deadline_s: float = 60.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, condition
        time.sleep(0.1)


def test_azures_client_ranks_rewards_and_is_ranked_better_after(running: PersonalizerHandle):
    client, chance = running.client(), random.Random(3)
    wanted = {"buyer": "price", "user": "story"}
    for number in range(300):
        role = chance.choice(sorted(wanted))
        answer = client.rank(asked(role, event_id=f"e/{number} ü"))
        assert answer.event_id == f"e/{number} ü"
        assert sum(a.probability for a in answer.ranking) == pytest.approx(1.0)
        assert answer.ranking[0].id == answer.reward_action_id
        if answer.reward_action_id == wanted[role]:
            client.events.reward(answer.event_id, 1.0)
    until(lambda: sum(outcomes(running).values()) >= 300)
    for role, action in wanted.items():
        probabilities = {a.id: a.probability for a in client.rank(asked(role)).ranking}
        assert probabilities[action] > 0.8, (role, probabilities)


def test_excluded_actions_keep_their_place_and_are_never_taken(running: PersonalizerHandle):
    client = running.client()
    for _ in range(20):
        answer = client.rank(asked("buyer", excluded_actions=["price"]))
        assert answer.ranking[0].id == "price"
        assert answer.ranking[0].probability == 0.0
        assert answer.reward_action_id == answer.ranking[1].id != "price"


def test_what_is_deferred_teaches_only_once_it_is_shown(running: PersonalizerHandle):
    client = running.client()
    shown, hidden = (client.rank(asked("user", defer_activation=True)) for _ in range(2))
    client.events.activate(shown.event_id)
    for answer in (shown, hidden):
        client.events.reward(answer.event_id, 0.5)
    until(lambda: sum(outcomes(running).values()) >= 2)
    assert outcomes(running) == {"rewarded": 1.0, "not_shown": 1.0}


def test_what_is_refused_is_said_as_azure_says_it(running: PersonalizerHandle):
    with pytest.raises(ErrorResponseException) as found:
        running.client("wrong").rank(asked("user"))
    assert found.value.response.status_code == 401
    with pytest.raises(ErrorResponseException) as found:
        running.client().rank(asked("user", excluded_actions=["nobody"]))
    error = found.value.error.error
    assert (error.code, error.target) == ("BadRequest", "excludedActions")
    assert error.message == (
        "excludedActions: 'nobody' is none of the actions; name those that are"
    )
    client = running.client()
    client.rank(asked("user", event_id="once"))
    with pytest.raises(ErrorResponseException, match="eventId: 'once' is that of another"):
        client.rank(asked("buyer", event_id="once"))


def test_what_was_answered_outlives_a_kill(settings: Settings, tmp_path: Path):
    settings = same_but(settings, personalizer_reward_wait_s=20.0)
    acknowledged, answers = 0, {}
    for number in range(3):
        handle = PersonalizerHandle(settings, tmp_path / f"{number}.log")
        client = handle.client()
        for event_id, answer in answers.items():  # sent again, it is answered as before
            again = client.rank(asked("user", event_id=event_id))
            assert again.reward_action_id == answer.reward_action_id
            client.events.reward(event_id, 1.0)
        answers = {}
        for each in range(40):
            event_id = f"{number}-{each}"
            answers[event_id] = client.rank(asked("user", event_id=event_id))
            acknowledged += 1
        handle.kill()
    handle = PersonalizerHandle(settings, tmp_path / "settling.log")
    until(lambda: handle.metric("leadstream_personalizer_pending ") == 0.0)
    handle.kill()
    handle = PersonalizerHandle(settings, tmp_path / "last.log")
    assert handle.learned == acknowledged
    handle.stop()


def test_without_a_key_nobody_is_answered(settings: Settings):
    found = ran({**environment(settings), "LEADSTREAM_PERSONALIZER_KEYS": ""}, "personalizer")
    assert found.returncode == 1
    assert "LEADSTREAM_PERSONALIZER_KEYS is empty" in found.stderr
