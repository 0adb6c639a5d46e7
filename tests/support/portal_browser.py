"""A real browser for the journeys: Debian's Chromium, with or without scripts, and checks that hold on every page."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, FloatRect, Page, async_playwright
from running import DEMO_PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
AXE = Path(__file__).parents[1] / "journeys" / "assets" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, NARROW = 1280, 320
SECONDS_MAX = 30
PICTURE_HEIGHT_MAX = 1600


def is_there() -> bool:
    """Whether this machine has the browser."""
    return CHROMIUM.exists()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the browser; where a machine has none the test is skipped by name, in CI it fails."""
    if not is_there():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is not there: install Debian's chromium")
        pytest.skip(f"needs {CHROMIUM}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        await browser.close()


@dataclass
class Visitor:
    """One person at one browser.

    Attributes:
        page: the tab.
        refused: what the browser's content security policy refused, and scripts that failed; must stay empty.
    """

    address: str
    context: BrowserContext
    page: Page
    scripts: bool
    refused: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        """Go to a path of the portal."""
        await self.page.goto(f"{self.address}{path}")

    async def press(self, name: str, *, role: Any = "button", nth: int = 0) -> None:
        """Press a button or follow a link by its accessible name, and wait for the next page."""
        await self.page.get_by_role(role, name=name).nth(nth).click()
        await self.page.wait_for_load_state()

    async def sign_in(self, user: str, path: str) -> None:
        """Open a page that is for who is signed in, and sign in on the way."""
        await self.open(path)
        await self.page.fill("#username", f"{user}@demo.example")
        await self.page.fill("#password", DEMO_PASSWORD)
        await self.page.locator("[type=submit]").first.click()
        await self.page.wait_for_url(f"{self.address}{path}")

    async def title(self) -> str:
        """The heading of the page."""
        return await self.page.locator("h1").inner_text()

    async def text(self) -> str:
        """All that a person can read in the content."""
        return await self.page.locator("main").inner_text()

    async def picture(self, name: str) -> None:
        """Keep a picture where SCHAKEL_SCREENSHOTS names a folder."""
        if folder := os.environ.get("SCHAKEL_SCREENSHOTS"):
            width = self.page.viewport_size["width"] if self.page.viewport_size else WIDE
            tall: int = await self.page.evaluate("document.documentElement.scrollHeight")
            part: FloatRect = {"x": 0, "y": 0, "width": width, "height": min(tall, PICTURE_HEIGHT_MAX)}
            await self.page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True, clip=part)

    async def check_access(self) -> list[str]:
        """Return what keeps people out of this page: violations by axe, and sideways scrolling."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        where = self.page.url.removeprefix(self.address)
        wrong = [f"{where}: {each['id']} at {each['nodes'][0]['target']}" for each in found["violations"]]
        wider: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wrong + ([f"{where}: {wider} px wider than the screen"] if wider > 0 else [])


@asynccontextmanager
async def visitor(browser: Browser, address: str, *, scripts: bool = True, width: int = WIDE) -> AsyncIterator[Visitor]:
    """Give a fresh browser profile."""
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=scripts, locale="nl-NL"
    )
    context.set_default_timeout(SECONDS_MAX * 1000)
    page = await context.new_page()
    person = Visitor(address, context, page, scripts)

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            person.refused.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: person.refused.append(str(error)))
    yield person
    await context.close()
