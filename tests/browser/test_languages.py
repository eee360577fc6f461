"""Every page in a language whose texts are longer, and in one that is read from right to left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page, expect

from giftcodes.domain.outcomes import Outcome, meaning
from giftcodes.models import Alarm, GiftCode, Guild, PlayerLink, PublicPage, RedemptionEvent
from giftcodes.services import joining
from tests.browser.conftest import PATIENCE_MS, log_in
from tests.browser.screenshots import pages, pages_of_members
from tests.browser.test_accessibility import ACCESS, CONNECTING
from tests.browser.world import CODES, NAMES, build
from tests.i18n import pseudo

pytestmark = pytest.mark.django_db(transaction=True)
#: The narrowest phone.
PHONE = {"width": 360, "height": 740}
#: Names, codes and other data that the pages show, which are in no language.
DATA = (
    *CODES,
    *("Wolves", "Bears", "Ravens", "Otto", "Pia", " II", "amber", "admin", "Birch", "Cinder"),
    *("Redeemer", "Simulator", "Whiteout Survival", "Kingshot", "Lord Rush", "UTC"),
    # What Django and its calendar say in this language, and what an import has stored.
    *("Velg en dato", "Velg et klokkeslett", "Imported"),
    *("codes.example.org", "https://kingshot.net", "kingshot.net", "https://"),
)
#: What a reader sees or hears.
_TEXTS = """() => {
    const said = [...document.querySelectorAll("[aria-label], [placeholder], [title], [alt]")]
        .filter((one) => one.tagName !== "TIME")
        .filter((one) => one.checkVisibility())
        .flatMap((one) => ["aria-label", "placeholder", "title", "alt"]
            .map((name) => one.getAttribute(name)).filter(Boolean));
    /* Times and names of languages, which the browser and Django write. */
    const hidden = [
        ".material-symbols-outlined", ".languages", "time", "select[name=language]",
        ".datetimeshortcuts",
    ].join();
    const icons = [...document.querySelectorAll(hidden)];
    icons.forEach((one) => { one.style.display = "none"; });
    return [document.title, document.body.innerText, ...said].join("\\n");
}"""
_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def stored() -> str:
    """A pattern of texts that are in no language: the game's messages, and old stored sentences."""
    texts = {
        *(meaning(one).words for one in Outcome),
        *Alarm.objects.values_list("message", flat=True),
        *RedemptionEvent.objects.values_list("detail", flat=True),
        *GiftCode.objects.values_list("reason", flat=True),
    } - {""}
    return "|".join(map(re.escape, sorted(texts, key=len, reverse=True)))


def untranslated(page: Page) -> str:
    """The words on a page that are neither translated nor data."""
    text = re.sub(stored(), " ", page.evaluate(_TEXTS))
    words = pseudo.untranslated(text, *DATA).split()
    return " ".join(word for word in words if word not in NAMES)


class Visit:
    """Opens pages on a small phone, and notes what is not translated or too wide."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page, self._url = context.new_page(), url
        self.found: dict[str, str] = {}
        self.wide: dict[str, int] = {}

    def look(self, name: str, address: str) -> None:
        self.page.goto(self._url + address)
        self.page.wait_for_load_state("networkidle")
        self.page.mouse.wheel(0, 1)
        if left := untranslated(self.page):
            self.found[name] = left
        if (wider := self.page.evaluate(_WIDER)) > 0:
            self.wide[name] = wider


@contextmanager
def visiting(chromium: Browser, url: str, language: str) -> Iterator[Visit]:
    context = chromium.new_context(viewport=PHONE, locale=language, is_mobile=True, has_touch=True)
    context.set_default_timeout(PATIENCE_MS)
    yield Visit(context, url)
    context.close()


def players_pages(wolves: Guild) -> dict[str, str]:
    """The pages of people without an account, by name."""
    ann = wolves.members.filter(member_redemptions__state="needs_correction").order_by("pk")[0]
    link = joining.make_join_link(wolves.pk, needs_approval=True)
    _link, token = PlayerLink.objects.issue(guild_id=wolves.pk, member=ann, is_confirmed=True)
    shown = PublicPage.objects.create(guild=wolves)
    return {
        "join": reverse("players:join", args=[link.token]),
        "my": reverse("players:my", args=[token]),
        "public": reverse("players:public", args=[shown.public_id]),
        "ended": "/my/none/",
        "missing": "/none/",
        "invitation": "/invitation/none/",
    }


def test_each_text_of_members_and_login_pages_is_translated_and_fits_a_phone(
    chromium: Browser, live_server: Any, admin_user: Any, settings: Any, monkeypatch: Any
) -> None:
    pseudo.install(settings, monkeypatch, pseudo.Longer())
    world = build(user=admin_user, members=12)
    with visiting(chromium, live_server.url, pseudo.LANGUAGE) as visit:
        visit.look("login", "/admin/login/")
        for name, address in players_pages(world.guild).items():
            visit.look(name, address)
    assert "\n".join(f"{name}: {words}" for name, words in visit.found.items()) == ""
    assert visit.wide == {}


def test_each_text_of_the_admins_pages_is_translated_and_fits_a_phone(
    chromium: Browser, live_server: Any, admin_user: Any, settings: Any, monkeypatch: Any
) -> None:
    pseudo.install(settings, monkeypatch, pseudo.Longer())
    with visiting(chromium, live_server.url, pseudo.LANGUAGE) as visit:
        log_in(visit.page.context, live_server.url, admin_user)
        visit.look("first steps", "/admin/")
        world = build(user=admin_user, members=12)
        of_members = pages_of_members(world.guild, admin_user)
        for name, address in {**pages(world), **of_members, **ACCESS, **CONNECTING}.items():
            visit.look(name, address)
    assert "\n".join(f"{name}: {words}" for name, words in visit.found.items()) == ""
    assert visit.wide == {}


def test_pages_from_right_to_left_fit_a_phone(
    chromium: Browser, live_server: Any, admin_user: Any
) -> None:
    world = build(user=admin_user, members=12)
    with visiting(chromium, live_server.url, "ar") as visit:
        log_in(visit.page.context, live_server.url, admin_user)
        for name, address in {**players_pages(world.guild), **pages(world)}.items():
            visit.look(name, address)
            assert visit.page.evaluate("getComputedStyle(document.body).direction") == "rtl", name
            codes = visit.page.locator("code")
            assert {
                one.evaluate("one => getComputedStyle(one).direction") for one in codes.all()
            } <= {"ltr"}, name
    assert visit.wide == {}


def test_the_search_for_wide_pages_and_foreign_words_finds_them(
    chromium: Browser, live_server: Any, settings: Any, monkeypatch: Any
) -> None:
    pseudo.install(settings, monkeypatch, pseudo.Longer())
    with visiting(chromium, live_server.url, pseudo.LANGUAGE) as visit:
        visit.page.route(
            "**/wide/",
            lambda route: route.fulfill(
                content_type="text/html",
                body='<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
                '<p style="width: 500px">A sentence ⟦translated⟧</p>',
            ),
        )
        visit.look("wide", "/wide/")
    assert visit.found == {"wide": "sentence"}
    assert visit.wide["wide"] > 0


def test_a_reader_chooses_a_language_without_a_script_and_stays_on_the_page(
    chromium: Browser, live_server: Any, admin_user: Any
) -> None:
    world = build(user=admin_user, members=12)
    address = players_pages(world.guild)["my"]
    context = chromium.new_context(viewport=PHONE, locale="en", java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(live_server.url + address)
    page.locator(".languages summary").click()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert page.url == live_server.url + address
    context.close()
