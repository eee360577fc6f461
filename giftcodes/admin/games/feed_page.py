"""What the pages of a feed show: its state in words, the last test, and a webhook's address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common import live as live_parts
from giftcodes.admin.common.html import NOTHING, badge, model_url
from giftcodes.admin.games.connecting import insist_on_administrator, tested
from giftcodes.domain.lists import joined
from giftcodes.models import CodeSighting, ConnectionCheck, Feed
from giftcodes.models.feed import FeedKind
from giftcodes.models.games import games
from giftcodes.models.site_settings import site_url
from giftcodes.services import sources

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

#: What each kind is for, on the page that asks for the kind.
_KINDS = {
    FeedKind.COMMUNITY: _("The list that the community's bots share. You enter its address."),
    FeedKind.KINGSHOT_NET: _("The list of kingshot.net, which says when each code ends."),
    FeedKind.JSON: _("Any service that answers with JSON. You name the fields of the codes."),
    FeedKind.RSS: _("A news feed whose entries contain the codes."),
    FeedKind.WEB_PAGE: _("A page for people. You name the part of the page that has the codes."),
    FeedKind.PUSHED: _("A program of yours, such as a bot, sends each code to this site."),
}
#: How many codes the page of a feed names.
_NAMED = 30


def chosen_kind(request: HttpRequest) -> FeedKind | None:
    """The kind of the feed to add, from the address. None if none was chosen."""
    kind = request.GET.get("kind", "")
    return FeedKind(kind) if kind in _KINDS else None


def kinds(request: HttpRequest) -> HttpResponse:
    """The page that asks which kind of feed to add."""
    add = model_url(Feed, "add")
    provider = request.GET.get("provider", "")
    game = f"&provider={provider}" if provider in games() else ""
    context = {
        **admin.site.each_context(request),
        "title": _("Add a feed"),
        "kinds": [
            {"label": kind.label, "words": words, "url": f"{add}?kind={kind.value}{game}"}
            for kind, words in _KINDS.items()
        ],
    }
    return TemplateResponse(request, "admin/giftcodes/feed/kinds.html", context)


def add_context(kind: FeedKind) -> dict[str, Any]:
    """The values for the page that adds a feed of a kind."""
    return {
        "title": gettext("Add a feed: %s") % kind.label,
        "kind_words": _KINDS[kind],
        "kinds_url": model_url(Feed, "add"),
        # The page of the new feed has the next step.
        "show_save_and_add_another": False,
    }


def is_connected(feed: Feed) -> bool:
    """Whether the feed's game is on. The main feed of a game must also have an address."""
    config = games().get(feed.provider)
    return config is not None and config.is_on and (not feed.is_main or config.has_feed)


def state_badge(feed: Feed) -> SafeString:
    """The state of a feed, in words."""
    if not is_connected(feed):
        return badge(
            "off", _("not set up") if feed.is_main else _("off: the game is not connected")
        )
    if not feed.enabled:
        return badge("paused", _("switched off"))
    if feed.distrusted_at is not None:
        return badge("failed", _("no longer trusted: its new codes wait for an administrator"))
    if feed.is_pushed and not feed.token_hash:
        return badge("stop", _("has no token yet"))
    if feed.failures:
        return badge("failed", _("failing"))
    if feed.held:
        words = ngettext("on; %d new code waits", "on; %d new codes wait", feed.held) % feed.held
        return badge("on", words)
    if not feed.is_main and feed.answered_at is None:
        return badge("stop", _("no answer yet"))
    return badge("on", _("on") if feed.is_trusted else _("on; new codes wait for an administrator"))


def codes_now(feed: Feed) -> str:
    """The codes that a feed lists now, the newest first."""
    rows = CodeSighting.objects.filter(feed=feed, is_listed=True).order_by("-first_seen_at", "-pk")
    named = list(rows.values_list("gift_code__code", flat=True)[: _NAMED + 1])
    if not named:
        return NOTHING
    more = [gettext("and more")] if len(named) > _NAMED else []
    return joined([*named[:_NAMED], *more])


def ask_for_test(request: HttpRequest, feed: Feed) -> None:
    """Let a worker fetch the feed once."""
    token = sources.request_test(feed, user_id=request.user.pk)
    if token is not None:
        tasks.enqueue_on_commit(tasks.check_connection, sources.name_of_test(feed), token)


def context(request: HttpRequest, feed: Feed) -> dict[str, Any]:
    """The values for the template of a feed's page."""
    is_own = bool(request.user.is_superuser)
    return {
        "feed": feed,
        "connect_url": reverse("admin:connect_one_game", args=[feed.provider])
        if feed.is_main and is_own and feed.provider in games()
        else "",
        "webhook": _webhook(request, feed, "TOKEN") if feed.is_pushed and is_own else None,
        "shows_test": is_own and not feed.is_main and not feed.is_pushed,
        **_test(feed),
    }


def live(request: HttpRequest, feed_id: int) -> HttpResponse:
    """Return the part of a feed's page that shows the last test. live.js requests it."""
    insist_on_administrator(request)
    feed = Feed.objects.filter(pk=feed_id).first()
    if feed is None:
        raise Http404
    values = _test(feed)
    template = "admin/giftcodes/connecting/tested.html"
    parts = live_parts.parts_of(request, {"connection": template}, values)
    return live_parts.answer(parts, again_in_seconds=values["again_in_seconds"])


def token_context(request: HttpRequest, feed: Feed, token: str) -> dict[str, Any]:
    """The values for the page that shows a new token once."""
    return {
        "title": gettext("Token of %s") % feed,
        "token": token,
        "webhook": _webhook(request, feed, token),
        "feed_url": model_url(Feed, "change", feed.pk),
    }


def _test(feed: Feed) -> dict[str, Any]:
    name = sources.name_of_test(feed)
    values = tested(ConnectionCheck.objects.filter(pk=name).first(), name)
    return {**values, "live_url": reverse("admin:live_feed", args=[feed.pk])}


def _webhook(request: HttpRequest, feed: Feed, token: str) -> dict[str, str]:
    """The address of a webhook, and a command that sends a code."""
    base = site_url() or request.build_absolute_uri("/").rstrip("/")
    address = f"{base}{reverse('receive_codes', args=[feed.pk])}"
    return {
        "address": address,
        "command": (
            f"curl -X POST {address} -H 'Authorization: Bearer {token}' "
            """-H 'Content-Type: application/json' -d '{"code": "FROST2026"}'"""
        ),
    }
