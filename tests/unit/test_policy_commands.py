import gzip
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from test_causes import log as nurtured_log
from test_policy_evaluation import decision, decisions, left_alone
from test_refit import RULES
from test_refit import log as outcomes_log
from typer.testing import CliRunner

from stream.cli.main import app, main
from stream.rules_file import read_rules
from stream.settings import DEFAULT_RULES


def run(*arguments, **env):
    settings = {f"LEADSTREAM_{name.upper()}": str(value) for name, value in env.items()}
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=settings)


def written(path, lines):
    path.write_bytes(b"\n".join(lines))
    return path


@pytest.fixture(scope="module")
def policy_log(tmp_path_factory):
    path = tmp_path_factory.mktemp("policies") / "decisions.jsonl.gz"
    lines = [b'{"type": "training_example"}', b"{", *decisions(2_000), *left_alone(100)]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    return path


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    return written(tmp_path_factory.mktemp("refit") / "events.jsonl", outcomes_log(500))


@pytest.fixture
def rules_file(tmp_path):
    return written(tmp_path / "rules.toml", [RULES.encode()])


@pytest.mark.parametrize("command", [["causes"], ["refit"], ["policy"], ["policy", "evaluate"]])
def test_help_has_an_example(command):
    assert "Example: " in run(*command, "--help").output


def test_causes_are_told_in_words_and_as_json(tmp_path):
    path = written(tmp_path / "events.jsonl", nurtured_log(effect=0.3, count=200))
    assert "WON WITHIN 20 DAYS" in run("causes", path, "--horizon-days", 20).stdout
    report = orjson.loads(run("causes", path, "--json").stdout)
    assert report["triggers"] == "log"
    assert report["matching"]["share_matched"] > 0.5


def test_a_refit_is_only_proposed(outcomes, rules_file):
    result = run("refit", outcomes, rules_file=rules_file)
    assert result.exit_code == 0
    assert "-points = 30  # wrong by design" in result.stdout
    assert read_rules(rules_file) == RULES


def test_it_is_applied_on_demand(outcomes, rules_file):
    result = run("refit", outcomes, "--apply", rules_file=rules_file)
    assert "restart the workers" in result.stderr
    assert "points = 30" not in read_rules(rules_file)


def test_as_json_it_says_whether_it_was_applied(outcomes, rules_file):
    proposed = orjson.loads(run("refit", outcomes, "--json", rules_file=rules_file).stdout)
    applied = orjson.loads(
        run("refit", outcomes, "--json", "--apply", rules_file=rules_file).stdout
    )
    assert (proposed["is_applied"], applied["is_applied"]) == (False, True)
    assert read_rules(rules_file) == applied["rules_text"] == proposed["rules_text"]


def test_the_rules_of_the_package_are_not_written(outcomes):
    before = read_rules(DEFAULT_RULES)
    result = run("refit", outcomes, "--apply")
    assert result.exit_code == 2
    assert "LEADSTREAM_RULES_FILE" in result.stderr
    assert read_rules(DEFAULT_RULES) == before


def test_a_folder_that_cannot_be_written_is_told(outcomes, rules_file, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("stream.rules_file.tempfile.mkstemp", refuse)
    result = run("refit", outcomes, "--apply", rules_file=rules_file)
    assert result.exit_code == 1
    assert "Permission denied; nothing was written" in result.stderr


def test_policies_are_shown_as_tables_and_sentences(policy_log):
    result = run("policy", "evaluate", policy_log, COLUMNS=80)
    assert result.exit_code == 0
    assert "passed over: record 2: is not JSON" in result.stdout
    for kind in ("as decided", "rules", "epsilon_greedy", "gaussian_thompson", "lin_ucb"):
        assert f"\n {kind} " in result.stdout
    assert "it may take over" in result.stdout.replace("\n", " ")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_policies_as_json_are_those_asked_for(policy_log):
    result = run(
        "policy", "evaluate", policy_log, "--policy", "lin_ucb", "--policy", "ucb1", "--json",
        exploration_ratio=0.2,
    )  # fmt: skip
    report = orjson.loads(result.stdout)
    assert [*report["policies"]] == ["lin_ucb", "ucb1"]
    assert (report["other_types"], report["broken"]) == (1, 1)
    assert report["exploration_ratio"] == 0.2
    assert report["policies"]["lin_ucb"]["is_better"]


def test_the_topic_itself_is_read_in_batches(monkeypatch):
    async def batches(settings, topic, partition):
        lines = decisions(200)
        for first in (0, 150):
            yield [
                SimpleNamespace(offset=n, value=line)
                for n, line in enumerate([*lines, b"{"][first : first + 150], start=first)
            ]
        assert (topic, partition) == ("training-examples", 0)

    monkeypatch.setattr("stream.cli.policies.read_batches", batches)
    report = orjson.loads(run("policy", "evaluate", "--from-kafka", "--json").stdout)
    assert report["decisions"] == 200
    assert report["first_faults"] == ["record 200: is not JSON"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--policy", "lin_ucp", "x"], "known are rules, random"),
        ([], "--from-kafka"),
        (["x", "--from-kafka"], "--from-kafka"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments, said):
    result = run("policy", "evaluate", *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", "").split())


@pytest.mark.parametrize("command", [["causes"], ["refit"], ["policy", "evaluate"]])
def test_a_missing_log_is_told_in_one_line(command, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["leadstream", *command, "nowhere.jsonl"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("leadstream: nowhere.jsonl: no such file")


def test_a_log_in_which_nothing_was_tried_out_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    path = written(Path(tmp_path) / "log.jsonl", [decision(n, p=1.0) for n in range(99)])
    monkeypatch.setattr("sys.argv", ["leadstream", "policy", "evaluate", str(path)])
    with pytest.raises(SystemExit):
        main()
    [line] = capsys.readouterr().err.splitlines()
    assert "LEADSTREAM_EXPLORATION_RATIO" in line
