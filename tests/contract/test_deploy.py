"""What is deployed speaks of metrics, labels and settings that exist, and on loopback only."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from stream import metrics
from stream.documentation import declared_metrics, variable
from stream.kafka.brokers.docker import IMAGE
from stream.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = DEPLOY / "Dockerfile"
RULES = [DEPLOY / "prometheus" / name for name in ("rules.yml", "slo.yml")]
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
DOCUMENTS = sorted(
    path for path in (COMPOSE, *DEPLOY.rglob("*")) if path.suffix in {".yml", ".yaml", ".json"}
)

LABELS = {name: set(m.labels) for m in declared_metrics() for name in m.series}
LABELS |= {"process_start_time_seconds": set(), "process_cpu_seconds_total": set()}
LABELS |= {"process_resident_memory_bytes": set()}
GIVEN = {"job", "instance"}
"""Labels that Prometheus adds to everything."""
WORDS = {
    *("and", "or", "unless", "on", "ignoring", "by", "without", "group_left", "group_right"),
    *("offset", "bool", "inf", "nan"),
}
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
LABEL_LIST = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)\s*\{([^}]*)\}")
DURATION = re.compile(r"\[[^]]*\]|\b\d+(?:ms|[smhdwy])\b")


def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    return [rule for document in documents for g in document["groups"] for rule in g["rules"]]


RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def expressions() -> Iterator[Any]:
    for rule in rules():
        yield pytest.param(rule["expr"], id=rule.get("alert") or rule["record"])
    for path in DASHBOARDS:
        for panel in panels(json.loads(path.read_text(encoding="utf-8"))):
            for target in panel.get("targets", []):
                yield pytest.param(
                    target["expr"], id=f"{path.stem}-{panel['title']}-{target['refId']}"
                )


def metric_names(expression: str) -> set[str]:
    """Return the names in a PromQL expression that are no function, keyword or label."""
    rest = STRING.sub("", expression)
    rest = SELECTOR.sub(r"\1", LABEL_LIST.sub("", rest))
    rest = DURATION.sub("", rest)
    names = re.findall(r"(?<![\w.])[A-Za-z_:][A-Za-z0-9_:]*\b(?!\s*\()", rest)
    return {name for name in names if name not in WORDS}


def test_names_are_told_from_functions_labels_and_words() -> None:
    expression = (
        'sum by (role, le) (rate(a_bucket{role="route b", x!~"c"}[$__rate_interval])) > 1e3 '
        "and on (model) (d_total offset 1h or vector(0)) unless e > group_left () f[5m:1m]"
    )

    assert metric_names(expression) == {"a_bucket", "d_total", "e", "f"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_parse(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert json.loads(text) if path.suffix == ".json" else all(yaml.safe_load_all(text))


@pytest.mark.parametrize("expression", list(expressions()))
def test_metrics_asked_for_are_declared(expression: str) -> None:
    names = metric_names(expression) - {"up"} - RECORDED

    assert names <= set(LABELS), f"not in stream/metrics.py: {sorted(names - set(LABELS))}"


@pytest.mark.parametrize("expression", list(expressions()))
def test_labels_asked_for_are_declared(expression: str) -> None:
    names = metric_names(expression) - {"up"} - RECORDED
    bare = STRING.sub("", expression)

    for name, matchers in SELECTOR.findall(bare):
        asked = set(re.findall(r"[a-z_]+", matchers))
        known = GIVEN | ({"le"} if name.endswith("_bucket") else set())
        assert asked <= LABELS.get(name, set()) | known, f"{name} has no such label: {asked}"
    grouped = {
        label.strip() for found in LABEL_LIST.findall(bare) for label in found.split(",")
    } - {""}
    known = GIVEN.union({"le"}, *(LABELS[name] for name in names))
    assert grouped <= known, f"no metric of this expression has {sorted(grouped - known)}"


def test_every_metric_is_watched_or_shown() -> None:
    asked = set[str]().union(*(metric_names(param.values[0]) for param in expressions()))

    for metric in declared_metrics():
        assert asked.intersection(metric.series), (
            f"{metric.name} is in no rule and on no dashboard: show it, or do without it"
        )


def test_names_of_samples_are_those_that_metrics_answers_with() -> None:
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase) and not metric._labelnames:
            samples = {s.name for family in metric.collect() for s in family.samples}
            assert {name for name in samples if not name.endswith("_created")} <= set(LABELS)


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]

    assert len({alert["alert"] for alert in alerts}) == len(alerts)
    for rule in alerts:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        for annotation in ("summary", "description", "runbook_url"):
            assert rule["annotations"][annotation].strip(), f"{rule['alert']}: {annotation}"
        for text in rule["annotations"].values():
            for name in re.findall(r"LEADSTREAM_[A-Z_]+", text):
                assert name in variables(), f"{rule['alert']} speaks of {name}"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_panels_are_explained_and_ask_the_provisioned_source(path: Path) -> None:
    sources = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8")
    )
    known = {source["uid"] for source in sources["datasources"]}
    found = list(panels(json.loads(path.read_text(encoding="utf-8"))))

    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith("."), panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} <= known


def variables() -> set[str]:
    return {variable(field) for field in Settings.model_fields}


@pytest.mark.parametrize("path", [COMPOSE, DOCKERFILE], ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    asked = set(re.findall(r"\bLEADSTREAM_[A-Z0-9_]+", path.read_text(encoding="utf-8")))

    assert asked, f"{path.name} sets nothing?"
    assert asked <= variables(), f"no such settings: {sorted(asked - variables())}"


def test_compose_values_are_accepted_as_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in ("topics", "worker", "collector", "deliverer", "personalizer"):
        for name, value in compose()["services"][service]["environment"].items():
            default = re.fullmatch(r"\$\{\w+:-(.*)\}", value)
            monkeypatch.setenv(name, default[1] if default else value)
        assert Settings().kafka_bootstrap == "kafka:19092"
    assert Settings().web_host == "0.0.0.0"  # noqa: S104 - in a container of its own


def test_ports_are_published_on_loopback_only() -> None:
    published = [
        port for service in compose()["services"].values() for port in service.get("ports", [])
    ]

    assert published
    for port in published:
        assert isinstance(port, str), f"{port}: write 127.0.0.1:HOST:CONTAINER"
        assert port.startswith("127.0.0.1:"), f"{port} is open to the network"
    for service in compose()["services"].values():
        assert service.get("network_mode") != "host"


def test_images_are_pinned() -> None:
    images = [service["image"] for service in compose()["services"].values()]
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)

    for image in images + bases:
        name, _, tag = image.partition(":")
        assert name == "leadstream" or re.search(r"\d+\.\d+", tag), f"{image}: name a version"
    assert compose()["services"]["kafka"]["image"] == IMAGE


def test_the_worker_is_healthy_when_it_is_ready_and_starts_after_its_topics() -> None:
    services = compose()["services"]

    assert re.search(
        r"^HEALTHCHECK [^A-Z]*CMD .*/health/ready", DOCKERFILE.read_text(), re.MULTILINE
    )
    assert services["topics"]["command"] == ["topics"]
    for name in ("worker", "collector", "deliverer", "personalizer"):
        assert "healthcheck" not in services[name], "the image has one"
        assert services[name]["depends_on"]["topics"]["condition"] == (
            "service_completed_successfully"
        )


def test_containers_of_leadstream_may_write_to_a_folder_in_memory_only() -> None:
    for name in ("topics", "worker", "collector", "deliverer", "personalizer"):
        service = compose()["services"][name]

        assert service["read_only"]
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - of the container
        assert service["cap_drop"] == ["ALL"]


def test_the_worker_in_its_container_is_not_root() -> None:
    last_stage = DOCKERFILE.read_text(encoding="utf-8").rpartition("\nFROM ")[2]

    assert re.search(r"^USER (?!0\b|root\b)\S+", last_stage, re.MULTILINE)


def test_the_image_gets_all_that_the_wheel_is_built_from() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE
    )

    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored, f".dockerignore keeps {name} out"


def test_files_that_are_mounted_are_here() -> None:
    defaults = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", COMPOSE.read_text(encoding="utf-8"))
    volumes = [
        volume
        for service in yaml.safe_load(defaults)["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]

    assert volumes
    for volume in volumes:
        assert (ROOT / volume.partition(":")[0]).is_dir(), volume
