"""Whether the settings fit together, and what is installed fits them."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement

from stream.addresses import is_loopback
from stream.doctor.findings import Finding, fail, ok, warn
from stream.lead.toml_files import TomlFileError
from stream.settings import Settings, TextReaderMissingError

MIN_PYTHON = (3, 11)


def judge_settings(settings: Settings, unknown: Iterable[str]) -> Iterator[Finding]:
    """Yield what does not fit together; one line where all does.

    Parameters
    ----------
    unknown
        Variables that look like settings and are none.
    """
    said = [*_misspelt(unknown), *_files(settings), *_safety(settings), *_times(settings)]
    yield from said or [ok("settings", "fit together")]


def _misspelt(unknown: Iterable[str]) -> Iterator[Finding]:
    for name in unknown:
        yield warn("settings", f"{name} is no setting", "`leadstream settings` lists all")


def _files(settings: Settings) -> Iterator[Finding]:
    for field in ("kafka_ssl_ca_file", "kafka_ssl_cert_file", "kafka_ssl_key_file"):
        path: Path | None = getattr(settings, field)
        if path is not None and not path.is_file():
            yield fail("settings", f"LEADSTREAM_{field.upper()}={path} is no file", "mount it")
    try:
        settings.house()
        settings.text_reader()
    except (TomlFileError, TextReaderMissingError) as error:
        yield fail("settings", str(error), "mend what it names")


def _safety(settings: Settings) -> Iterator[Finding]:
    protocol = settings.kafka_security_protocol
    if protocol.startswith("SASL") and not settings.kafka_sasl_password.get_secret_value():
        yield fail(
            "settings",
            f"LEADSTREAM_KAFKA_SECURITY_PROTOCOL={protocol} without a password",
            "set LEADSTREAM_KAFKA_SASL_USERNAME and LEADSTREAM_KAFKA_SASL_PASSWORD",
        )
    hosts = (a.strip().rpartition(":")[0] for a in settings.kafka_bootstrap.split(","))
    if all(is_loopback(host) for host in hosts):
        return
    for name in settings.development_keys():
        variable = f"LEADSTREAM_{name.upper()}"
        yield warn("settings", f"{variable} is the one in the source", "set one of your own")
    if protocol in {"PLAINTEXT", "SASL_PLAINTEXT"}:
        yield warn(
            "settings",
            f"LEADSTREAM_KAFKA_SECURITY_PROTOCOL={protocol}: leads travel unencrypted",
            "use SSL or SASL_SSL where the network is not your own",
        )


def _times(settings: Settings) -> Iterator[Finding]:
    if settings.stall_timeout_s <= settings.transaction_timeout_s:
        yield warn(
            "settings",
            f"LEADSTREAM_STALL_TIMEOUT_S={settings.stall_timeout_s:g} is not above "
            f"LEADSTREAM_TRANSACTION_TIMEOUT_S={settings.transaction_timeout_s:g}",
            "raise it: who waits for a dead worker's transaction to end does not stand still",
        )
    if settings.clock == "event":
        yield warn(
            "settings",
            "LEADSTREAM_CLOCK=event",
            "set wall when live: with event, time stands still while no events come",
        )
    if not is_loopback(settings.web_host) and not settings.web_token.get_secret_value():
        yield warn(
            "settings",
            f"LEADSTREAM_WEB_HOST={settings.web_host} without LEADSTREAM_WEB_TOKEN",
            "set a token where leads should be asked for over HTTP; until then they are refused",
        )


def judge_versions(
    requirements: Sequence[str],
    installed: Callable[[str], str | None],
    python: Sequence[int] = tuple(sys.version_info[:3]),
    own: Mapping[str, str] | None = None,
) -> Iterator[Finding]:
    """Yield whether Python and the libraries are those that leadstream needs.

    Parameters
    ----------
    requirements
        What the package asks for, extras left out.
    installed
        Library -> its version; None where it is missing.
    own
        Further versions to tell.
    """
    text = ".".join(str(number) for number in python)
    if tuple(python[:2]) < MIN_PYTHON:
        yield fail("python", text, "leadstream needs 3.11 or newer")
    else:
        yield ok("python", text)
    said = []
    for requirement in map(Requirement, requirements):
        version = installed(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            found = f"{requirement.name} {version or 'is missing'}, {requirement} is needed"
            said.append(fail("libraries", found, f"pip install '{requirement}'"))
    told = ", ".join(f"{name} {version}" for name, version in (own or {}).items())
    yield from said or [ok("libraries", told or "as required")]
