"""The pages under “Connect a game”.

They set the salt and the feed of each game, the channel for alarms, and the address of the site.
Only administrators open these pages. What is entered is stored encrypted. A worker tests the
channel, or the game if it is on, at once. The pages show who entered a value and when, but never a
secret: of the addresses of a game and its feed, they show only the scheme and the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common import live as live_parts
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import badge, model_url
from giftcodes.admin.games.connection_forms import (
    ChannelForm,
    GameForm,
    SiteForm,
    base_of,
    default_of,
)
from giftcodes.domain.findings import TOPIC_LABELS, Finding, FindingKind, Topic
from giftcodes.domain.sentences import Sentence
from giftcodes.models import ConnectionCheck, Guild, RateBudget, StoredSetting, database_now
from giftcodes.models.games import SECRETS, games, is_fixed
from giftcodes.models.site_settings import OPERATOR_CHANNEL, SITE_URL, site_url
from giftcodes.models.stored_setting import refresh_stored_values
from giftcodes.queries.connections import (
    NAMES,
    STATE_BADGES,
    Connection,
    connection_of,
    connections,
)
from giftcodes.queries.discord import bot
from giftcodes.queries.heartbeat import is_beating, pulse_age_seconds
from giftcodes.services import connections as service

if TYPE_CHECKING:
    from django.forms import Form
    from django.http import HttpRequest, HttpResponse

#: How long the page waits between two requests for the result of a running test.
_AGAIN_SECONDS = 1.0

#: Findings which show that the salt is wrong.
_SALT_REFUSED = {FindingKind.SIGNATURE_REFUSED, FindingKind.SERVICE_REFUSES}
#: The fields, in the order in which the page shows them and a sentence lists them.
_FIELDS = ("salt", "feed_url", "feed_key", "feed_format", "api_url", "is_enabled")
_SWITCH = {"on": "1", "off": "0"}
_SWITCHED = {"on": "did_switch_on", "off": "did_switch_off"}
#: The fields whose value can be removed, with the consequence of removing it.
_REMOVALS = {
    "salt": _("No code is redeemed for the game until a salt is entered again."),
    "api_url": _("The usual address of the game is used again."),
    "feed_url": _("The feed is no longer asked. Codes are added by hand."),
    "feed_key": _("The feed is asked without a key."),
}


# --- All games, and the site ----------------------------------------------------------------------
def overview(request: HttpRequest) -> HttpResponse:
    """Show all games with their state, the channel for alarms and the address of the site."""
    insist_on_administrator(request)
    refresh_stored_values()
    forms: dict[str, Form] = {}
    if request.method == "POST":
        act = _SITE_ACTS.get(request.POST.get("act", ""))
        if act is None:
            return HttpResponseRedirect(reverse("admin:connect_game"))
        refused = act(request)
        if refused is None:
            return HttpResponseRedirect(reverse("admin:connect_game"))
        forms = refused
    context = {
        **admin.site.each_context(request),
        "title": _("Connect a game"),
        "games": [_card(one) for one in connections()],
        "channel": setting_source(OPERATOR_CHANNEL, settings.OPERATOR_CHANNEL),
        "channel_form": forms.get("channel") or ChannelForm(auto_id="channel_%s"),
        "site": setting_source(SITE_URL, settings.SITE_URL),
        "site_url": site_url(),
        "here": request.build_absolute_uri("/").rstrip("/"),
        "site_form": forms.get("site") or SiteForm(auto_id="site_%s"),
        "discord": bot(),
        "discord_url": reverse("admin:discord_bot"),
        **tested(ConnectionCheck.objects.filter(pk=OPERATOR_CHANNEL).first(), OPERATOR_CHANNEL),
    }
    return TemplateResponse(request, "admin/giftcodes/connecting/overview.html", context)


def _card(one: Connection) -> dict[str, Any]:
    return {
        "connection": one,
        "badge": badge(STATE_BADGES[one.state], one.state.label),
        "url": reverse("admin:connect_one_game", args=[one.config.name]),
        "is_simulator": one.config.name == "simulator",
    }


def _save_channel(request: HttpRequest) -> dict[str, Form] | None:
    form = ChannelForm(request.POST, auto_id="channel_%s")
    if settings.OPERATOR_CHANNEL:
        return None
    if not form.is_valid():
        return {"channel": form}
    service.save_operator_channel(form.cleaned_data["address"], user_id=request.user.pk)
    log_setting(request, OPERATOR_CHANNEL, Sentence.of("did_set"))
    _ask_for_test(request, OPERATOR_CHANNEL)
    messages.success(request, gettext("Saved. A test message is being sent to the channel."))
    return None


def _remove_channel(request: HttpRequest) -> None:
    if not settings.OPERATOR_CHANNEL:
        service.save_operator_channel(None, user_id=request.user.pk)
        log_setting(request, OPERATOR_CHANNEL, Sentence.of("did_remove"))
        messages.success(request, gettext("Removed. Alarms are now shown only on the pages."))


def _test_channel(request: HttpRequest) -> None:
    _ask_for_test(request, OPERATOR_CHANNEL)


def _save_site(request: HttpRequest) -> dict[str, Form] | None:
    form = SiteForm(request.POST, auto_id="site_%s")
    if settings.SITE_URL:
        return None
    if not form.is_valid():
        return {"site": form}
    service.save_site_url(form.cleaned_data["address"], user_id=request.user.pk)
    log_setting(request, SITE_URL, Sentence.of("did_set"))
    messages.success(request, gettext("Saved. New messages have links to the site."))
    return None


def _remove_site(request: HttpRequest) -> None:
    if not settings.SITE_URL:
        service.save_site_url(None, user_id=request.user.pk)
        log_setting(request, SITE_URL, Sentence.of("did_remove"))
        messages.success(request, gettext("Removed. New messages have no links."))


_SITE_ACTS: dict[str, Callable[[HttpRequest], dict[str, Any] | None]] = {
    "save_channel": _save_channel,
    "remove_channel": _remove_channel,
    "test_channel": _test_channel,
    "save_site": _save_site,
    "remove_site": _remove_site,
}


def log_setting(request: HttpRequest, name: str, done: Sentence) -> None:
    """Record in the history what a person did with a setting of the site."""
    log(request, [StoredSetting(name=name)], done)


# --- One game -------------------------------------------------------------------------------------
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the connection of a game, and carry out the action of the pressed button."""
    insist_on_administrator(request)
    base = _base(name)
    refresh_stored_values()
    form = GameForm(None, base=base, current=games()[name])
    if request.method == "POST":
        form = GameForm(request.POST, base=base, current=games()[name])
        if _act(request, name, form):
            return HttpResponseRedirect(reverse("admin:connect_one_game", args=[name]))
    connection = connection_of(games()[name])
    context = {
        **admin.site.each_context(request),
        "title": gettext("Connect %s") % base.title,
        "form": form,
        "fields": _fields(name, form),
        "switch": base.setting("is_enabled") if is_fixed(base, "is_enabled") else "",
        "history_url": model_url(RateBudget, "history", name),
        "game_url": model_url(RateBudget, "change", name),
        **_part(connection),
    }
    return TemplateResponse(request, "admin/giftcodes/connecting/game.html", context)


