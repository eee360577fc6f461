"""How a person uses a page: with a mouse, with a phone in dark mode, or with a keyboard alone.

A story works with every kind of `Hand`, and finds what it presses by role and name, as a person
does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS, watch
from tests.browser.test_accessibility import faults

#: The presses of Tab after which a person gives up.
MOST_TABS = 250
_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_IS_FOCUSED = "all => all.includes(document.activeElement)"
_FOCUSED = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    return {
        what: `${one.tagName} ${one.getAttribute("aria-label") || one.textContent.trim()}`,
        isShown: style.outlineStyle !== "none" || style.boxShadow !== "none",
        isChecked: Boolean(one.checked),
        choice: one.selectedOptions ? one.selectedOptions[0].textContent.trim() : "",
    };
}"""


class Hand:
    """A mouse, on a desktop."""

    options: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site

    # --- What a person looks for ------------------------------------------------------------------
    def within(self, role: Any, name: str) -> Locator:
        """A part of the page, such as a region by its heading."""
        return self.page.get_by_role(role, name=name)

    def button(self, name: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=_begins(name)).first

    def link(self, name: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("link", name=_begins(name)).first

    def field(self, label: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_label(_begins(label)).locator("visible=true").first

    # --- What a person does -----------------------------------------------------------------------
    def open(self, path: str = "/admin/") -> None:
        self.page.goto(path if path.startswith("http") else self.site + path)

    def press(self, what: Locator) -> None:
        self.look(what)
        what.click()

    def follow(self, what: Locator) -> None:
        """Press what leads to a new page, and wait for this page."""
        with self.page.expect_navigation():
            self.press(what)

    def write(self, field: Locator, text: str) -> None:
        self.look(field)
        field.fill(text)

    def choose(self, field: Locator, option: str) -> None:
        self.look(field)
        field.select_option(option)

    def tick(self, box: Locator) -> None:
        self.look(box)
        box.check()

    def menu(self, name: str) -> None:
        """Open an entry of the side bar."""
        self.follow(self.page.get_by_role("link", name=name, exact=True).first)

    def look(self, what: Locator) -> None:
        """Wait for what the person is looking for."""
        expect(what).to_be_visible()

    # --- What a person reads ----------------------------------------------------------------------
    def read(self, words: str | re.Pattern[str], within: Locator | None = None) -> None:
        """Check that the words are on the page, or wait until they appear."""
        found = (within or self.page.locator("body")).get_by_text(words).locator("visible=true")
        expect(found.first).to_be_visible()

    def heading(self, words: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("heading", name=words).first).to_be_visible()

    @contextmanager
    def without_reload(self) -> Iterator[None]:
        """Check that the page is not loaded again within this block."""
        self.page.evaluate("window.neverReloaded = true")
        yield
        assert self.page.evaluate("window.neverReloaded") is True

    # --- Who a person is --------------------------------------------------------------------------
    def log_in(self, username: str, password: str) -> None:
        self.open()
        self.write(self.field("Username"), username)
        self.write(self.field("Password"), password)
        self.follow(self.button("Log in"))


class Phone(Hand):
    """A phone in dark mode. Nothing may be wider than its screen, and axe must find no fault."""

    options = {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "dark",
        "is_mobile": True,
        "has_touch": True,
        "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    }

    def __init__(self, page: Page, site: str) -> None:
        super().__init__(page, site)
        self._checked: set[str] = set()

    def press(self, what: Locator) -> None:
        self.look(what)
        what.tap()

    def tick(self, box: Locator) -> None:
        self.look(box)
        if not box.is_checked():
            box.tap()
        expect(box).to_be_checked()

    def menu(self, name: str) -> None:
        self.press(self.page.get_by_role("button", name="Menu", exact=True))
        super().menu(name)

    def look(self, what: Locator) -> None:
        super().look(what)
        assert self.page.evaluate(_WIDER) <= 0, f"{self.page.url} is wider than the screen."
        kind = re.sub(r"\d+", "n", self.page.url.partition("?")[0])
        if kind not in self._checked:
            self._checked.add(kind)
            found = faults(self.page)
            assert found == [], f"{self.page.url}: {found}"


class Keyboard(Hand):
    """Ten fingers and no pointer."""

    def to(self, what: Locator) -> None:
        """Press Tab until the element has the focus, which must be visible."""
        self.look(what)
        for _ in range(MOST_TABS):
            if what.evaluate_all(_IS_FOCUSED):
                break
            self.page.keyboard.press("Tab")
        focused = self.page.evaluate(_FOCUSED)
        assert what.evaluate_all(_IS_FOCUSED), f"Tab does not reach {what}. Focused: {focused}"
        assert focused["isShown"], f"The focus cannot be seen: {focused}"

    def press(self, what: Locator) -> None:
        self.to(what)
        self.page.keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        self.to(field)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def choose(self, field: Locator, option: str) -> None:
        self.to(field)
        self.page.keyboard.type(option)
        assert self.page.evaluate(_FOCUSED)["choice"] == option

    def tick(self, box: Locator) -> None:
        self.to(box)
        if not self.page.evaluate(_FOCUSED)["isChecked"]:
            self.page.keyboard.press("Space")
        expect(box).to_be_checked()


HANDS: dict[str, type[Hand]] = {"desktop": Hand, "phone": Phone, "keyboard": Keyboard}


@contextmanager
def at_work(kind: type[Hand], chromium: Browser, site: str) -> Iterator[Hand]:
    """A new window. It must meet no script error and no violation of the security policy."""
    context = chromium.new_context(**kind.options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    troubles = watch(page)
    yield kind(page, site)
    context.close()
    assert troubles == []


def _begins(name: str) -> re.Pattern[str]:
    """A name that begins with these words. More words for screen readers may follow."""
    return re.compile(rf"^\W*{re.escape(name)}(?!\w)", re.IGNORECASE)
