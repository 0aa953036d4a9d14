"""The console as axe judges it, in a real Chromium."""

from collections.abc import AsyncIterator

import pytest
from console_browser import PHONE, WIDE, chromium
from console_double import served
from npm_packages import AXE, installed
from playwright.async_api import Browser, Page, expect

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]

VIEWS = ("leads", "triggers", "models", "journey", "attribution", "forecast", "dead-letters")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def axe() -> str:
    return (installed(AXE) / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("filled", [True, False], ids=["filled", "empty"])
@pytest.mark.parametrize(
    ("scheme", "viewport"), [("light", WIDE), ("dark", WIDE), ("light", PHONE)]
)
async def test_each_view_is_accessible(browser, axe, scheme, viewport, filled):
    """No rule of WCAG 2.1, A and AA, that a machine can judge is broken."""
    async with served("a-token") as double:
        if filled:
            double.fill()
        page = await browser.new_page(viewport=viewport, color_scheme=scheme)
        await page.goto(double.url)
        await judge(page, axe, "token")
        await page.get_by_label("Token").fill("a-token")
        await page.get_by_label("Token").press("Enter")
        for view in (*VIEWS, *(["lead/L1"] if filled else ["lead/nobody"])):
            await page.goto(f"{double.url}#/{view}")
            await expect(page.get_by_text("Loading…")).to_have_count(0)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await judge(page, axe, view)


async def judge(page: Page, axe: str, view: str) -> None:
    await page.evaluate(axe)
    broken = await page.evaluate(
        "async (values) => (await axe.run({runOnly: {type: 'tag', values}})).violations.map("
        "(v) => [v.id, v.nodes.slice(0, 3).map((n) => n.failureSummary + ' ' + n.html)])",
        ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    )
    assert broken == [], view
