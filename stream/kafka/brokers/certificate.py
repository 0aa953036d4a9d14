"""A throwaway certificate for 127.0.0.1, made by Java's keytool."""

import secrets
import subprocess
from pathlib import Path
from typing import NamedTuple

from stream.kafka.brokers.java import find_tool


class Certificate(NamedTuple):
    """The broker's keystore with its password, and the certificate that clients trust."""

    keystore: Path
    password: str
    ca_file: Path


def make_certificate(directory: Path) -> Certificate:
    """Write a self-signed certificate, valid for two days, into a directory."""
    keytool = find_tool("keytool", "makes the broker's certificate", "install a JDK or a JRE")
    made = Certificate(directory / "broker.p12", secrets.token_hex(16), directory / "ca.pem")
    store = ["-alias", "broker", "-keystore", str(made.keystore), "-storepass", made.password]
    _run(
        [
            *(keytool, "-genkeypair", *store, "-storetype", "PKCS12", "-keyalg", "EC"),
            *("-dname", "CN=leadstream development broker", "-validity", "2"),
            *("-ext", "SAN=ip:127.0.0.1,dns:localhost", "-ext", "bc:c=ca:true"),
            *("-ext", "ku:c=digitalSignature,keyCertSign"),
        ]
    )
    _run([keytool, "-exportcert", "-rfc", *store, "-file", str(made.ca_file)])
    return made


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - keytool, our arguments
