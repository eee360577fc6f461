"""`/link`, `/officers` and `/iam`, and who is an officer in Discord."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group, Permission, User

from giftcodes.models import DiscordAccount, DiscordCode, DiscordServer, Guild, PlayerLink
from giftcodes.models.clock import clock_plus
from giftcodes.models.roles import OFFICERS
from giftcodes.services import discord_links, self_service_limits
from giftcodes.services.discord_links import Asker, make_code, officer_right, unlink_server
from tests.discord_bot.stage import Play, Stage, text_of
from tests.factories import member

_PERMISSION = "giftcodes.change_member"


def officer_of(*guilds: Guild, name: str = "otto") -> User:
    user = User.objects.create_user(name, is_staff=True)
    # Tests with threads empty all tables, so the group of the migrations is gone.
    group, _is_new = Group.objects.get_or_create(name=OFFICERS)
    group.permissions.add(Permission.objects.get(codename="change_member"))
    user.groups.add(group)
    for one in guilds:
        one.officers.add(user)
    return User.objects.get(pk=user.pk)


def code_for(guild: Guild | None, user: User) -> str:
    code = make_code(user, guild)
    assert code is not None
    return code


def test_a_manager_links_a_server_with_a_code_that_works_once(play: Play, wolves: Guild) -> None:
    code = code_for(wolves, officer_of(wolves))
    assert code not in str(DiscordCode.objects.values())

    async def scenario(stage: Stage) -> None:
        boss = stage.manager("boss")
        chiefs = stage.home.role("Chiefs")

        said = await boss.slash("link", code=f" {code.upper()} ", role=chiefs)

        assert said.ephemeral
        assert "linked to guild **Wolves**" in text_of(said)
        assert "role **Chiefs** are officers" in text_of(said)
        server = DiscordServer.objects.get()
        assert (server.guild, server.server_id, server.name) == (wolves, stage.home.id, "Home")
        assert (server.role_id, server.role_name) == (chiefs.id, "Chiefs")
        said = await boss.slash("link", code=code)
        assert "does not work" in text_of(said)
        assert "Wolves" not in text_of(said)

    play(scenario)


def test_who_does_not_manage_the_server_cannot_link_it(play: Play, wolves: Guild) -> None:
    code = code_for(wolves, officer_of(wolves))

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        someone = stage.person("someone")
        # A server may show the commands to everybody. Our own check decides.
        for command in ("link", "officers"):
            stage.show(command, someone)

        said = await someone.slash("link", code=code)
        assert "Manage Server" in text_of(said)
        assert DiscordCode.objects.exists()  # The code still works.
        said = await someone.slash("officers")
        assert "Manage Server" in text_of(said)

    play(scenario)


@pytest.mark.parametrize("why", ["ended", "of an account", "no longer an officer", "inactive"])
def test_a_code_that_must_not_work_links_nothing(play: Play, wolves: Guild, why: str) -> None:
    user = officer_of(wolves)
    code = code_for(None if why == "of an account" else wolves, user)
    if why == "ended":
        DiscordCode.objects.update(ends_at=clock_plus(-1))
    if why == "no longer an officer":
        wolves.officers.remove(user)
    if why == "inactive":
        User.objects.update(is_active=False)

    async def scenario(stage: Stage) -> None:
        said = text_of(await stage.manager("boss").slash("link", code=code))
        assert "does not work" in said or "no longer an officer" in said
        assert "Wolves" not in said
        assert not DiscordServer.objects.exists()

    play(scenario)


def test_wrong_codes_are_counted(
    play: Play, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_service_limits, "CODES_OF_DISCORD_USER", 2)
    code = code_for(wolves, officer_of(wolves))

    async def scenario(stage: Stage) -> None:
        boss = stage.manager("boss")
        for wrong in ("dc-wrong", "dc-worse"):
            assert "does not work" in text_of(await boss.slash("link", code=wrong))
        assert "too many codes" in text_of(await boss.slash("link", code=code))

    play(scenario)


def test_a_server_has_several_guilds_and_a_guild_several_servers(
    play: Play, wolves: Guild, bears: Guild
) -> None:
    user = officer_of(wolves, bears)

    async def scenario(stage: Stage) -> None:
        elsewhere = stage.server("Elsewhere")
        for server, guild in ((stage.home, wolves), (stage.home, bears), (elsewhere, wolves)):
            await server.manager("boss").slash("link", code=code_for(guild, user))
        assert DiscordServer.objects.count() == 3
        boss = stage.manager("boss2")
        assert "several guilds" in text_of(await boss.slash("officers"))
        chiefs = stage.home.role("Chiefs")
        said = await boss.slash("officers", role=chiefs, guild=str(bears.pk))
        assert "**Bears**: Members of the role **Chiefs**" in text_of(said)
        assert DiscordServer.objects.exclude(role_id=None).get().guild == bears
        everyone = stage.home.handle.default_role
        said = await boss.slash("officers", role=everyone, guild=str(bears.pk))
        assert "everyone" in text_of(said)
        assert DiscordServer.objects.exclude(role_id=None).get().role_id == chiefs.id
        said = await boss.slash("officers", guild="Bears")
        assert "**Bears**: Members of the role **Chiefs**" in text_of(said)
        assert DiscordServer.objects.exclude(role_id=None).exists()
        said = await boss.slash("officers", guild="Bears", role=chiefs, nobody=True)
        assert "not both" in text_of(said)
        assert DiscordServer.objects.exclude(role_id=None).get().role_id == chiefs.id
        said = await boss.slash("officers", guild="Bears", nobody=True)
        assert "No role makes a person an officer" in text_of(said)

    play(scenario)


def test_an_account_is_linked_by_a_code_of_its_own(play: Play, wolves: Guild) -> None:
    user, other = officer_of(wolves), officer_of(name="olga")
    DiscordAccount.objects.create(user=user, discord_user=1, name="Old phone")

    async def scenario(stage: Stage) -> None:
        otto = stage.person("otto")
        said = await otto.slash("iam", code=code_for(wolves, user))
        assert "does not work" in text_of(said)
        said = await otto.slash("iam", code=code_for(None, user))
        assert "account **otto**" in text_of(said)
        account = DiscordAccount.objects.get()
        assert (account.user, account.discord_user) == (user, otto.id)
        await otto.slash("iam", code=code_for(None, other))
        assert DiscordAccount.objects.get().user == other
        other.is_active = False
        other.save()
        said = await stage.person("thief").slash("iam", code=code_for(None, other))
        assert "may not log in" in text_of(said)

    play(scenario)


def test_new_names_are_kept_and_a_deleted_role_makes_no_officers(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        chiefs, others = stage.home.role("Chiefs"), stage.home.role("Others")
        stage.link(wolves, chiefs)
        bot = stage.env.bot
        here = bot.get_guild(stage.home.id)
        assert here is not None

        def now() -> tuple[str, int | None, str]:
            row = DiscordServer.objects.get()
            return row.name, row.role_id, row.role_name

        renamed = SimpleNamespace(id=stage.home.id, name="Den")
        await bot.on_guild_update(here, renamed)  # type: ignore[attr-defined]
        for role, name in ((chiefs, "Bosses"), (others, "Strangers")):
            new = SimpleNamespace(id=role.id, name=name, guild=here)
            await bot.on_guild_role_update(here.get_role(role.id), new)  # type: ignore[attr-defined]
        assert now() == ("Den", chiefs.id, "Bosses")
        await bot.on_guild_role_delete(here.get_role(others.id))  # type: ignore[attr-defined]
        assert now() == ("Den", chiefs.id, "Bosses")
        await bot.on_guild_role_delete(here.get_role(chiefs.id))  # type: ignore[attr-defined]
        assert now() == ("Den", None, "")

    play(scenario)


@pytest.mark.parametrize("who", ["stranger", "officer by role", "officer of another guild"])
def test_an_officer_gets_nothing_more_from_the_commands_of_members(
    play: Play, wolves: Guild, bears: Guild, who: str
) -> None:
    anna = member(wolves, "300000001", nickname="Anna")
    other = officer_of(bears, name="olga")
    code = code_for(wolves, officer_of(wolves))

    async def scenario(stage: Stage) -> None:
        chiefs = stage.home.role("Chiefs")
        stage.link(wolves, chiefs)
        stage.server("Elsewhere").link(bears)
        owner = stage.person("anna")
        link, _token = PlayerLink.objects.issue(
            guild_id=wolves.pk, member=anna, is_confirmed=True, discord_user=owner.id
        )
        person = stage.person("person", *([chiefs] if who == "officer by role" else []))
        if who == "officer of another guild":
            DiscordAccount.objects.create(user=other, discord_user=person.id, name="Olga")

        assert await person.offered("join", "guild") == ["Wolves"]
        for command in ("codes", "leave", "mydata"):
            assert await person.offered(command, "player") == []
            for chosen in ({}, {"player": str(link.pk)}):
                said = text_of(await person.slash(command, **chosen))
                assert "Anna" not in said
                assert "Bears" not in said
        for command, options in (("link", {"code": code}), ("officers", {"role": chiefs})):
            stage.show(command, person)
            assert "Manage Server" in text_of(await person.slash(command, **options))
        assert DiscordServer.objects.count() == 2
        anna.refresh_from_db()
        assert (anna.active, anna.opted_out) == (True, False)

    play(scenario)


# --- Who is an officer ----------------------------------------------------------------------------
ROLE, SERVER = 70, 500


@pytest.fixture
def linked(wolves: Guild) -> DiscordServer:
    return DiscordServer.objects.create(
        guild=wolves, server_id=SERVER, name="Home", role_id=ROLE, role_name="Chiefs"
    )


def asker(*, user: int = 1, server: int | None = SERVER, roles: tuple[int, ...] = ()) -> Asker:
    return Asker(user, "Somebody", server, frozenset(roles), manages_server=True)


def test_the_role_counts_only_in_its_linked_server_and_for_its_guild(
    linked: DiscordServer, wolves: Guild, bears: Guild
) -> None:
    right = officer_right(wolves.pk, asker(roles=(ROLE,)), _PERMISSION)
    assert right is not None
    assert right.user is None
    assert officer_right(wolves.pk, asker(), _PERMISSION) is None
    assert officer_right(wolves.pk, asker(roles=(ROLE + 1,)), _PERMISSION) is None
    assert officer_right(wolves.pk, asker(roles=(ROLE,), server=501), _PERMISSION) is None
    assert officer_right(wolves.pk, asker(roles=(ROLE,), server=None), _PERMISSION) is None
    assert officer_right(bears.pk, asker(roles=(ROLE,)), _PERMISSION) is None
    assert unlink_server(bears, linked.pk) is None
    assert unlink_server(wolves, linked.pk) is not None
    assert officer_right(wolves.pk, asker(roles=(ROLE,)), _PERMISSION) is None


def test_an_account_counts_everywhere_with_its_own_rights_at_this_moment(
    wolves: Guild, bears: Guild
) -> None:
    user = officer_of(wolves)
    DiscordAccount.objects.create(user=user, discord_user=1, name="Otto")

    def may(guild: Guild, permission: str = _PERMISSION) -> bool:
        return officer_right(guild.pk, asker(server=None), permission) is not None

    assert may(wolves)
    assert not may(bears)
    assert not may(wolves, "giftcodes.change_ratebudget")
    assert officer_right(wolves.pk, asker(user=2), _PERMISSION) is None
    wolves.officers.remove(user)
    assert not may(wolves)
    wolves.officers.add(user)
    User.objects.update(is_active=False)
    assert not may(wolves)
    User.objects.update(is_active=True, is_superuser=True)
    assert may(bears)
    assert discord_links.unlink_account(user)
    assert not may(wolves)


def test_an_account_makes_only_so_many_codes(
    wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord_links, "MOST_CODES", 2)
    user = officer_of(wolves)
    first = make_code(user, wolves)
    assert make_code(user, wolves) not in (None, first)
    assert make_code(user, wolves) is None
    assert DiscordCode.objects.count() == 1  # A new code replaces the one before.
