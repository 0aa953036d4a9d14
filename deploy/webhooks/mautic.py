"""A receiver of triggers that tells Mautic: points to the contact, and a place in a segment.

    pip install aiohttp standardwebhooks
    export MAUTIC_URL=https://mautic.example.com MAUTIC_USER=… MAUTIC_PASSWORD=…
    export MAUTIC_SEGMENTS='{"nurture_email": 4, "win_back_email": 7}' WEBHOOK_SECRET=whsec_…
    python mautic.py

In Mautic: API and HTTP basic auth enabled, a user that may edit contacts and segments, and a
contact field `lead_id` that holds the id that leadstream knows the lead by. A campaign on each
segment does the rest. Points are added once: ids of triggers that were done are kept in a file.
"""

import json
import os
import sqlite3
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

POINTS = {"hot": 10, "warm": 5}
"""Of a lead's tier when the trigger fired."""
KEPT = "-14 days"
"""Longer than leadstream sends a message again."""


class MauticError(RuntimeError):
    """Mautic has not done what it was asked; the message says what."""


class Mautic:
    """The few calls of Mautic's REST API that are needed."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"},
            timeout=aiohttp.ClientTimeout(total=10),
        )

    async def close(self) -> None:
        """Close connections."""
        await self._session.close()

    async def contact_of(self, lead_id: str) -> int | None:
        """Return the id of the contact with this `lead_id`; None where there is none."""
        if '"' in lead_id:
            return None  # it would be a search of its own
        asked = {"search": f'lead_id:"{lead_id}"', "limit": "30"}
        found = await self._call("GET", "/api/contacts", params=asked)
        contacts = found.get("contacts") or {}  # an empty list where there is none
        for contact_id, contact in contacts.items():
            if contact["fields"]["all"].get("lead_id") == lead_id:  # a search finds similar ones
                return int(contact_id)
        return None

    async def add_points(self, contact: int, points: int) -> None:
        """Add points to a contact."""
        await self._call("POST", f"/api/contacts/{contact}/points/plus/{points}")

    async def add_to_segment(self, contact: int, segment: int) -> None:
        """Put a contact into a segment; once more changes nothing."""
        await self._call("POST", f"/api/segments/{segment}/contact/{contact}/add")

    async def _call(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        try:
            async with self._session.request(method, self._url + path, **asked) as answer:
                if answer.status >= 300:
                    raise MauticError(f"{method} {path}: {answer.status}")
                found: dict[str, Any] = await answer.json()
                return found
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise MauticError(f"{method} {path}: {type(error).__name__}") from error


class Done:
    """Ids of triggers that were done, on disk."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY, at TEXT)")

    def __contains__(self, webhook_id: object) -> bool:
        asked = "SELECT 1 FROM done WHERE id = ?"
        return self._database.execute(asked, (webhook_id,)).fetchone() is not None

    def add(self, webhook_id: str) -> None:
        """Keep an id, and forget what is long done."""
        self._database.execute(
            "INSERT OR IGNORE INTO done VALUES (?, datetime('now'))", (webhook_id,)
        )
        self._database.execute("DELETE FROM done WHERE at < datetime('now', ?)", (KEPT,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


async def handle(
    webhook_id: str, message: dict[str, Any], mautic: Mautic, done: Done, segments: dict[str, int]
) -> web.Response:
    """Do what a message asks for; any answer but 2xx has leadstream send it again later."""
    if message["type"] != "nurture_triggered" or webhook_id in done:
        return web.Response(status=204)
    if datetime.fromisoformat(message["expires_at"]) < datetime.now(UTC):
        return web.Response(status=204)  # too late to act
    contact = await mautic.contact_of(message["lead_id"])
    if contact is None:
        return web.Response(status=422, text="no contact with this lead_id yet")
    if (segment := segments.get(message["action"])) is not None:
        await mautic.add_to_segment(contact, segment)
    if points := POINTS.get(message["tier"]):
        await mautic.add_points(contact, points)
    done.add(webhook_id)
    return web.Response(status=204)


def application(
    secret: str, mautic: Mautic, done: Done, segments: dict[str, int]
) -> web.Application:
    """Return the receiver."""

    async def receive(request: web.Request) -> web.Response:
        try:
            message = Webhook(secret).verify(await request.read(), dict(request.headers))
        except WebhookVerificationError as error:
            return web.Response(status=401, text=str(error))
        try:
            return await handle(request.headers["webhook-id"], message, mautic, done, segments)
        except MauticError as error:
            return web.Response(status=503, text=str(error))

    async def close(_: web.Application) -> None:
        await mautic.close()
        done.close()

    found = web.Application()
    found.router.add_post("/leadstream", receive)
    found.on_cleanup.append(close)
    return found


async def main() -> web.Application:
    """Return the receiver that the environment describes."""
    mautic = Mautic(*(os.environ[f"MAUTIC_{name}"] for name in ("URL", "USER", "PASSWORD")))
    segments = json.loads(os.environ["MAUTIC_SEGMENTS"])
    return application(os.environ["WEBHOOK_SECRET"], mautic, Done("done.sqlite"), segments)


if __name__ == "__main__":
    web.run_app(main(), host="127.0.0.1", port=8080)
