"""Roles: an officer sees nothing of another guild, and a viewer sees all and changes nothing."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from giftcodes.admin.common.html import guild_url, page_url
from giftcodes.domain.sentences import Sentence
from giftcodes.models import (
    Alarm,
    Announcement,
    Attempt,
    Channel,
    DirectoryLookup,
    GiftCode,
    Guild,
    Invitation,
    Member,
    MemberImport,
    MemberRedemption,
    RateBudget,
    Redemption,
    RedemptionEvent,
    Source,
    Trigger,
)
from giftcodes.models.roles import OFFICERS, VIEWERS, Role, role_of
from giftcodes.queries import scope
from giftcodes.services.changes import words_of
from giftcodes.services.code_proposals import propose
from giftcodes.services.links import invite
from tests.admin import crawl, past
from tests.admin.conftest import Browser, TaskQueue, address, errors
from tests.factories import gift_code, guild, member

migration = importlib.import_module("giftcodes.migrations.0005_roles")
imports_migration = importlib.import_module("giftcodes.migrations.0010_see_imports")
officers_migration = importlib.import_module("giftcodes.migrations.0032_invitations")
directories_migration = importlib.import_module("giftcodes.migrations.0018_directory_schedule")
#: Names and player IDs that an officer of Wolves must never see.
STRANGE = (
    "Strangers",
    "Aliens",
    "STRANGERS",
    "ALIENS",
    "Nobody-of-yours",
    "777000111",
    "CODEOFALIENS",
    "/webhooks/",
)


@dataclass(frozen=True, slots=True)
class World:
    """Wolves are the officer's guild.

    Strangers play the same game with the same code, Aliens play another game.
    """

    wolves: Guild
    strangers: Guild
    aliens: Guild
    own: Redemption
    foreign: Redemption


def run(of: Guild, code: GiftCode, *, state: str = "running") -> Redemption:
    """A redemption with all its related rows."""
    row = Redemption.objects.create(
        guild=of, gift_code=code, state=state, run_number=1, trigger=Trigger.POLL
    )
    for one in of.members.all():
        member_redemption = MemberRedemption.objects.create(
            redemption=row,
            member=one,
            gift_code=code,
            player_id=one.player_id,
            state="failed",
            reason="Why.",
        )
        past.attempt(member_redemption)
        DirectoryLookup.objects.get_or_create(provider=of.provider, player_id=one.player_id)
    row.journal("refused", trigger=Trigger.ADMIN)  # type: ignore[arg-type]
    MemberImport.objects.create(guild=of, source=Source.COMMAND, added=1, updated=0, reactivated=0)
    channel, _is_new = Channel.objects.get_or_create(
        guild=of, defaults={"address": "https://discord.com/api/webhooks/1/secret"}
    )
    Announcement.objects.create(
        redemption=row, channel=channel, run_number=1, kind=Announcement.Kind.COMPLETE
    )
    Announcement.objects.create(channel=channel, kind=Announcement.Kind.TEST)
    for kind, subject in ((Alarm.Kind.NO_PROGRESS, row.pk), (Alarm.Kind.UNCOVERED, of.pk)):
        Alarm.objects.get_or_create(
            kind=kind, subject=str(subject), defaults={"message": f"About {of}."}
        )
    return row


def access_of(of: Guild) -> None:
    """Create an officer of a guild, with an invitation and a proposed code."""
    theirs = User.objects.create_user(f"officer-of-{of.name}", is_staff=True)
    of.officers.add(theirs)
    invite(made_by=theirs, role=Role.OFFICER, guilds=[of], invited=f"Friend of {of.name}")
    propose(
        provider=of.provider,
        code=f"OF{of.name}".upper(),
        expires_at=None,
        rewards=f"Says {of.name}.",
        user_id=theirs.pk,
    )


@pytest.fixture
def groups(db: None) -> None:
    """Create the groups of the migrations again, because some tests empty the tables."""
    migration.seed(apps, None)
    imports_migration.let_see(apps, None)
    directories_migration.let_see(apps, None)
    officers_migration.grant(apps, None)


@pytest.fixture
def world(groups: None) -> World:
    wolves, strangers = guild("Wolves"), guild("Strangers")
    aliens = guild("Aliens", provider="kingshot")
    shared, other = gift_code("SHARED"), gift_code("CODEOFALIENS", provider="kingshot")
    for of, nickname, player in (
        (wolves, "Amber", "200"),
        (strangers, "Nobody-of-yours", "777000111"),
    ):
        member(of, player, nickname=nickname)
    member(aliens, "777000112", nickname="Nobody-of-yours")
    for of in (wolves, strangers, aliens):
        access_of(of)
    own, foreign = run(wolves, shared), run(strangers, shared)
    run(aliens, other)
    _twins(own, foreign)
    Alarm.objects.create(
        kind=Alarm.Kind.PROVIDER_PAUSED, subject="simulator", message="Paused, says Strangers."
    )
    RedemptionEvent.objects.create(gift_code=shared, kind="code_reopened")
    return World(wolves, strangers, aliens, own, foreign)


def _twins(own: Redemption, foreign: Redemption) -> None:
    """Add to both guilds a player who has the code through the foreign guild."""
    member_redemptions = [
        MemberRedemption.objects.create(
            redemption=row,
            member=member(row.guild, "555"),
            gift_code=row.gift_code,
            player_id="555",
            state="redeemed" if row is foreign else "pending",
        )
        for row in (foreign, own)
    ]
    MemberRedemption.objects.filter(pk=member_redemptions[1].pk).update(
        state="already_received",
        covered_by=member_redemptions[0],
        reason=Sentence.of("covered"),
    )


def person(name: str, group: str, *guilds: Guild) -> Client:
    """The browser of a new user of a group."""
    user = User.objects.create_user(name, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    for one in guilds:
        one.officers.add(user)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def officer(
    world: World, task_queue: TaskQueue, django_capture_on_commit_callbacks: Any
) -> Browser:
    return Browser(person("officer", OFFICERS, world.wolves), django_capture_on_commit_callbacks)


@pytest.fixture
def viewer(world: World, task_queue: TaskQueue, django_capture_on_commit_callbacks: Any) -> Browser:
    return Browser(person("viewer", VIEWERS), django_capture_on_commit_callbacks)


def sights(user: User) -> tuple[list[Model], list[Model]]:
    """The rows that a person may see, and the others."""
    own, foreign = [], []
    for row in crawl.rows():
        seen = scope.visible(type(row)._default_manager.filter(pk=row.pk), user).exists()
        (own if seen else foreign).append(row)
    return own, foreign


def everything() -> dict[str, list[Any]]:
    """All rows of the app."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in scope.RULES
    }


