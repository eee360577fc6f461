"""No address of a list reveals a value that the list does not show, or a row of another guild."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateField, Model
from django.test import RequestFactory
from django.urls import reverse

from giftcodes.admin.common.scoped import Scoped
from giftcodes.models import Channel, Guild, Member, MemberRedemption
from tests.admin import crawl, past
from tests.factories import guild, member
from tests.security.people import Person, everyone

#: Every lookup that Django has for a column. The empty one stands for a filter without a lookup.
LOOKUPS = (
    *("", "exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith"),
    *("iendswith", "regex", "iregex", "gt", "gte", "lt", "lte", "range", "in", "isnull", "search"),
    *("year", "iso_year", "month", "day", "week", "week_day", "quarter", "date", "time", "hour"),
    *("minute", "second", "year__gt", "date__gt", "exact__exact", "pk"),
)
#: The lookups that a filter of a list may use, and further lookups that a filter by date may use.
_PLAIN = {"", "exact", "in", "isnull"}
_OF_DATES = {"gte", "lt", "year", "month", "day"}
#: Columns that no list may filter, sort or search by.
_SECRET = re.compile(
    r"address(?<!ip_address)|password|token|key|session|doubt|reason|post_data|get_data|notes|body"
)
#: The statuses with which lists refuse an unknown filter, by role. 403: the role may not open the
#: list at all.
EXPECTED = {
    "administrator": {400},
    "viewer": {400, 403},
    "officer": {400, 403},
    "watcher": {400},
    "staff": {403},
}
ROLES = tuple(EXPECTED)


@pytest.fixture
def people(db: None) -> dict[str, Person]:
    """A person of each role, and rows of two guilds. The first guild is the officer's."""
    past.live(2)
    return everyone(Guild.objects.order_by("pk").first())  # type: ignore[arg-type]


def pages() -> list[Any]:
    """The admin class of each registered model."""
    return list(admin.site._registry.values())


def columns(model: type[Model]) -> Iterator[str]:
    """The paths to all columns of a model, and of the models that it is directly related to."""
    for field in model._meta.get_fields(include_hidden=True):
        name = field.name
        yield name
        if getattr(field, "attname", name) != name:
            yield field.attname
        if field.is_relation and isinstance(field.related_model, type):
            yield from (f"{name}__{column.name}" for column in field.related_model._meta.fields)


def names(model: type[Model]) -> Iterator[tuple[str, str, str]]:
    """Each filter that an address can have: its name, its column and its lookup."""
    for path in columns(model):
        for lookup in LOOKUPS:
            yield (f"{path}__{lookup}" if lookup else path), path, lookup


def address_of(page: Any, **query: str) -> str:
    opts = page.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist", query=query)


def offered(page: Any, path: str, lookup: str) -> bool:
    """Whether the list should offer this filter, by the rules of Django's documentation."""
    filters = [item[0] if isinstance(item, tuple) else item for item in page.list_filter]
    known = [path, path.removesuffix("__id"), path.removesuffix("__username")]
    is_date = False
    with contextlib.suppress(FieldDoesNotExist):
        is_date = isinstance(get_fields_from_path(page.model, path)[-1], DateField)
    if is_date and page.date_hierarchy == path and lookup in _OF_DATES:
        return True
    return any(item in filters for item in known) and (
        lookup in _PLAIN or (is_date and lookup in _OF_DATES)
    )


# --- Filters --------------------------------------------------------------------------------------
def test_every_registered_model_has_our_base_class() -> None:
    assert [page for page in pages() if not isinstance(page, Scoped)] == []


@pytest.mark.parametrize("role", ROLES)
def test_each_column_and_each_lookup_is_refused_unless_the_list_offers_it(
    people: dict[str, Person], role: str
) -> None:
    request = RequestFactory().get("/")
    request.user = people[role].user
    tried = accepted = 0
    wrong = []
    for page in pages():
        for name, path, lookup in names(page.model):
            tried += 1
            if not page.lookup_allowed(name, "1", request):
                continue
            accepted += 1
            is_known = name in page.linked_lookups or offered(page, path, lookup)
            if not is_known or _SECRET.search(name):
                wrong.append(f"{page.opts.label}: {name}")
    assert wrong == []
    assert tried > 20_000
    assert 50 < accepted < tried / 50


