"""What a request brings, and how much room it may take."""

import asyncio

from aiohttp import web

from stream.collector.bodies import too_large, unpacked
from stream.collector.refusals import RefusedRequestError
from stream.kafka.intake import Room

BODY_TIMEOUT_S = 10.0
RETRY_SOON_S = 1


async def read_body(request: web.Request, most_bytes: int) -> bytes:
    """Return a request's body as it came.

    Raises
    ------
    RefusedRequestError
        If it is too large, or does not come in time.
    """
    try:
        if request.content.is_eof():  # all of it came with the head, as it mostly does
            return await request.read()
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large(f"more than {most_bytes:,}", most_bytes) from None
    except TimeoutError:
        raise RefusedRequestError(
            408,
            f"the body has not come within {BODY_TIMEOUT_S:g} s; send it again",
            retry_after_s=RETRY_SOON_S,
        ) from None


def size_bytes_of(request: web.Request, most_bytes: int) -> int:
    """Return the room that a request may take: what is not known beforehand counts as the most."""
    if not request.body_exists:
        return 0
    length = request.content_length
    if length is not None and length > most_bytes:
        raise too_large(f"{length:,}", most_bytes)
    if length is None or request.headers.get("Content-Encoding"):
        return most_bytes
    return length


def take_room(request: web.Request, room: Room, most_bytes: int) -> int:
    """Return the bytes that a request has taken of the room, to be given back.

    Raises
    ------
    RefusedRequestError
        If it is too large, or there is no room for it now.
    """
    size_bytes = size_bytes_of(request, most_bytes)
    if not room.take(size_bytes):
        raise RefusedRequestError(
            429,
            f"{room.taken_bytes:,} bytes are under way, at most {room.limit_bytes:,} "
            "(LEADSTREAM_COLLECT_IN_FLIGHT_BYTES); send this again later",
            retry_after_s=RETRY_SOON_S,
        )
    return size_bytes


async def plain_body(request: web.Request, most_bytes: int) -> bytes:
    """Return a request's body without its encoding.

    Raises
    ------
    RefusedRequestError
        If it is too large, does not come in time, or is not what its encoding says.
    """
    body = await read_body(request, most_bytes)
    return unpacked(body, request.headers.get("Content-Encoding", ""), most_bytes)


def browser_of(request: web.Request) -> str | None:
    """Return the agent of the browser that sends, where one does."""
    # Only browsers say where they send from: of a server's library the agent is not the lead's.
    return request.headers.get("User-Agent") if "Origin" in request.headers else None