# --- Officers: what they must not see -------------------------------------------------------------
def test_every_model_with_a_page_has_a_rule_about_who_sees_its_rows() -> None:
    assert set(admin.site._registry) <= set(scope.RULES)
    assert all(isinstance(page, admin.ModelAdmin) for page in admin.site._registry.values())


@pytest.mark.slow
def test_no_page_list_filter_choice_or_export_shows_an_officer_anything_of_another_guild(
    officer: Browser,
) -> None:
    own, _ = sights(User.objects.get(username="officer"))
    addresses = [
        *crawl.lists(),
        *crawl.autocompletes(),
        *(page for row in own for page in crawl.pages_of(row)),
        *(
            reverse("admin:live_redemption", args=[row.pk])
            for row in own
            if isinstance(row, Redemption)
        ),
        *crawl.pages_of_players(row for row in own if isinstance(row, Member)),
    ]
    assert len(addresses) > 100
    pages = crawl.read(officer.client, addresses)
    assert crawl.leaks(pages, STRANGE) == []
    seen = " ".join(pages.values())
    assert [
        word
        for word in ("Wolves", "Amber", "SHARED", "The player has the code already")
        if word not in seen
    ] == []


@pytest.mark.slow
def test_every_address_of_a_row_of_another_guild_is_not_found(
    officer: Browser, world: World
) -> None:
    _, foreign = sights(User.objects.get(username="officer"))
    assert {type(row).__name__ for row in foreign} >= {
        "Guild",
        "Member",
        "Redemption",
        "Attempt",
        "GiftCode",
        "Alarm",
        "Invitation",
        "CodeProposal",
    }
    for row in foreign:
        for page in crawl.pages_of(row):
            for response in (officer.client.get(page), officer.client.post(page, {"post": "yes"})):
                assert response.status_code == 404, (page, response.status_code)
    for page in (
        reverse("admin:live_redemption", args=[world.foreign.pk]),
        *crawl.pages_of_players(world.strangers.members.all()),
        reverse("admin:matrix", query={"guild": world.strangers.pk}),
        reverse("admin:matrix_export", query={"guild": world.strangers.pk}),
    ):
        assert officer.client.get(page).status_code == 404