def _act(request: HttpRequest, name: str, form: GameForm) -> bool:
    """Carry out the action of the pressed button. Return False to show the form again."""
    act = request.POST.get("act", "")
    removed = act.removeprefix("remove_")
    if act == "test":
        _ask_for_test(request, name)
    elif act in _SWITCH:
        _change(request, name, {"is_enabled": _SWITCH[act]}, _SWITCHED[act])
    elif act.startswith("remove_") and removed in _REMOVALS:
        _change(request, name, {removed: None}, "did_remove_fields")
    elif not form.is_valid():
        return False
    elif changes := form.changes():
        _change(request, name, changes, "did_set_fields")
    else:
        messages.info(request, gettext("Nothing was entered, so nothing has changed."))
    return True


def _change(request: HttpRequest, name: str, changes: dict[str, str | None], key: str) -> None:
    changed = service.save_game(name, changes, user_id=request.user.pk)
    if not changed:
        messages.warning(
            request, gettext("Nothing has changed, because the environment sets this value.")
        )
        return
    fields = [Sentence.of(f"field_{field}") for field in _FIELDS if field in changed]
    row, _is_new = RateBudget.objects.get_or_create(pk=name)
    said = Sentence.of(key, fields=Sentence.list_of(fields))
    log(request, [row], said)
    refresh_stored_values()
    if not games()[name].is_on:
        messages.success(request, said)
        return
    # Only the test shows whether the values are right, so nothing is green before its result.
    tested = gettext("The connection is being tested.")
    messages.info(request, f"{said} {tested}")
    _ask_for_test(request, name)


