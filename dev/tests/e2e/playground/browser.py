"""Two people at /playground, in Chromium: `browser.py URL OTHER_URL CHROMIUM LIBRARIES FOLDER`.

The two URLs lead to one API; requests to the second come from another network. The first person, at a large bright
screen, uses up the limiter's quota and gets a name locked; the second, at a dark phone, must see nothing of it. Then
the first waits until the lock opens. The pages may make no request to another host, their policy may block nothing, and
axe-core may find nothing. Screenshots go to FOLDER.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

STAGE = "http://stage.example"

# What Chromium says by itself of each answer that the page provokes on purpose.
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of (404|429)")


class Visit:
    """A page in a browser of its own, with what it complained of and the hosts that it sent requests to."""

    def __init__(self, browser: Browser, url: str, **options: object) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.messages: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.complain(message.text))
        self.page.on("pageerror", lambda error: self.complain(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.url = url

    def complain(self, message: str) -> None:
        if not EXPECTED.match(message):
            self.messages.append(message)

    def open(self) -> Page:
        self.page.goto(self.url)
        return self.page

    def close(self) -> None:
        assert self.messages == [], self.messages
        assert self.hosts == {urlsplit(self.url).netloc}, self.hosts
        # The page asks every second, and may do so now.
        self.page.unroute_all(behavior="ignoreErrors")
        self.context.close()


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def limiter(page: Page) -> Locator:
    return page.get_by_role("region", name="Rate limiter")


def settle(page: Page) -> None:
    """Waits until nothing appears any more: what is half there has other colours."""
    page.evaluate("Promise.allSettled(document.getAnimations().map(animation => animation.finished))")


def check_accessibility(page: Page, what: str) -> None:
    settle(page)
    found = Axe().run(page)
    assert found.violations_count == 0, f"{what}: {found.generate_report()}"
    assert len(found.response["passes"]) > 20, "the checker has looked at the page"


def send_thirty(page: Page) -> None:
    """Ten at once, three times: five of them are admitted."""
    half = limiter(page)
    expect(half.locator(".log")).to_have_text(re.compile("^0 requests of 5"))
    for _ in range(3):
        half.get_by_role("button", name="Send ten at once").click()
    expect(half.get_by_role("status")).to_contain_text("30 requests: 5 admitted, 25 refused. The next would pass in")
    expect(half.locator(".result.admitted")).to_have_count(5)
    expect(half.locator(".result.refused")).to_have_count(25)
    expect(half.locator(".result.refused").first).to_contain_text("429, next in")
    expect(half.locator(".log")).to_have_text(re.compile(r"^5 requests of 5 in the log\. The oldest leaves in \d"))
    expect(half.locator(".dot")).to_have_count(5)
    expect(half.locator(".policy")).to_have_text('"ping";q=5;w=20')
    expect(half.locator(".retry")).to_contain_text("seconds until the next passes")


def get_a_name_locked(page: Page) -> None:
    ada = card(page, "ada")
    ada.get_by_label("Password").fill("a guess")
    ada.get_by_role("button", name="Guess", exact=True).click()
    expect(ada.locator(".state")).to_contain_text("Open: 1 of 5 failures; the oldest counts for")
    ada.get_by_role("button", name="Ten wrong ones at once").click()
    expect(ada.get_by_role("status")).to_contain_text("11 requests: 5 checked, 6 refused. Locked; the lock opens in")
    expect(ada.locator(".result.refused").first).to_contain_text("no try left")
    expect(ada.get_by_role("progressbar")).to_be_visible()
    expect(card(page, "bob").locator(".state")).to_have_text("Open: 0 of 5 failures.")
    # A third name, which the lockout knows in any case.
    page.get_by_label("Another name").fill(" Eve ")
    page.get_by_role("button", name="Watch it").click()
    eve = card(page, "Eve")
    expect(eve.get_by_label("Password")).to_be_focused()
    page.keyboard.press("Enter")
    expect(eve.locator(".state")).to_contain_text("Open: 1 of 5 failures; the oldest counts for")


def see_the_lock_open(page: Page) -> None:
    ada = card(page, "ada")
    seen = [float(ada.get_by_role("progressbar").get_attribute("value") or 0)]
    while ada.get_by_role("progressbar").is_visible():
        page.wait_for_timeout(200)
        seen.append(float(ada.locator("progress").get_attribute("value") or 0))
    # A look at Redis that was answered late may put the end off by less than what is shown.
    assert all(later <= earlier + 1 for earlier, later in pairwise(seen)), seen
    assert seen[-1] == 0 and len(set(seen)) > 10, seen
    expect(ada.get_by_role("status")).to_have_text("The lock on ada has opened: 5 more guesses.")
    ada.get_by_role("button", name="The right one").click()
    expect(ada.locator(".result").first).to_contain_text("right, 200")
    expect(limiter(page).locator(".next")).to_have_text("The next would pass now.")
    print(f"the lock counted down from {seen[0]:.0f} to {seen[-1]:.0f} and opened")


def see_nothing_of_it(page: Page) -> None:
    expect(limiter(page).locator(".log")).to_have_text("0 requests of 5 in the log.")
    expect(limiter(page).locator(".next")).to_have_text("The next would pass now.")
    for name in ("ada", "bob"):
        expect(card(page, name).locator(".state")).to_have_text("Open: 0 of 5 failures.")
    limiter(page).get_by_role("button", name="Send one").click()
    expect(limiter(page).get_by_role("status")).to_contain_text("1 request: 1 admitted, 0 refused")


def use_the_keyboard(page: Page) -> None:
    """Every control can be reached with Tab, shows that it is reached, and works."""
    controls = page.locator("main :is(a, button, input:not([type=radio]), input:checked):visible")
    reached = []
    page.locator("header a").focus()
    for _ in range(controls.count()):
        page.keyboard.press("Tab")
        focused = page.locator(":focus-visible")
        assert focused.evaluate("control => getComputedStyle(control).outlineStyle") == "solid", focused.inner_text()
        reached.append(focused.evaluate("control => control.textContent || control.name"))
    assert reached[0] == "route" and reached[1] == "Send one" and len(reached) == controls.count(), reached
    page.locator("header a").focus()
    for key in ("Tab", "ArrowDown", "Tab", "Tab", "Space"):
        page.keyboard.press(key)
    expect(limiter(page).locator(".policy")).to_have_text('"login_sim";q=3;w=60')
    expect(limiter(page).locator(".log")).to_have_text(re.compile("^3 requests of 3"))


def use_the_stream(page: Page) -> None:
    button = limiter(page).get_by_role("button", name="Steady stream")
    before = limiter(page).locator(".result").count()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(limiter(page).locator(".result").nth(before + 1)).to_be_visible()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(limiter(page).get_by_role("status")).to_contain_text("admitted")


def check_motion(page: Page, is_still: bool) -> None:
    tile = limiter(page).locator(".result").first
    animation = tile.evaluate("tile => getComputedStyle(tile).animationName")
    assert animation == ("none" if is_still else "appear"), animation


def check_fit(page: Page) -> None:
    """Nothing makes a phone scroll sideways."""
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1], widths


def visit_where_a_demo_is_not_deployed(browser: Browser, url: str) -> None:
    visit = Visit(browser, f"{url}/playground")
    visit.page.route("**/bf-demo/**", lambda route: route.fulfill(status=404, json={"detail": "Nothing."}))
    page = visit.open()
    expect(page.get_by_role("alert")).to_contain_text("The demonstration of the lockout is not deployed here")
    expect(page.locator("#lockout")).to_be_hidden()
    expect(limiter(page)).to_be_visible()
    check_accessibility(page, "without a demo")
    visit.close()


def visit_below_a_stage(browser: Browser, url: str) -> None:
    """As a stage of API Gateway would serve it, and with a slash at the end."""
    visit = Visit(browser, f"{STAGE}/prod/playground/")

    def forward(route: Route) -> None:
        path = route.request.url.removeprefix(f"{STAGE}/prod")
        assert path != route.request.url, f"{route.request.url} is not below the stage"
        route.fulfill(response=route.fetch(url=url + path))

    visit.page.route(f"{STAGE}/**", forward)
    page = visit.open()
    expect(limiter(page).locator(".log")).to_contain_text("in the log")
    assert page.get_by_role("link", name="documentation").evaluate("link => link.href") == f"{STAGE}/prod/docs"
    visit.close()


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


def main(url: str, other_url: str, program: str, libraries: str, folder: str) -> None:
    expect.set_options(timeout=15_000)
    with chromium(program, libraries) as browser:
        first = Visit(browser, f"{url}/playground", color_scheme="light", viewport={"width": 1200, "height": 1400})
        page = first.open()
        send_thirty(page)
        check_motion(page, is_still=False)
        get_a_name_locked(page)
        settle(page)
        page.screenshot(path=f"{folder}/playground-light.png", full_page=True)
        check_accessibility(page, "light")

        phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
        second = Visit(browser, f"{other_url}/playground", color_scheme="dark", reduced_motion="reduce", **phone)
        dark = second.open()
        see_nothing_of_it(dark)
        use_the_keyboard(dark)
        use_the_stream(dark)
        check_motion(dark, is_still=True)
        card(dark, "bob").get_by_role("button", name="Ten wrong ones at once").click()
        expect(card(dark, "bob").get_by_role("progressbar")).to_be_visible()
        check_fit(dark)
        dark.screenshot(path=f"{folder}/playground-dark.png", full_page=True)
        check_accessibility(dark, "dark")
        second.close()

        visit_where_a_demo_is_not_deployed(browser, other_url)
        visit_below_a_stage(browser, url)

        see_the_lock_open(page)
        expect(card(page, "bob").locator(".state")).to_have_text("Open: 0 of 5 failures.")
        page.screenshot(path=f"{folder}/playground-opened.png", full_page=True)
        first.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