@pytest.mark.slow
def test_an_action_on_rows_of_another_guild_finds_none(
    officer: Browser, task_queue: TaskQueue
) -> None:
    _, foreign = sights(User.objects.get(username="officer"))
    before = everything()
    for row in foreign:
        page = admin.site._registry[type(row)]
        listing = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")
        for action in page._get_base_actions():
            data = {"action": action[1], "_selected_action": row.pk, "index": 0, "confirm": "yes"}
            assert officer.client.post(listing, data).status_code in (200, 302, 403)
    assert everything() == before
    assert task_queue.enqueued == []


def test_selecting_all_rows_of_a_list_means_only_those_of_the_officer_s_guilds(
    officer: Browser, world: World
) -> None:
    member(world.wolves, "201"), member(world.strangers, "202")
    officer.press("deactivate", world.wolves.members.all()[0], select_across="1", shown="yes")
    assert not world.wolves.members.filter(active=True).exists()
    assert world.strangers.members.filter(active=True).count() == 3


def test_an_officer_has_no_permission_for_another_guild_however_it_was_found(
    officer: Browser, world: World
) -> None:
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="officer")
    page = admin.site._registry[Guild]
    for may in (page.has_view_permission, page.has_change_permission):
        assert may(request, world.wolves)
        assert not may(request, world.strangers)


def test_a_member_cannot_be_added_to_another_guild(officer: Browser, world: World) -> None:
    form = {"player_id": "300", "nickname": "", "realm": "", "active": "on", "consented_on": ""}
    response = officer.post("member_add", data={"guild": world.strangers.pk, **form})
    assert "not one of the available choices" in errors(response)
    officer.save("member_add", guild=world.wolves.pk, **form)
    assert Member.objects.get(player_id="300").guild == world.wolves


@pytest.mark.slow
def test_an_officer_of_no_guild_sees_no_guild_and_reads_what_to_do(world: World) -> None:
    client = person("fresh", OFFICERS)
    assert (
        "You see only the guilds in which you are an officer."
        in client.get("/admin/").content.decode()
    )
    assert (
        "as soon as you are an officer of it"
        in client.get(reverse("admin:matrix")).content.decode()
    )
    assert crawl.leaks(crawl.read(client, crawl.lists()), (*STRANGE, "Wolves", "SHARED")) == []


@pytest.mark.slow
def test_an_officer_s_lists_cost_the_same_with_few_rows_and_with_many(
    officer: Browser, world: World
) -> None:
    pages = (
        "guild",
        "member",
        "giftcode",
        "redemption",
        "memberredemption",
        "redemptionevent",
        "attempt",
    )

    def costs() -> list[int]:
        found = []
        for page in pages:
            with CaptureQueriesContext(connection) as queries:
                assert officer.open(f"{page}_changelist").status_code == 200
            found.append(len(queries))
        return found

    costs()  # The first page of a session takes a few more queries.
    few = costs()
    for _ in range(12):
        member(world.wolves)
        run(world.wolves, gift_code())
    # A page takes one query less if no row of it is covered by another guild.
    assert all(after <= before for after, before in zip(costs(), few, strict=True))
    assert max(few) <= 20


# --- Officers: what they do -----------------------------------------------------------------------
def test_an_officer_changes_the_guild_but_no_field_that_is_for_administrators(
    officer: Browser, world: World
) -> None:
    officer.save(
        "guild_change",
        world.wolves.pk,
        realm="7",
        notes="Ours.",
        name="Bears",
        provider="whiteout",
        priority="99",
        officers=str(User.objects.get(username="officer").pk),
    )
    wolves = Guild.objects.get(pk=world.wolves.pk)
    assert (wolves.realm, wolves.notes, wolves.automatic) == (7, "Ours.", False)
    assert (wolves.name, wolves.provider, wolves.priority, wolves.active) == (
        "Wolves",
        "simulator",
        0,
        True,
    )
    Guild.objects.filter(pk=wolves.pk).update(active=False)
    officer.client.post(
        address("guild_changelist"),
        {"action": "activate", "_selected_action": wolves.pk, "index": 0},
    )
    wolves.refresh_from_db()
    assert not wolves.active


def test_an_officer_starts_stops_and_resumes_runs_of_their_own_guild(
    officer: Browser, world: World
) -> None:
    messages = officer.press("redeem_now", world.own)
    assert "is running already" in messages[0][1]
    assert RedemptionEvent.objects.latest("pk").user == User.objects.get(username="officer")
    officer.press("stop", world.own)
    world.own.refresh_from_db()
    assert world.own.state == "stopped"
    officer.press("resume", world.own)
    world.own.refresh_from_db()
    assert world.own.state == "running"


