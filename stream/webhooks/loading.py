"""The webhooks file and the secrets that it names, from disk and environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stream.webhooks.endpoints import Endpoint, Webhooks, WebhooksFileError, parse_webhooks
from stream.webhooks.signing import SecretError, parse_secrets


@dataclass(frozen=True)
class Signed:
    """An endpoint with the keys that its messages are signed with."""

    endpoint: Endpoint
    keys: tuple[bytes, ...]


def read_webhooks(path: Path | None) -> Webhooks:
    """Return the endpoints of the house.

    Raises
    ------
    WebhooksFileError
        If there is no file, or it is faulty.
    """
    return _read(path)[1]


def load_webhooks(path: Path | None, variables: Mapping[str, str] = os.environ) -> list[Signed]:
    """Return the endpoints of the house with their keys.

    Raises
    ------
    WebhooksFileError
        If there is no file, it is faulty, or a secret is missing or cannot be used.
    """
    text, webhooks = _read(path)
    return [
        Signed(endpoint, _keys(endpoint, text, str(path), variables))
        for endpoint in webhooks.webhook
    ]


def _read(path: Path | None) -> tuple[str, Webhooks]:
    if path is None:
        raise WebhooksFileError(
            "LEADSTREAM_WEBHOOKS_FILE is not set; set it to a TOML file with a [[webhook]] for "
            "each endpoint"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WebhooksFileError(
            f"{path}: cannot be read ({error}); set LEADSTREAM_WEBHOOKS_FILE to a TOML file in "
            "UTF-8"
        ) from None
    return text, parse_webhooks(text, str(path))


def _keys(
    endpoint: Endpoint, text: str, file_name: str, variables: Mapping[str, str]
) -> tuple[bytes, ...]:
    named = endpoint.secret_env or endpoint.secret_file or ""
    field = "secret_env" if endpoint.secret_env else "secret_file"
    quoted = (f'"{named}"', f"'{named}'")
    lines = text.splitlines()
    line = next((n for n, t in enumerate(lines, start=1) if any(q in t for q in quoted)), 1)
    try:
        return parse_secrets(_secret(endpoint, variables))
    except SecretError as error:
        raise WebhooksFileError(f"{file_name}, line {line}: {field} = {named!r}: {error}") from None


def _secret(endpoint: Endpoint, variables: Mapping[str, str]) -> str:
    if endpoint.secret_env is not None:
        if endpoint.secret_env not in variables:
            raise SecretError("there is no such variable; set it to the secret, whsec_…")
        return variables[endpoint.secret_env]
    try:
        return Path(endpoint.secret_file or "").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(
            f"cannot be read ({type(error).__name__}); give a file that holds whsec_…"
        ) from None