@pytest.mark.parametrize("role", ROLES)
def test_a_list_answers_an_unknown_filter_with_a_plain_400(
    people: dict[str, Person], role: str
) -> None:
    """One filter of the list of each model, and each lookup of a secret column."""
    client = people[role].client
    seen = set()
    for page in pages():
        column = page.model._meta.fields[-1].name
        response = client.get(address_of(page, **{f"{column}__regex": "^(.+)(.+)\\1\\2$"}))
        seen.add(response.status_code)
        if response.status_code == 400:
            assert "This address cannot be used" in response.content.decode()
        else:
            assert response.status_code == 403
            assert not page.has_view_or_change_permission(response.wsgi_request)
    assert seen == EXPECTED[role]
    channels = admin.site._registry[Channel]
    for lookup in LOOKUPS:
        name = f"address__{lookup}" if lookup else "address"
        assert client.get(address_of(channels, **{name: "https"})).status_code in (400, 403)


@pytest.mark.parametrize(
    "query",
    [
        {"reason__startswith": "Covered: the player has it through guild D"},
        {"covered_by__redemption__guild__name": "D"},
        {"covered_by__isnull": "0"},
        {"member__notes__contains": "a"},
        {"redemption__guild__channels__address__startswith": "https"},
        {"channel__address__startswith": "https"},
        {"channel__role_id__startswith": "1"},
        {"redemption__guild__id__exact": "x"},
        {"state__exact__exact": "redeemed"},
        {"nonsense": "1"},
    ],
)
def test_a_filter_that_would_tell_more_than_the_list_shows_is_a_400(
    people: dict[str, Person], query: dict[str, str]
) -> None:
    page = admin.site._registry[MemberRedemption]
    for role in ("officer", "viewer", "administrator"):
        assert people[role].client.get(address_of(page, **query)).status_code == 400


def test_a_list_cannot_be_filtered_by_the_doubt_about_a_code(people: dict[str, Person]) -> None:
    for name in ("doubt_guild", "doubt_guild__id__exact", "doubt_player_id", "doubted_at__isnull"):
        address = reverse("admin:giftcodes_giftcode_changelist", query={name: "1"})
        assert people["officer"].client.get(address).status_code == 400


def test_a_refused_filter_is_refused_for_an_action_too(people: dict[str, Person]) -> None:
    one = Member.objects.order_by("pk").first()
    assert one is not None
    data = {
        "action": "deactivate",
        "shown": "yes",
        "_selected_action": one.pk,
        "index": 0,
        "select_across": 1,
    }
    for query in ({"notes__regex": "."}, {"guild__id__exact": "x"}):
        address = reverse("admin:giftcodes_member_changelist", query=query)
        assert people["administrator"].client.post(address, data).status_code == 400
    assert not Member.objects.filter(active=False).exists()


# --- Rows of another guild ------------------------------------------------------------------------
def test_the_filter_of_a_foreign_guild_lists_nothing_and_an_action_hits_nothing(
    people: dict[str, Person],
) -> None:
    own = people["officer"].user.guilds.get()  # type: ignore[attr-defined]
    foreign = Guild.objects.exclude(pk=own.pk).order_by("pk")[0]
    mine = member(own)
    for name in ("guild__id__exact", "guild__id__in"):
        address = reverse("admin:giftcodes_member_changelist", query={name: foreign.pk})
        response = people["officer"].client.get(address)
        assert response.status_code == 200
        assert response.context["cl"].result_count == 0
        assert mine.player_id not in response.content.decode()
        for select_across in (0, 1):
            data = {
                "action": "deactivate",
                "shown": "yes",
                "_selected_action": [mine.pk],
                "index": 0,
                "select_across": select_across,
            }
            assert people["officer"].client.post(address, data).status_code == 302
    assert not Member.objects.filter(active=False).exists()


def test_the_filter_of_the_officer_s_own_guild_lists_its_members(people: dict[str, Person]) -> None:
    own = people["officer"].user.guilds.get()  # type: ignore[attr-defined]
    address = reverse("admin:giftcodes_member_changelist", query={"guild__id__exact": own.pk})
    response = people["officer"].client.get(address)
    assert response.context["cl"].result_count == own.members.count() > 0