@pytest.mark.parametrize("page", ["guild", "redemption", "codeproposal", "optout"])
def test_what_an_officer_cannot_add(officer: Browser, page: str) -> None:
    assert officer.open(f"{page}_add").status_code == 403


@pytest.mark.parametrize("page", ["member", "giftcode", "channel", "invitation"])
def test_what_an_officer_can_add(officer: Browser, page: str) -> None:
    assert officer.open(f"{page}_add").status_code == 200


@pytest.mark.parametrize(
    "page",
    ["directory", "directorylookup", "ratebudget", "feed", "optout", "heartbeat", "alarmnotice"],
)
def test_an_officer_sees_nothing_of_how_the_system_runs(officer: Browser, page: str) -> None:
    assert officer.open(f"{page}_changelist").status_code == 403


def test_an_officer_sees_codes_and_does_not_decide_about_them(
    officer: Browser, world: World
) -> None:
    code = world.own.gift_code
    page = officer.open("giftcode_change", code.pk)
    assert page.status_code == 200
    assert 'value="close_codes"' not in page.content.decode()
    assert officer.post("giftcode_change", code.pk, data={"rewards": "Gems"}).status_code == 403


def test_redeem_now_for_a_shared_code_is_only_for_the_officer_s_guilds(
    officer: Browser, world: World
) -> None:
    code = world.own.gift_code
    data = {"action": "redeem_now", "_selected_action": code.pk, "index": 0}
    page = officer.post("giftcode_changelist", data=data)
    assert [str(one["line"].guild) for one in page.context["lines"]] == ["Wolves"]
    before = list(world.foreign.events.values())
    pairs = [f"{of.pk}-{code.pk}" for of in (world.strangers, world.wolves)]
    messages = officer.press("redeem_now", code, chosen="yes", pair=pairs, confirm="yes")
    assert [words for _level, words in messages if "Strangers" in words] == []
    assert "SHARED for Wolves is running already" in messages[0][1]
    assert list(world.foreign.events.values()) == before


def test_an_answer_for_another_guild_s_member_names_no_member(
    officer: Browser, world: World
) -> None:
    code = world.own.gift_code
    Attempt.objects.filter(gift_code=code).update(
        answered_at=timezone.now(), outcome="code_expired"
    )
    GiftCode.objects.filter(pk=code.pk).update(
        closed_at=timezone.now(), closed_outcome="code_expired", state="closed"
    )
    page = officer.open("giftcode_change", code.pk)
    assert [one["is_own"] for one in page.context["closers"]] == [True], "the same is not repeated"
    Attempt.objects.filter(member_redemption__redemption__guild=world.wolves).delete()
    page = officer.open("giftcode_change", code.pk)
    assert page.context["closers"] == [{"words": "The code has expired.", "is_own": False}]
    assert "another guild" not in page.content.decode()
    assert crawl.leaks({"code": page.content.decode()}, STRANGE) == []


def test_a_code_that_another_guild_s_member_proved_is_shown_as_accepted_without_a_time(
    officer: Browser, world: World
) -> None:
    code = world.own.gift_code
    at = timezone.now() - timedelta(days=400)
    Attempt.objects.filter(gift_code=code).update(answered_at=at, outcome="success")
    Attempt.objects.filter(
        gift_code=code, member_redemption__redemption__guild=world.wolves
    ).update(outcome="player_not_found")
    GiftCode.objects.filter(pk=code.pk).update(proven_at=at)

    page = officer.open("giftcode_change", code.pk)

    assert page.context["provers"] == [
        {"words": "The game has accepted this code.", "is_own": False}
    ]
    shown = page.content.decode()
    assert "The game has accepted this code." in shown
    assert not [one for one in (f"{at:%Y-%m-%d}", date_format(at), "another guild") if one in shown]


def test_an_officer_learns_no_numbers_of_requests_of_a_game(
    officer: Browser, viewer: Browser, world: World
) -> None:
    ends_at = timezone.now() + timedelta(seconds=12)
    RateBudget.objects.update_or_create(
        provider="simulator", defaults={"used": 30, "window_ends_at": ends_at}
    )
    told = ("requests used", "The next one is sent", "all free again")
    pages = [reverse("admin:index"), guild_url(world.wolves.pk)]
    for browser, is_told in ((officer, False), (viewer, True)):
        for page in pages:
            shown = browser.client.get(page).content.decode()
            assert "Sends at most " in shown, page
            assert ("requests used" in shown) == is_told, page
            if not is_told:
                assert not [words for words in told if words in shown], page


