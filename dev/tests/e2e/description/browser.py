"""A user at /docs, in Chromium: `browser.py URL CHROMIUM LIBRARIES SCREENSHOT`.

Executes operations without filling in a parameter, those that need it after signing in with the Authorize dialog; once
at the API's own address and once as if the API were deployed below a stage, `/prod`. The page may make no request to
another host, and its policy may block nothing.
"""

import os
import re
import secrets
import sys
from contextlib import contextmanager
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

# part of auth
NAME = f"reader-{secrets.token_hex(4)}"
PASSWORD = "correct horse battery staple"
# end of part

# The default of the parameter `page_size`.
DEFAULT = "10"

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


# part of auth
def sign_in(page: Page) -> None:
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    expect(dialog).to_contain_text("POST /auth/register")
    expect(dialog).to_contain_text("cargo xtask up")
    fields = [field.get_attribute("id") for field in dialog.locator("input:visible, select:visible").all()]
    assert fields == ["oauth_username", "oauth_password"], fields
    assert "scope" not in dialog.inner_text().lower(), dialog.inner_text()
    dialog.get_by_label("username:").fill(NAME)
    dialog.get_by_label("password:").fill(PASSWORD)
    dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()


# end of part
def execute(page: Page, operation: str, status: str) -> str:
    """Sends what the page has filled in and returns the response that it shows."""
    operation = page.locator(f"#operations-{operation}")
    operation.locator(".opblock-summary").click()
    filled_in = [field.input_value() for field in operation.locator(".parameters input").all()]
    assert set(filled_in) <= {"", DEFAULT}, filled_in
    operation.get_by_role("button", name="Execute").click()
    outcome = operation.locator(".live-responses-table .response")
    expect(outcome.locator(".response-col_status")).to_contain_text(status)
    return outcome.inner_text()


def read_the_page(page: Page) -> None:
    """No summary shows Markdown as it is written."""
    summaries = page.locator(".opblock-summary-description").all_inner_texts()
    assert summaries and not any("`" in summary for summary in summaries), summaries
    # part of auth and books
    assert len(summaries) > 20, summaries
    # end of part
    # part of auth
    # The keys come after all that people sign in with.
    of_auth = page.locator("[id^='operations-auth-']").all()
    assert of_auth[-1].get_attribute("id") == "operations-auth-list_public_keys", of_auth[-1]
    # end of part
    # part of books
    first = page.locator(".opblock-tag").first
    assert first.get_attribute("data-tag") == "books", first
    # end of part


# part of auth and books
def use_books(page: Page) -> None:
    """Creates a book and finds it in the list."""
    created = execute(page, "books-create_book", "201")
    assert "The Left Hand of Darkness" in created, created
    location = re.search(r"location: /books/(\d+)", created)
    assert location, created
    listed = execute(page, "books-list_books", "200")
    assert f'"id": {location[1]},' in listed, (location, listed)


# end of part
def visit(browser: Browser, docs: str, screenshot: str, url: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    monitor = PageMonitor(page)
    serve_below_a_stage(page, url)
    page.goto(docs)
    expect(page.get_by_role("heading", name="Bookshelf")).to_be_visible()
    read_the_page(page)
    assert '"ok"' in execute(page, "system-report_health", "200")
    # part of auth
    sign_in(page)
    # end of part
    # part of auth and books
    use_books(page)
    # end of part
    page.screenshot(path=screenshot)
    assert monitor.messages == [], monitor.messages
    assert monitor.hosts == {urlsplit(docs).netloc}, monitor.hosts
    page.close()
    print(f"{docs}: used, {len(monitor.messages)} messages")


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
    # part of auth
    httpx.post(f"{url}/auth/register", json={"username": NAME, "password": PASSWORD}).raise_for_status()
    # end of part
    with chromium(program, libraries) as browser:
        for docs in (f"{url}/docs", f"{url}/docs/", f"{STAGE}/prod/docs"):
            visit(browser, docs, screenshot, url)


if __name__ == "__main__":
    main(*sys.argv[1:])
