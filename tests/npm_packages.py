"""What tests take from npm, of fixed versions: libraries that send, and a judge of pages."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from outside_tools import skip_outside_ci

SENDERS = ("@segment/analytics-node@3.1.0", "@rudderstack/rudder-sdk-node@3.0.13")
AXE = ("axe-core@4.10.3",)
INSTALL_S = 200.0


def installed(packages: Sequence[str]) -> Path:
    """Return the folder whose ``node_modules`` holds the packages, outside of the repository.

    Without Node.js the test is skipped; in CI it fails.
    """
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        what = " and ".join(missing)
        skip_outside_ci(f"{what} not found: install Node.js 20 or newer with npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "leadstream" / "npm" / "_".join(p.replace("/", "-") for p in packages)
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund",
             "--ignore-scripts", "--save-exact", *packages],
            check=True, timeout=INSTALL_S, capture_output=True,
        )  # fmt: skip
        done.touch()
    return folder


def ran(script: Path, timeout_s: float, **environment: str) -> str:
    """Run a script that may require the senders; return what it printed."""
    done = subprocess.run(
        ["node", str(script)],
        env={**os.environ, "NODE_PATH": str(installed(SENDERS) / "node_modules"), **environment},
        timeout=timeout_s,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