def test_an_officer_learns_no_number_of_requests_of_other_guilds(
    officer: Browser, viewer: Browser, world: World
) -> None:
    told = ("requests of other runs come before", "request of others", "requests of others")
    for one in (world.own, world.foreign):
        one.member_redemptions.update(state="pending", reason="")
    for browser, is_told in ((officer, False), (viewer, True)):
        shown = [
            browser.open("redemption_change", world.own.pk).content.decode(),
            browser.open("redemption_changelist").content.decode(),
        ]
        assert any(words in page for words in told for page in shown) == is_told
        assert "Left:" in shown[0]


def test_an_officer_s_lists_offer_the_games_of_their_guilds(
    officer: Browser, viewer: Browser, settings: Any
) -> None:
    game = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        "simulator": game,
        "elsewhere": replace(game, name="elsewhere", title="Elsewhere"),
    }
    lists = [
        reverse(f"admin:giftcodes_{name}_changelist")
        for name in ("guild", "giftcode", "channel", "member", "redemption", "announcement")
    ]
    for browser, is_offered in ((officer, False), (viewer, True)):
        for page in lists:
            assert ("Elsewhere" in browser.client.get(page).content.decode()) == is_offered, page


def test_an_officer_chooses_among_the_games_of_their_guilds(
    officer: Browser, viewer: Browser, settings: Any
) -> None:
    game = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        "simulator": game,
        "elsewhere": replace(game, name="elsewhere", title="Elsewhere"),
    }
    page = officer.client.get(reverse("admin:player"))
    assert [name for name, _title in page.context["form"].fields["provider"].choices] == [
        "simulator"
    ]
    data = {"provider": "elsewhere", "player_id": "1"}
    page = officer.client.post(reverse("admin:player"), data)
    assert "provider" in page.context["form"].errors


def test_the_dashboard_counts_only_what_the_officer_may_see(officer: Browser, world: World) -> None:
    parts = officer.client.get(reverse("admin:live")).json()["parts"]
    assert parts["running"].count('class="share-bar"') == 1
    assert "1 duplicate start was refused" in parts["running"]
    assert "About Wolves." in parts["needs"]
    assert "requests wait" not in parts["games"], "The queue holds the requests of all guilds."
    assert "/admin/giftcodes/ratebudget/" not in parts["games"]
    assert "Kingshot" not in parts["games"]


def test_numbers_beside_shared_codes_and_in_the_chart_count_only_the_officer_s_guilds(
    officer: Browser, admin_client: Client, world: World
) -> None:
    Attempt.objects.update(answered_at=timezone.now())
    chart = reverse("admin:live_chart")
    everybody = Attempt.objects.count()
    for client, number, runs in (
        (officer.client, 1, ">1 guild<"),
        (admin_client, everybody, ">2 guilds<"),
    ):
        assert f"<td>{number}</td>" in client.get(chart).json()["parts"]["chart"]
        assert runs in client.get(address("giftcode_changelist")).content.decode()
    assert f"<td>{everybody}</td>" not in officer.client.get(chart).json()["parts"]["chart"]


# --- Viewers --------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_viewer_sees_every_guild_and_changes_nothing(viewer: Browser, world: World) -> None:
    RateBudget.objects.create(provider="simulator")
    for name in ("ratebudget", "feed"):
        viewer.open(f"{name}_changelist")
    before = everything()
    for row in {
        type(row): row
        for row in crawl.rows()
        # Only administrators see invitations and accounts.
        if row._meta.app_label == "giftcodes" and not isinstance(row, Invitation)
    }.values():
        name = f"admin:giftcodes_{row._meta.model_name}"
        assert viewer.client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
        for kind in ("change", "delete"):
            response = viewer.client.post(reverse(f"{name}_{kind}", args=[row.pk]), {"post": "yes"})
            assert response.status_code == 403, (name, kind)
        for _function, action, _words in admin.site._registry[type(row)]._get_base_actions():
            data = {"action": action, "_selected_action": row.pk, "index": 0, "confirm": "yes"}
            viewer.client.post(reverse(f"{name}_changelist"), data)
        assert viewer.client.get(reverse(f"{name}_add")).status_code == 403
    after = everything()
    assert {name for name in before if before[name] != after[name]} <= {"User", "LogEntry"}
    logged = set(map(words_of, LogEntry.objects.all()))
    assert logged <= {"Members were exported.", "The coverage was exported."}