def test_a_search_finds_no_row_of_another_guild(people: dict[str, Person]) -> None:
    """The terms are words, and beginnings of words, that only the other guild has."""
    own = people["officer"].user.guilds.get()  # type: ignore[attr-defined]
    foreign = Guild.objects.exclude(pk=own.pk).order_by("pk")[0]
    Guild.objects.filter(pk=foreign.pk).update(name="Xenophobes")
    member(foreign, "777000111", nickname="Zyxw")
    MemberRedemption.objects.filter(member__guild=foreign).update(player_id="777000111")
    Channel.objects.filter(guild=own).update(error="Refused.")
    opened = 0
    for page in pages():
        if page.get_search_fields(None) and page.opts.model_name != "giftcode":
            for term in ("Xenophobes", "Xeno", "Zyxw", "Zy", "777000111", "7770", past.SECRET):
                response = people["officer"].client.get(address_of(page, q=term))
                if response.status_code == 200:
                    assert response.context["cl"].result_count == 0, (page, term)
                    opened += 1
    assert opened > 50


# --- Sorting, search, autocompletes, popups -------------------------------------------------------
def test_no_list_sorts_or_searches_by_a_secret_column() -> None:
    request = RequestFactory().get("/")
    for page in pages():
        assert not [name for name in page.get_search_fields(request) if _SECRET.search(name)]
        for shown in page.list_display:
            method = getattr(page, shown, None)
            column = getattr(method, "admin_order_field", None) if method else shown
            # A list may show a reason, and sort by it.
            assert "reason" in str(column) or not _SECRET.search(str(column)), column


def test_a_list_sorts_by_its_own_columns_only(people: dict[str, Person]) -> None:
    address = reverse("admin:giftcodes_channel_changelist")
    plain = people["administrator"].client.get(address).context["cl"]
    for order in ("99", "-99", "address", "1.address", "2", "-2"):
        found = people["administrator"].client.get(address, {"o": order})
        assert found.status_code == 200
        assert "address" not in str(found.context["cl"].queryset.query.order_by)
        assert found.context["cl"].result_count == plain.result_count


def test_only_the_search_fields_of_forms_have_an_autocomplete(people: dict[str, Person]) -> None:
    answers = {}
    for model in admin.site._registry:
        for field in model._meta.get_fields(include_hidden=True):
            if not field.is_relation:
                continue
            query = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": field.name,
                "term": "",
            }
            response = people["administrator"].client.get(
                reverse("admin:autocomplete", query=query)
            )
            answers[f"{model.__name__}.{field.name}"] = response.status_code
    assert {name for name, status in answers.items() if status == 200} == {
        "Channel.guild",
        "Guild.officers",
        "Invitation.guilds",
        "Member.guild",
    }
    assert set(answers.values()) == {200, 403}


@pytest.mark.parametrize("field", ["address", "guild__name", "error", "pk", "guild"])
def test_a_row_is_referred_to_by_its_key_only(people: dict[str, Person], field: str) -> None:
    channel = Channel.objects.order_by("pk").first()
    assert channel is not None
    for page in (
        reverse("admin:giftcodes_channel_changelist"),
        reverse("admin:giftcodes_channel_change", args=[channel.pk]),
    ):
        response = people["administrator"].client.get(page, {"_to_field": field, "_popup": "1"})
        assert response.status_code == 400
        assert past.SECRET not in response.content.decode()
        assert people["administrator"].client.get(page, {"_to_field": "id"}).status_code == 200


# --- Our own links --------------------------------------------------------------------------------
@pytest.mark.slow
def test_each_link_to_a_list_on_our_own_pages_opens(people: dict[str, Person]) -> None:
    guild(members=1)
    client = people["administrator"].client
    found: dict[tuple[str, ...], str] = {}
    addresses = [
        *crawl.lists(),
        *(page for row in crawl.rows() for page in crawl.pages_of(row)),
        *crawl.pages_of_players(Member.objects.all()),
    ]
    for address, content in crawl.read(client, addresses).items():
        path = address.partition("?")[0]
        for link in re.findall(r'href="([^"]*\?[^"]*)"', content):
            target = html.unescape(link)
            target = path + target if target.startswith("?") else target
            parts = urlsplit(target)
            # One link is enough for each page and each set of filters.
            found.setdefault((parts.path, *sorted(parse_qs(parts.query))), target)
    lists = [link for link in found.values() if link.startswith("/admin/") and "/add/" not in link]
    assert sum("__exact" in link for link in lists) > 20
    assert {link for link in lists if client.get(link).status_code != 200} == set()
