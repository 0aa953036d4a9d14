"""Who may send: write keys, and the origins that browsers send from."""

import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence

from stream.collector.refusals import RefusedRequestError

ANY_ORIGIN = "*"
PREFLIGHT_S = 86_400
METHODS = "POST, GET, OPTIONS"
HEADERS = "Authorization, Content-Type, Content-Encoding, X-Retry-Count"


class Access:
    """Decides who may send.

    Parameters
    ----------
    write_keys
        Any of them will do.
    origins
        Origins of web pages, like ``https://www.example.com``; ``*`` is any.
    """

    def __init__(self, write_keys: Sequence[str], origins: Sequence[str]) -> None:
        self._keys = [key.encode() for key in write_keys]
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    def check_key(self, authorization: str | None, in_body: str | None) -> None:
        """Refuse a request without a right key, by basic authentication or in its body.

        Raises
        ------
        RefusedRequestError
            If it has none that is right.
        """
        given = in_body if authorization is None else _user_name(authorization)
        if given is None:
            raise _unknown("there is no write key")
        # All are compared: how long it takes tells nothing of any of them.
        plain = given.encode("utf-8", "surrogatepass")
        if not sum(hmac.compare_digest(plain, key) for key in self._keys):
            raise _unknown("the write key is none of LEADSTREAM_WRITE_KEYS")

    def check_origin(self, origin: str | None) -> dict[str, str]:
        """Return the headers that let a web page of an origin send; refuse those of others.

        Raises
        ------
        RefusedRequestError
            If pages of this origin may not send.
        """
        if origin is None:
            return {}
        if ANY_ORIGIN not in self._origins and origin.lower() not in self._origins:
            raise RefusedRequestError(
                403,
                f"Origin = {origin:.200}: pages of this origin may not send; name it in "
                "LEADSTREAM_COLLECT_ORIGINS",
                "Origin",
            )
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Vary": "Origin",
        }


def preflight() -> Mapping[str, str]:
    """Return what a browser is told that asks before it sends."""
    return {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_S),
    }


def _unknown(why: str) -> RefusedRequestError:
    return RefusedRequestError(
        401,
        f"{why}: send it as the user name of basic authentication, or as writeKey in the body",
        "writeKey",
    )


def _user_name(authorization: str) -> str | None:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(given.strip(), validate=True).decode().partition(":")[0]
    except ValueError:
        return None
