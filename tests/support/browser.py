"""Chromium as every browser test drives it: headless, and asking nothing of the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def launched(program: Path) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page, and what went wrong on it: errors of scripts, policy violations, requests to anywhere else."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self._wrong: list[str] = []
        self._expected: list[str] = []
        page.on("pageerror", lambda error: self._wrong.append(f"script: {error}"))
        page.on("console", self._hear)
        page.on("request", lambda request: self._own(request.url, origin))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._wrong.append(message.text)

    def expect(self, pattern: str) -> None:
        """What the browser will report in this test, and rightly."""
        self._expected.append(pattern)

    @property
    def wrong(self) -> list[str]:
        return [text for text in self._wrong if not any(re.search(one, text) for one in self._expected)]

    def _own(self, url: str, origin: str) -> None:
        if not url.startswith((origin, "blob:", "data:")):
            self._wrong.append(f"asked for {url}")
