"""What a sender is answered."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from stream.collector.collecting import Call, Collected
from stream.collector.refusals import RefusedRequestError
from stream.lead.routing import Refusal

_SUCCESS = orjson.dumps({"success": True})


def outcome(call: Call | None, found: list[Collected]) -> web.Response:
    """Return the answer to a request whose messages all are in Kafka, valid or not."""
    refused = [
        {"index": index, **_refusal(item.fault)}
        for index, item in enumerate(found)
        if item.fault is not None
    ]
    if not refused:
        return web.Response(body=_SUCCESS, content_type="application/json")
    if call is not None and found[0].fault is not None:
        said = _refusal(found[0].fault)
        return answered({"success": False, "error": said["message"], **said}, 400)
    return answered({"success": True, "refused": refused}, 200)


def _refusal(refusal: Refusal) -> dict[str, Any]:
    message = refusal.detail or refusal.message
    return {"reason": refusal.reason, "field": refusal.field, "message": message}


def refusal_answer(error: RefusedRequestError, body: Mapping[str, Any]) -> web.Response:
    """Return what a request is answered that is refused whole, and when to send it again."""
    response = answered(body, error.status)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def answered(body: Mapping[str, Any], status: int) -> web.Response:
    """Return an answer of JSON."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
