"""A user at /docs, in Chromium: `browser.py URL CHROMIUM LIBRARIES SCREENSHOT`.

Signs in with the Authorize dialog and creates a book with Try it out; once at the API's own address and once as if
the API were deployed below a stage, `/prod`. The page may make no request to
another host, and its policy may block nothing.
"""

import os
import secrets
import sys
from contextlib import contextmanager
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

PASSWORD = "correct horse battery staple"

STAGE = "http://stage.example"


class PageMonitor:
    """The errors and warnings of a page, and the hosts that it sent requests to."""

    def __init__(self, page: Page) -> None:
        self.messages: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", lambda message: message.type in ("error", "warning") and self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))


def serve_below_a_stage(page: Page, url: str) -> None:
    """Serves the API below `/prod` of another host, as a stage of API Gateway would."""

    def forward(route: Route) -> None:
        path = route.request.url.removeprefix(f"{STAGE}/prod")
        assert path != route.request.url, f"{route.request.url} is not below the stage"
        route.fulfill(response=route.fetch(url=url + path))

    page.route(f"{STAGE}/**", forward)


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    dialog.get_by_label("username:").fill(name)
    dialog.get_by_label("password:").fill(PASSWORD)
    dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()


def create_a_book(page: Page) -> str:
    """Sends the example unchanged and returns the response that the page shows."""
    operation = page.locator("#operations-books-create_book")
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Execute").click()
    outcome = operation.locator(".live-responses-table .response")
    expect(outcome.locator(".response-col_status")).to_contain_text("201")
    return outcome.inner_text()


def visit(browser: Browser, docs: str, name: str, screenshot: str, url: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    monitor = PageMonitor(page)
    serve_below_a_stage(page, url)
    page.goto(docs)
    expect(page.get_by_role("heading", name="Bookshelf")).to_be_visible()
    sign_in(page, name)
    shown = create_a_book(page)
    page.screenshot(path=screenshot)
    assert "The Left Hand of Darkness" in shown and "location: /books/" in shown, shown
    assert monitor.messages == [], monitor.messages
    assert monitor.hosts == {urlsplit(docs).netloc}, monitor.hosts
    page.close()
    print(f"{docs}: signed in, a book created, {len(monitor.messages)} messages")


@contextmanager
def chromium(program: str, libraries: str) -> Iterator[Browser]:
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries} if libraries else dict(os.environ)
    # The sandbox needs a kernel feature or a setuid program that containers lack; the one page here is ours.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, env=environment, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def main(url: str, program: str, libraries: str, screenshot: str) -> None:
    name = f"reader-{secrets.token_hex(4)}"
    httpx.post(f"{url}/auth/register", json={"username": name, "password": PASSWORD}).raise_for_status()
    with chromium(program, libraries) as browser:
        for docs in (f"{url}/docs", f"{url}/docs/", f"{STAGE}/prod/docs"):
            visit(browser, docs, name, screenshot, url)


if __name__ == "__main__":
    main(*sys.argv[1:])
