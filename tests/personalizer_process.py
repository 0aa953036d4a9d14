"""A personalizer as operators run it, and Azure Personalizer's own client for it."""

from typing import Any

import requests
from azure.cognitiveservices.personalizer import PersonalizerClient
from collector_process import CollectorHandle
from msrest.authentication import CognitiveServicesCredentials

KEY = "a-key-of-these-tests"


def rank_body() -> dict[str, Any]:
    """Return a request as it crosses the wire."""
    return {"actions": [{"id": name, "features": []} for name in ("a", "b")]}


class PersonalizerHandle(CollectorHandle):
    """A running personalizer."""

    command = "personalizer"
    announces = "ranks at "

    @property
    def learned(self) -> int:
        """How many rewards it had learned when it began."""
        (line,) = [t for t in self.log.read_text().splitlines() if self.announces in t]
        return int(line.split(", ")[1].split(" ")[0])

    def metrics(self) -> list[str]:
        """Return the lines of its metrics."""
        return requests.get(self.metrics_url, timeout=10).text.splitlines()

    def metric(self, start: str) -> float:
        """Return the value of the one line that begins so."""
        (line,) = [text for text in self.metrics() if text.startswith(start)]
        return float(line.split(" ")[1])

    def client(self, key: str = KEY) -> PersonalizerClient:
        return PersonalizerClient(self.url, CognitiveServicesCredentials(key))
