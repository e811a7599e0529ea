"""A desk, its app behind a test client, and the built page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from starlette.testclient import TestClient

from studio_pipeline.review.app import PAGE, create_app
from tests.review.memory_desk import MemoryDesk
from tests.review.studio_picture import StudioPicture
from tests.support.browser import Watched, launched

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Open(Protocol):
    """Opens an address in a fresh window of so many CSS pixels."""

    def __call__(self, url: str, width: int = 1280, height: int = 800) -> Watched: ...


PORT = 8765
TOKEN = "the-token-of-this-run"
ORIGIN = f"http://127.0.0.1:{PORT}"
COOKIE = {f"studio_{PORT}": TOKEN}


@pytest.fixture(scope="session")
def picture() -> StudioPicture:
    return StudioPicture()


@pytest.fixture
def desk(picture: StudioPicture) -> MemoryDesk:
    return MemoryDesk(picture)


@pytest.fixture
def page_folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<title>Studio review</title>", encoding="utf-8")
    return tmp_path


@pytest.fixture
def stranger(desk: MemoryDesk, page_folder: Path) -> TestClient:
    """Somebody on this machine without the token."""
    app = create_app(desk, token=TOKEN, port=PORT, user="ada", page=page_folder)
    return TestClient(app, base_url=ORIGIN, follow_redirects=False)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """The page: with the token's cookie, and an Origin as browsers send it."""
    stranger.cookies.update(COOKIE)
    stranger.headers["Origin"] = ORIGIN
    return stranger


@pytest.fixture(scope="session")
def built_page() -> Path:
    if not (PAGE / "index.html").is_file():
        pytest.fail("the review page is not built: run `python scripts/page.py`")
    return PAGE


@pytest.fixture(scope="module")  # Playwright keeps an event loop running in this thread while it is open
def browser(chromium: Path, built_page: Path) -> Iterator[Browser]:
    with launched(chromium) as started:
        yield started


@pytest.fixture
def watched(browser: Browser) -> Iterator[Open]:
    """Opens an address in a fresh window; at the end nothing may have gone wrong on it."""
    opened: list[Watched] = []

    def open_page(url: str, width: int = 1280, height: int = 800) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        context.set_default_timeout(10_000)
        page = Watched(context.new_page(), url.split("/?")[0])
        opened.append(page)
        page.page.goto(url)
        return page

    yield open_page
    wrong = [text for page in opened for text in page.wrong]
    for page in opened:
        page.page.context.close()
    assert wrong == []
