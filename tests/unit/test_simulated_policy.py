"""A policy's file and the version that it becomes: who may serve it, and what is refused."""

from random import Random

import orjson
import pytest
from simulated_actions import ACTIONS, catalogue, untrained_policy
from typer.testing import CliRunner

from stream.cli.main import app
from stream.lead.actions import parse_catalogue
from stream.lead.learner import serving_record
from stream.lead.policy_learner import PolicyLearner
from stream.lead.versions import kind_of, version_of
from stream.models import NEXT_ACTION, SIMULATED, SnapshotStore
from stream.simulated_policy import (
    PolicyFileError,
    check_catalogue,
    pin_record,
    read_policy,
    rules_records,
    version_record,
)
from stream.simulator.world import WorldParameters

POLICY = untrained_policy()


def stored(*records):
    store = SnapshotStore()
    for record in records:
        store.put(record.key.decode(), record.value)
    return store


def changed(**fields):
    return orjson.dumps({**orjson.loads(POLICY.to_bytes()), **fields})


def run(*arguments, **env):
    settings = {f"LEADSTREAM_{name.upper()}": str(value) for name, value in env.items()}
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=settings)


def said(result):
    """Return an error as it reads without the frame that it is shown in."""
    return " ".join(result.output.replace("│", " ").split())


def test_a_file_is_read_back_as_it_was_written():
    assert read_policy(POLICY.to_bytes(), "policy.json") == POLICY


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"{", "policy.json is no policy trained in simulation: write it anew with `leadstream"),
        (b'{"type": "model_snapshot"}', "is no policy trained in simulation"),
        (changed(schema_version=2), "is of schema 2, this release reads 1"),
        (changed(candidates=None), "is broken"),
        (changed(policy={}), "is broken"),
        (changed(policy={**POLICY.policy, "kind": "q_learning"}), "is broken"),
        (changed(policy={**POLICY.policy, "library": "numpy 1"}), "is broken"),
        (changed(more=1), "is broken"),
    ],
)
def test_what_is_no_policy_is_refused(value, message):
    with pytest.raises(PolicyFileError, match=message):
        read_policy(value, "policy.json")


def test_its_own_catalogue_has_it():
    check_catalogue(POLICY, catalogue())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ACTIONS.replace('"webinar"', '"seminar"'), "among webinar; it does not know seminar"),
        (ACTIONS.replace('"plain", "social_proof"', '"plain"'), "among content:social_proof"),
        (ACTIONS.replace('["plain", ', '["loss", "plain", '), "does not know content:loss"),
    ],
)
def test_another_catalogue_refuses_it(text, message):
    with pytest.raises(PolicyFileError, match=message):
        check_catalogue(POLICY, parse_catalogue(text))


def test_the_same_content_is_the_same_version():
    version, _ = version_record(POLICY, 0.1)
    assert kind_of(version) == SIMULATED
    assert version == version_record(read_policy(POLICY.to_bytes(), "again"), 0.1)[0]
    others = version_record(POLICY, 0.2), version_record(untrained_policy(seed=1), 0.1)
    assert len({version, *(other for other, _ in others)}) == 3


def test_pinned_it_serves_and_released_the_learners_newest_does():
    learner = PolicyLearner("lin_ucb", 0.1)
    version, snapshot = version_record(POLICY, 0.1)
    store = stored(learner.snapshot(), serving_record(NEXT_ACTION, "serving", learner.version))
    store.put(snapshot.key.decode(), snapshot.value)
    assert store.serving(NEXT_ACTION) == learner.version
    pin = pin_record(version)
    store.put(pin.key.decode(), pin.value)
    assert store.serving(NEXT_ACTION) == version
    x = {"rule": "absence", "score": 0.4}
    choice = store.acting(version).act(x, ["webinar", "nothing"], Random(0))
    assert min(choice.probabilities.values()) == pytest.approx(0.05)
    store.put(pin.key.decode(), None)
    assert store.serving(NEXT_ACTION) == learner.version


def test_released_before_any_policy_has_learned_the_rules_serve_again():
    version, snapshot = version_record(POLICY, 0.1)
    pin = pin_record(version)
    store = stored(*rules_records(0.1), snapshot, pin)
    assert store.serving(NEXT_ACTION) == version
    store.put(pin.key.decode(), None)
    assert store.serving(NEXT_ACTION) == "rules-0"
    choice = store.acting("rules-0").act({}, ["webinar", "nothing"], Random(0))
    assert choice.probabilities["webinar"] == pytest.approx(0.95)


def test_it_is_the_last_to_be_cleared_away_and_never_taken_for_a_learners_dqn():
    version, snapshot = version_record(POLICY, 0.1)
    store = stored(snapshot)
    learner = PolicyLearner("dqn", 0.1)
    document = orjson.loads(learner.snapshot().value)
    for offset in (0, 10, 10**9):
        name = version_of("dqn", offset)
        store.put(f"{NEXT_ACTION}/{name}", orjson.dumps(document | {"version": name}))
    assert store.versions(NEXT_ACTION)[-1] == version
    assert version not in store.versions(NEXT_ACTION, "dqn")


def test_a_broken_version_is_refused_when_it_is_first_used():
    version, snapshot = version_record(POLICY, 0.1)
    body = orjson.loads(snapshot.value)
    body["state"]["policy"]["acting"] = "AAAA"
    store = stored(snapshot._replace(value=orjson.dumps(body)))
    assert store.acting(version) is None


@pytest.mark.parametrize("command", ["train", "publish"])
def test_help_has_an_example(command):
    assert "Example: " in run("policy", command, "--help").output


def test_publishing_refuses_before_it_asks_kafka(tmp_path):
    path = tmp_path / "policy.json"
    result = run("policy", "publish", path)
    assert (result.exit_code, "No such file" in said(result)) == (2, True)
    path.write_bytes(POLICY.to_bytes())
    assert "of another catalogue" in said(run("policy", "publish", path))
    actions = tmp_path / "actions.toml"
    actions.write_text(ACTIONS)
    small = run("policy", "publish", path, actions_file=actions, snapshot_limit_bytes=1_024)
    assert "LEADSTREAM_SNAPSHOT_LIMIT_BYTES" in said(small)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the simulator does not know sales_alert"),
        (["--like", "sales_alert"], "give ACTION=SIMULATED"),
        (["--like", "sales_alert=fax"], "to be like 'fax'"),
        (["--world", "{tmp}/none.json"], "No such file"),
        (["--world", "{tmp}/list.json"], "is no world"),
        (["--world", "{tmp}/bad.json"], "these are no parameters of the world"),
    ],
)
def test_training_refuses_before_it_begins(tmp_path, arguments, message):
    (tmp_path / "list.json").write_text("[]")
    bad = {"parameters": WorldParameters().to_json() | {"activity": -1.0}}
    (tmp_path / "bad.json").write_bytes(orjson.dumps(bad))
    result = run("policy", "train", *(text.format(tmp=tmp_path) for text in arguments))
    assert result.exit_code == 2
    assert message in said(result)


def test_it_writes_only_into_a_folder_that_is_there(tmp_path):
    actions = tmp_path / "actions.toml"
    actions.write_text(ACTIONS)
    result = run("policy", "train", "--out", tmp_path / "none" / "p.json", actions_file=actions)
    assert "is no directory" in said(result)
