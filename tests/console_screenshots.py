"""Pictures of the console, made of a demo: ``python tests/console_screenshots.py FOLDER``."""

import asyncio
import re
import signal
import sys
import time
from pathlib import Path

from console_browser import PHONE, WIDE, chromium
from playwright.async_api import Browser, Page, expect

SCORE_CHANGES = 5_000
READY_S = 75.0
VIEWS = ("leads", "triggers", "models", "journey", "attribution", "forecast", "dead-letters")


async def main(folder: Path) -> None:
    """Run a demo, wait until there is something to see, and take the pictures."""
    command = (sys.executable, "-m", "stream", "demo", "--rate", "400", "--json")
    demo = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert demo.stderr is not None
    try:
        while b"console at " not in (line := await demo.stderr.readline()):
            assert line, "the demo ended"
        url = line.decode().split("console at ")[1].strip()
        async with chromium() as browser:
            await _pictures(browser, url, folder)
    finally:
        if demo.returncode is None:
            demo.send_signal(signal.SIGINT)
        await demo.wait()


async def _pictures(browser: Browser, url: str, folder: Path) -> None:
    page = await browser.new_page(viewport=WIDE)
    await page.goto(url)
    deadline = time.monotonic() + READY_S
    while _changes(await page.locator("#health").inner_text()) < SCORE_CHANGES:
        assert time.monotonic() < deadline, "the demo is too slow"
        await page.wait_for_timeout(200)
    for view in VIEWS:
        await _shot(page, f"{url}#/{view}", folder / f"{view}.png")
    await page.goto(f"{url}#/leads")
    first = page.locator("tr[aria-rowindex='2'] a")
    await first.wait_for()
    lead = await first.get_attribute("href")
    await _shot(page, f"{url}{lead}", folder / "lead.png")
    dark = await browser.new_page(viewport=WIDE, color_scheme="dark")
    await _shot(dark, f"{url}#/leads", folder / "leads-dark.png")
    phone = await browser.new_page(viewport=PHONE)
    await _shot(phone, f"{url}#/leads", folder / "leads-phone.png")


async def _shot(page: Page, url: str, path: Path) -> None:
    await page.goto(url)
    await page.wait_for_timeout(500)
    await expect(page.get_by_text("Loading…")).to_have_count(0, timeout=30_000)
    await page.locator("h1").wait_for()
    await page.wait_for_timeout(500)
    await page.screenshot(path=path)


def _changes(health: str) -> int:
    found = re.search(r"([\d,]+) score changes", health)
    return int(found[1].replace(",", "")) if found else 0


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
