"""The manifests are valid, run with what leadstream has, and keep no secret."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import SecretStr
from typer.main import get_command

from schemas import topics
from stream.app import STOP_S
from stream.cli.main import app
from stream.documentation import variable
from stream.settings import SECRETS_DIR, Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATIONS = sorted(FOLDER.rglob("kustomization.yaml"))
VERSION = "1.31"
"""The oldest version of Kubernetes that the manifests are for."""
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def documents() -> Iterator[dict[str, Any]]:
    for path in sorted(FOLDER.rglob("*.yaml")):
        if path not in KUSTOMIZATIONS:
            yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def kustomization(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def of_kind(*kinds: str) -> list[Any]:
    return [
        pytest.param(found, id=f"{found['kind']}-{found['metadata']['name']}")
        for found in documents()
        if found["kind"] in kinds
    ]


def settings_of(kustomized: dict[str, Any]) -> dict[str, str]:
    literals = [
        literal
        for generator in kustomized.get("configMapGenerator", [])
        for literal in generator.get("literals", [])
    ]
    return dict(literal.split("=", 1) for literal in literals)


BASE = settings_of(kustomization(FOLDER / "base" / "kustomization.yaml"))
WORKLOADS = of_kind("Deployment", "Job")
OF_KUBERNETES = {document["kind"] for document in documents()} - {"ScaledObject"}
VARIABLES = {variable(field) for field in Settings.model_fields}


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    return workload["spec"]["template"]["spec"]


@pytest.mark.parametrize("document", of_kind(*OF_KUBERNETES))
def test_manifests_are_what_kubernetes_takes(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda p: p.parent.name)
def test_what_is_listed_is_here_and_what_is_here_is_listed(path: Path) -> None:
    found = kustomization(path)
    listed = {
        os.path.normpath(path.parent / name)
        for name in [*found.get("resources", []), *found.get("components", [])]
    }
    here = {str(p) for p in path.parent.glob("*.yaml") if p != path}

    assert all(Path(name).exists() for name in listed)
    assert here == {name for name in listed if name.endswith(".yaml")}
    for generator in found.get("configMapGenerator", []):
        assert all((path.parent / name).is_file() for name in generator.get("files", []))


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda p: p.parent.name)
def test_values_are_accepted_as_settings(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings_of(kustomization(path))

    assert set(given) <= VARIABLES | {SECRETS_DIR}
    for name in given.keys() - {SECRETS_DIR}:
        monkeypatch.setenv(name, given[name])
    Settings()


@pytest.mark.parametrize("workload", WORKLOADS)
def test_pods_may_do_no_more_than_they_need(workload: dict[str, Any]) -> None:
    pod = pod_of(workload)
    (container,) = pod["containers"]

    assert not pod["automountServiceAccountToken"]
    assert not pod["enableServiceLinks"], "their variables would look like settings"
    assert pod["securityContext"]["runAsNonRoot"]
    assert re.search(rf"^USER {pod['securityContext']['runAsUser']}$", DOCKERFILE, re.MULTILINE)
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"requests", "limits"} == set(container["resources"])
    writable = {m["name"] for m in container["volumeMounts"] if not m.get("readOnly")}
    volumes = {v["name"]: v for v in pod["volumes"]}
    assert all("emptyDir" in volumes[name] for name in writable)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_commands_and_settings_are_those_of_leadstream(workload: dict[str, Any]) -> None:
    (container,) = pod_of(workload)["containers"]

    assert container["args"][0] in get_command(app).list_commands(None)  # type: ignore[attr-defined]
    assert {one["name"] for one in container.get("env", [])} <= VARIABLES
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    assert mounts["secrets"] == BASE[SECRETS_DIR]


@pytest.mark.parametrize("deployment", of_kind("Deployment"))
def test_a_pod_that_goes_has_the_time_that_ending_takes_and_another_is_there_before(
    deployment: dict[str, Any],
) -> None:
    # The engine, the follower of models, the console and the web server end after one another.
    assert pod_of(deployment)["terminationGracePeriodSeconds"] >= 4 * STOP_S
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize("deployment", of_kind("Deployment"))
def test_ports_and_probes_are_what_is_served(deployment: dict[str, Any]) -> None:
    (container,) = pod_of(deployment)["containers"]
    defaults = {"metrics": Settings().web_port, "events": Settings().collect_port}

    for port in container["ports"]:
        assert port["containerPort"] == defaults[port["name"]]
        assert re.search(rf"^EXPOSE .*\b{port['containerPort']}\b", DOCKERFILE, re.MULTILINE)
    for probe, path in (("startup", "live"), ("liveness", "live"), ("readiness", "ready")):
        assert container[f"{probe}Probe"]["httpGet"] == {
            "path": f"/health/{path}",
            "port": "metrics",
        }


def test_selectors_find_pods() -> None:
    labels = [
        d["spec"]["template"]["metadata"]["labels"]
        for d in documents()
        if "template" in d.get("spec", {})
    ]
    for found in documents():
        spec = found.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector")
        wanted = (selector or {}).get("matchLabels", selector)
        if wanted:
            assert any(wanted.items() <= pod.items() for pod in labels), found["metadata"]


def test_autoscaling_goes_by_the_lag_of_the_workers_group() -> None:
    (scaled,) = [d for d in documents() if d["kind"] == "ScaledObject"]
    names = {topic.name for topic in topics.TOPICS}

    assert scaled["spec"]["maxReplicaCount"] == int(BASE["LEADSTREAM_PARTITIONS"])
    for trigger in scaled["spec"]["triggers"]:
        asked = trigger["metadata"]
        assert asked["topic"] in names
        assert asked["consumerGroup"] == Settings().app_id
        assert asked["bootstrapServers"] == BASE["LEADSTREAM_KAFKA_BOOTSTRAP"]


def test_no_secret_is_here() -> None:
    secret = {
        variable(name)
        for name, field in Settings.model_fields.items()
        if field.annotation is SecretStr
    }

    assert len(secret) > 5
    assert not of_kind("Secret")
    for path in FOLDER.rglob("*"):
        if path.is_file():
            assert not secret.intersection(
                re.findall(r"LEADSTREAM_[A-Z_]+", path.read_text("utf-8"))
            )
