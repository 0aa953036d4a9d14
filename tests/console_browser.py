"""A real Chromium, and what pages in it complain of."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from outside_tools import tool

try:
    from playwright.async_api import Browser, Page, async_playwright
except ImportError:
    if os.environ.get("CI", "").lower() == "true":
        raise
    pytest.skip(
        "there is no Playwright: pip install 'leadstream[browser]'", allow_module_level=True
    )

WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 360, "height": 740}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Debian's Chromium, headless."""
    path = tool("chromium", "chromium", "apt-get install chromium")
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    async with async_playwright() as engine:
        browser = await engine.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


class Complaints(list[str]):
    """What a page said that it should not have: errors, and what its policy refused."""

    def listen(self, page: Page) -> "Complaints":
        """Listen to a page."""
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", lambda said: self.append(said.text) if said.type == "error" else None)
        return self