def live(request: HttpRequest, name: str) -> HttpResponse:
    """Return the part of a page that shows the last test. live.js requests it."""
    insist_on_administrator(request)
    refresh_stored_values()
    if name == OPERATOR_CHANNEL:
        template = "admin/giftcodes/connecting/tested.html"
        context = tested(ConnectionCheck.objects.filter(pk=name).first(), name)
    else:
        _base(name)
        template = "admin/giftcodes/connecting/state.html"
        context = _part(connection_of(games()[name]))
    parts = live_parts.parts_of(request, {"connection": template}, context)
    return live_parts.answer(parts, again_in_seconds=context["again_in_seconds"])


def _part(connection: Connection) -> dict[str, Any]:
    return {
        "connection": connection,
        "config": connection.config,
        "reason": _on_this_page(connection.reason),
        "badge": badge(STATE_BADGES[connection.state], capfirst(str(connection.state.label))),
        "guild_url": model_url(Guild, "add"),
        "has_guild": Guild.objects.active().filter(provider=connection.config.name).exists(),
        **tested(connection.check, connection.config.name),
    }


def tested(check: ConnectionCheck | None, name: str) -> dict[str, Any]:
    """What the last test found, for the templates."""
    now = database_now()
    is_under_way = check is not None and check.is_under_way(now)
    waits = is_under_way and check is not None and check.started_at is None
    return {
        "check": check,
        "live_url": reverse("admin:live_connection", args=[name]),
        "is_under_way": is_under_way,
        "is_lost": check is not None and check.finished_at is None and not is_under_way,
        "workers_are_down": waits and not is_beating(pulse_age_seconds(now)),
        "findings": [
            {
                "topic": TOPIC_LABELS[topic],
                "sign": {True: "✓", False: "✗", None: "–"}[finding.ok],
                "tone": {True: "good", False: "bad", None: "calm"}[finding.ok],
                "says": {True: _("works"), False: _("does not work"), None: _("no verdict")}[
                    finding.ok
                ],
                "words": _on_this_page(finding.words_with(NAMES)),
            }
            for topic, finding in (_findings(check) if check is not None else [])
        ],
        "again_in_seconds": _AGAIN_SECONDS if is_under_way else None,
    }


def _on_this_page(words: str) -> str:
    """Put “below” into advice that says “under Connect a game”, because that is this page."""
    for what in ("address", "key"):
        there, here = Sentence.of(f"check_{what}_of_game"), Sentence.of(f"check_{what}_below")
        words = words.replace(there, here)
    return words


def _findings(check: ConnectionCheck) -> list[tuple[Topic, Finding]]:
    """The findings to show, without the finding “a salt is set” if the game refuses the salt."""
    found = check.found
    if any(one.kind in _SALT_REFUSED for _topic, one in found):
        return [(topic, one) for topic, one in found if one.kind is not FindingKind.SALT_SET]
    return found


def _fields(name: str, form: GameForm) -> list[dict[str, Any]]:
    """Each field of the page, with the source of its value."""
    base, current = base_of(name), games()[name]
    order = [field for field in _FIELDS if field != "is_enabled"]
    rows = _rows(base.setting(field) for field in order)
    return [
        {
            "name": field,
            "label": form.declared_fields[field].label,
            "field": form[field] if field in form.fields else None,
            "setting": base.setting(field),
            "is_fixed": is_fixed(base, field),
            "is_set_there": field in base.from_environment
            or (field in SECRETS and bool(getattr(base, field))),
            "row": rows.get(base.setting(field)),
            "shown": "" if field in SECRETS else _shown(current, field),
            "removal": _REMOVALS.get(field, ""),
        }
        for field in order
    ]


def _shown(config: Any, field: str) -> str:
    """The scheme and host of an address. Empty for the format, which the form itself shows."""
    if field == "feed_format":
        return ""
    return default_of(config, field)


def setting_source(name: str, in_environment: str) -> dict[str, Any]:
    """Where the value of a setting comes from, for `connecting/source.html`."""
    is_fixed = bool(in_environment)
    return {
        "setting": name,
        "is_fixed": is_fixed,
        "row": None if is_fixed else _rows([name]).get(name),
    }


def _rows(names: Iterable[str]) -> dict[str, StoredSetting]:
    return StoredSetting.objects.select_related("set_by").in_bulk(list(names))


def _ask_for_test(request: HttpRequest, name: str) -> None:
    token = service.request_check(name, user_id=request.user.pk)
    if token is not None:
        tasks.enqueue_on_commit(tasks.check_connection, name, token)


def _base(name: str) -> Any:
    try:
        return base_of(name)
    except KeyError:
        raise Http404 from None


def insist_on_administrator(request: HttpRequest) -> None:
    """Refuse anybody else.

    Raises:
        PermissionDenied: the person is no administrator.
    """
    if not request.user.is_superuser:
        raise PermissionDenied