# --- Who gives roles ------------------------------------------------------------------------------
def test_the_groups_can_be_seeded_twice_and_a_changed_group_is_left_alone(groups: None) -> None:
    group = Group.objects.get(name=OFFICERS)
    granted = officers_migration.GRANTS
    number = len(migration.GROUPS[OFFICERS]) + len(granted[OFFICERS])
    assert group.permissions.count() == number + 1, "and one permission for the imports"
    number = len(migration.GROUPS[VIEWERS]) + len(granted[VIEWERS])
    assert Group.objects.get(name=VIEWERS).permissions.count() == number + 3, (
        "and three permissions for the imports and the directories"
    )
    group.permissions.clear()
    migration.seed(apps, None)
    assert not group.permissions.exists()


def test_an_upgrade_gives_existing_groups_the_new_rights_and_keeps_their_other_rights(
    groups: None,
) -> None:
    officers, viewers = Group.objects.get(name=OFFICERS), Group.objects.get(name=VIEWERS)
    own = Permission.objects.get(codename="view_periodictask")
    officers_migration.take_back(apps, None)
    before = {group: set(group.permissions.all()) for group in (officers, viewers)}
    officers.permissions.add(own)

    for _again in range(2):
        officers_migration.grant(apps, None)

    names = officers_migration.GRANTS
    for group, kept in before.items():
        new = set(group.permissions.all()) - kept - {own}
        assert {one.codename for one in new} == set(names[group.name])
    assert own in officers.permissions.all()
    Group.objects.filter(name=OFFICERS).delete()
    officers_migration.grant(apps, None)
    assert not Group.objects.filter(name=OFFICERS).exists(), (
        "a group that was removed is not created again"
    )


def test_a_new_officer_of_a_guild_gets_the_role_and_may_log_in(
    browser: Browser, world: World
) -> None:
    user = User.objects.create_user("amber", password="x")
    messages = browser.save(
        "guild_change",
        world.strangers.pk,
        name="Strangers",
        provider="simulator",
        realm="1",
        priority="0",
        officers=[user.pk],
    )
    assert ("info", "amber is a guild officer from now on, and may log in.") in messages
    user.refresh_from_db()
    assert role_of(user) is Role.OFFICER


def test_a_person_is_made_an_officer_on_their_own_page_and_made_a_viewer_later(
    browser: Browser, world: World
) -> None:
    bram = User.objects.create_user("bram")
    page = reverse("admin:auth_user_change", args=[bram.pk])
    form = {"username": "bram", "is_active": "on", "role": "officer"}
    world.wolves.officers.clear()
    response = browser.client.post(page, {**form, "guilds": [world.wolves.pk]})
    assert response.status_code == 302, errors(response)
    bram.refresh_from_db()
    assert role_of(bram) is Role.OFFICER
    assert list(world.wolves.officers.all()) == [bram]

    assert "Wolves" in browser.client.get(page).content.decode()
    form["role"] = "viewer"
    response = browser.client.post(page, {**form, "guilds": [world.wolves.pk]})
    assert "This role has no guilds. Choose the role “Guild officer”, or no guilds." in errors(
        response
    )
    assert browser.client.post(page, form).status_code == 302
    bram.refresh_from_db()
    assert (role_of(bram), bram.is_staff, bram.is_superuser) == (Role.VIEWER, True, False)
    assert not world.wolves.officers.exists()


def test_the_last_administrator_stays_an_administrator(
    browser: Browser, world: World, admin_user: User
) -> None:
    page = reverse("admin:auth_user_change", args=[admin_user.pk])
    form = {"username": "admin"}
    for change in ({"role": "viewer", "is_active": "on"}, {"role": "administrator"}):
        assert "This is the last administrator." in errors(
            browser.client.post(page, {**form, **change})
        )
    User.objects.create_superuser("second")
    assert (
        browser.client.post(page, {**form, "role": "viewer", "is_active": "on"}).status_code == 302
    )


