"""Processes that begin with leadstream imported, which takes each some seconds of processor.

One process imports the command line and forks on demand; what it forks runs as
``python -m stream`` does: with its own environment, outputs and end.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

POLL_S = 0.01
END_S = 10.0


class Preparer:
    """The process that forks, and what it is asked."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def ask(self, **request: Any) -> Any:
        """Return the answer to a request."""
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, "the process that forks leadstream has ended; standard error says why"
        return json.loads(answer)

    def stop(self) -> None:
        """End; what was forked lives on."""
        self._process.communicate(timeout=END_S)


@cache
def preparer() -> Preparer:
    """Return the process that forks; the first call has it begin to import."""
    return Preparer()


class PreparedProcess:
    """A command of leadstream that runs; used as a `subprocess.Popen`."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], stdout: Path, stderr: Path
    ) -> None:
        self.returncode: int | None = None
        self._arguments = arguments
        self.pid: int = preparer().ask(
            arguments=arguments,
            environment=dict(environment),
            folder=str(Path.cwd()),
            stdout=str(stdout),
            stderr=str(stderr),
        )

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = preparer().ask(ended=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once there is one."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self._arguments, timeout or 0.0)
            time.sleep(POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _become(request: dict[str, Any]) -> None:
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["leadstream", *request["arguments"]]
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)


def _ended(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _serve() -> None:
    # As `python -m stream` has it, instead of the tests' folder.
    sys.path[0] = str(Path.cwd())
    from stream.cli import collect, main, run, webhooks  # noqa: F401, PLC0415 - only where it is forked

    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        if "ended" in request:
            answer = _ended(request["ended"])
        elif (answer := os.fork()) == 0:
            _become(request)
            main()
            return
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
