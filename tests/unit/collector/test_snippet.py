"""What web pages load: small, sends what the collector takes, and only where it may."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from outside_tools import skip_outside_ci

from stream.collector import server
from stream.collector.collecting import Collector, Delivery
from stream.collector.server import PATHS, snippet
from stream.lead.routing import Router
from stream.lead.sealing import Sealer

PAGE = Path(__file__).with_name("snippet_page.cjs")
MOST_BYTES = 2_048


def visited(folder: Path, scenario: str = "") -> dict[str, Any]:
    if shutil.which("node") is None:
        skip_outside_ci("node not found: install Node.js 20 or newer")
    file = folder / "leadstream.js"
    file.write_text(snippet(), encoding="utf-8")
    done = subprocess.run(
        ["node", str(PAGE), str(file), scenario], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def test_it_is_small() -> None:
    assert len(snippet().encode()) < MOST_BYTES
    assert (Path(server.__file__).parent / "leadstream.js").exists()


@pytest.mark.parametrize("scenario", ["", "insecure", "nostorage", "consent"])
def test_what_it_sends_is_taken(scenario: str, tmp_path: Path) -> None:
    collector = Collector(Router(b"key", Sealer(b"key")))
    sent = visited(tmp_path, scenario)["sent"]
    events = []
    for message in sent:
        assert message["writeKey"] == "a-write-key"
        call = PATHS[message.pop("url").removeprefix("https://collect.example.com")]
        collected = collector.collect(message, call, Delivery(None, 2e9, str))
        assert collected.refusal is None
        events.append(orjson.loads(collected.record.value or b""))
    shown, form, profile, trial, docs = events
    assert shown["url"] == "https://www.example.com/pricing?utm_source=google"
    assert shown["referrer"] == "https://search.example/"
    assert shown["context"]["locale"] == "de-DE"
    assert "lead_id" not in shown
    assert (form["form_id"], form["form_kind"]) == ("demo", "demo_request")
    assert form["email"] == "jane@example.com"
    assert (profile["lead_id"], profile["attributes"]) == ("lead-1", {"plan": "pro"})
    assert (trial["name"], trial["lead_id"]) == ("trial_started", "lead-1")
    assert docs["url"] == "https://www.example.com/docs"
    assert len({event["anonymous_id"] for event in events}) == 1
    assert len({event["event_id"] for event in events}) == len(events)


@pytest.mark.parametrize("scenario", ["dnt", "gpc"])
def test_who_wants_not_to_be_tracked_is_not(scenario: str, tmp_path: Path) -> None:
    assert visited(tmp_path, scenario) == {"sent": [], "stored": {}}


def test_consent_withdrawn_leaves_nothing_stored(tmp_path: Path) -> None:
    assert visited(tmp_path, "consent")["stored"] == {}
    assert set(visited(tmp_path)["stored"]) == {"leadstream_visitor", "leadstream_lead"}