def test_only_an_administrator_gives_roles(world: World) -> None:
    client = person("almost", VIEWERS)
    user = User.objects.get(username="almost")
    user.user_permissions.set(
        Group.objects.model.permissions.field.related_model.objects.filter(
            content_type__app_label="auth"
        )
    )
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 200
    form = {"username": "almost", "is_active": "on", "role": "administrator"}
    assert client.post(reverse("admin:auth_user_change", args=[user.pk]), form).status_code == 403
    assert client.get(reverse("admin:auth_user_add")).status_code == 403
    group = Group.objects.get(name=VIEWERS)
    assert (
        client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "x"}).status_code
        == 403
    )


def test_the_list_of_people_shows_their_roles_and_costs_the_same_for_many(
    browser: Browser, world: World
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page = browser.client.get(reverse("admin:auth_user_changelist")).content.decode()
        assert "Administrator: sees and does everything" in page
        return len(queries)

    person("first", OFFICERS, world.wolves), cost()
    few = cost()
    for number in range(10):
        person(f"officer{number}", OFFICERS, world.wolves, world.strangers)
    assert cost() == few


def test_people_and_the_groups_of_roles_are_not_deleted(browser: Browser, world: World) -> None:
    for row in (User.objects.get(username="admin"), Group.objects.get(name=OFFICERS)):
        page = reverse(f"admin:auth_{row._meta.model_name}_delete", args=[row.pk])
        assert browser.client.post(page, {"post": "yes"}).status_code == 403


def test_an_officer_imports_only_into_their_own_guilds(officer: Browser, world: World) -> None:
    listing = {"listing": "300000001\n", "apply": "yes"}
    page = officer.client.get(reverse("admin:member_import")).content.decode()
    assert "Wolves" in page
    assert "Strangers" not in page

    officer.client.post(reverse("admin:member_import"), {"guild": world.strangers.pk, **listing})
    officer.client.post(reverse("admin:member_import"), {"guild": world.wolves.pk, **listing})

    assert list(Member.objects.filter(player_id="300000001").values_list("guild", flat=True)) == [
        world.wolves.pk
    ]


def test_a_viewer_imports_nothing(viewer: Browser, world: World) -> None:
    assert viewer.client.get(reverse("admin:member_import")).status_code == 403


def test_an_officer_moves_members_only_between_their_own_guilds(
    officer: Browser, world: World
) -> None:
    amber = world.wolves.members.get(nickname="Amber")
    page = officer.post(
        "member_changelist", data={"action": "move", "_selected_action": [amber.pk], "index": 0}
    )
    assert "You are an officer of no other guild of this game." in page.content.decode()
    assert "Add one" not in page.content.decode()

    data = {
        "action": "move",
        "_selected_action": [amber.pk],
        "guild": world.strangers.pk,
        "shown": "yes",
        "index": 0,
    }
    assert (
        "Select a valid choice" not in officer.post("member_changelist", data=data).content.decode()
    )

    assert world.wolves.members.get(nickname="Amber").active
    assert not world.strangers.members.filter(player_id=amber.player_id).exists()


@pytest.mark.old_changes
def test_a_move_takes_no_private_notes_along_and_no_history_names_the_other_guild(
    officer: Browser, browser: Browser, world: World
) -> None:
    """An administrator moves two members: one out of the officer's guild, one into it."""
    amber = world.wolves.members.get(nickname="Amber")
    other = member(world.strangers, "777000222", notes="A secret of Strangers.")
    browser.press("move", amber, guild=world.strangers.pk, shown="yes")
    browser.press("move", other, guild=world.wolves.pk, shown="yes")
    arrived = world.wolves.members.get(player_id="777000222")
    # Earlier releases wrote the name of the other guild into the reason and into the log.
    amber._change_reason = "Moved to Strangers."  # type: ignore[attr-defined]
    amber.save()
    for row in (world.wolves, arrived):
        browser_log(row, "12 members moved to guild Strangers.")

    assert arrived.notes == ""
    pages = crawl.read(
        officer.client,
        [
            address("member_history", amber.pk),
            address("member_history", arrived.pk),
            address("member_change", arrived.pk),
            address("guild_history", world.wolves.pk),
        ],
    )
    assert crawl.leaks(pages, ["Strangers"]) == []
    shown = " ".join(pages.values())
    assert "Moved to another guild." in shown
    assert "Moved from another guild." in shown
    assert "12 members moved to another guild." in shown
    assert "1 member came from another guild." in shown
    for row, words in (
        (amber, "Moved to Strangers."),
        (arrived, "Moved from Strangers."),
    ):
        assert words in browser.open("member_history", row.pk).content.decode()


def browser_log(row: Model, words: str) -> None:
    """Add an entry to the admin's log."""
    LogEntry.objects.log_actions(User.objects.get(username="admin").pk, [row], CHANGE, words)


def test_the_preview_of_an_import_says_nothing_of_players_of_other_guilds(
    officer: Browser, browser: Browser, world: World
) -> None:
    bears = guild("Bears")
    bears.officers.add(User.objects.get(username="officer"))
    member(bears, "300000001")
    listing = {"guild": world.wolves.pk, "listing": "777000111\n300000001\n300000002\n"}

    def elsewhere(one: Browser) -> int:
        number: int = one.client.post(reverse("admin:member_import"), listing).context["elsewhere"]
        return number

    assert (elsewhere(officer), elsewhere(browser)) == (1, 2)


def test_an_action_of_another_package_needs_the_permission_to_change(
    world: World, task_queue: TaskQueue
) -> None:
    """Other packages declare no permission for their actions."""
    client = person("watcher", VIEWERS)
    user = User.objects.get(username="watcher")
    attempt = AccessAttempt.objects.create(
        ip_address="192.0.2.1",
        attempt_time=timezone.now() - timedelta(days=1),
        failures_since_start=1,
    )
    user.user_permissions.set(Permission.objects.filter(codename="view_accessattempt"))
    page = admin.site._registry[AccessAttempt]
    listing = reverse("admin:axes_accessattempt_changelist")
    assert client.get(listing).status_code == 200
    for action in page._get_base_actions():
        data = {"action": action[1], "_selected_action": attempt.pk, "index": 0}
        client.post(listing, data)
        attempt.refresh_from_db()
    assert task_queue.enqueued == []


def test_an_officer_s_plan_is_only_for_their_own_guilds_and_names_no_other_guild(
    officer: Browser, world: World
) -> None:
    def page(of: Guild) -> Any:
        return officer.client.get(
            reverse("admin:plan"), {"guild": of.pk, "code": world.own.gift_code_id}
        )

    assert page(world.strangers).status_code == 404
    own = page(world.wolves).content.decode()
    assert "has the code already" in own
    assert "through" not in own
    assert not [name for name in STRANGE if name in own]


def test_an_officer_s_plan_does_not_say_that_a_player_is_in_another_guild(
    officer: Browser, world: World
) -> None:
    """A request or a code of another guild is described like one of the officer's own guild."""
    member(world.wolves, "777000111", nickname="Ash")
    query = {"guild": world.wolves.pk, "code": world.own.gift_code_id}
    foreign = world.foreign.member_redemptions.filter(player_id="777000111")
    for state, words in (
        ("redeemed", "has the code already"),
        ("in_flight", "for the first time"),
    ):
        foreign.update(state=state)
        shown = officer.client.get(reverse("admin:plan"), query).content.decode()
        assert words in shown
        assert not [word for word in ("another guild", "through", "way in") if word in shown]


def test_an_officer_sees_the_times_of_a_code_only_if_it_was_run_for_an_own_guild(
    officer: Browser, world: World
) -> None:
    code = gift_code("ONLYTHEIRS", state="closed", closed_at="2026-02-03T04:05:06Z", probes=2)
    GiftCode.objects.filter(pk=code.pk).update(next_probe_at="2026-02-04T05:06:07Z")
    Redemption.objects.create(guild=world.strangers, gift_code=code)
    RedemptionEvent.objects.create(gift_code=code, kind="code_closed", detail="Theirs alone.")
    page, journal = page_url(code), reverse("admin:giftcodes_redemptionevent_changelist")

    def shown() -> list[bool]:
        text = officer.client.get(page).content.decode()
        listed = officer.client.get(journal).content.decode()
        marks = [mark in text for mark in ("04:05", "05:06", "Theirs alone.")]
        return [*marks, "Theirs alone." in listed]

    assert shown() == [False, False, False, False]

    # “Skip” makes a redemption without a run.
    own = Redemption.objects.create(guild=world.wolves, gift_code=code, state="stopped")

    assert shown() == [False, False, False, False]

    Redemption.objects.filter(pk=own.pk).update(run_number=1)

    assert shown() == [True, True, True, True]


def test_a_viewer_cannot_open_the_page_for_the_wishes_of_players(viewer: Browser) -> None:
    page = reverse("admin:player")
    assert viewer.client.get(page).status_code == 403
    assert viewer.client.post(page, {"wish": "erase", "sure": "yes"}).status_code == 403
