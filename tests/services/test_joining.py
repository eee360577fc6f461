"""An officer decides about requests to join."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from giftcodes import encryption, tasks
from giftcodes.models import (
    Guild,
    JoinLink,
    JoinRequest,
    Member,
    OptOut,
    PlayerLink,
    SelfServiceEvent,
    Throttle,
)
from giftcodes.services import join_decisions, joining, personal_links
from giftcodes.services.imports import import_members, undo_import
from giftcodes.services.joining import Wish
from giftcodes.services.members import move_members
from giftcodes.services.players import opt_out, opt_out_in
from tests.factories import REALM, gift_code, guild, member
from tests.member_lists import read_members
from tests.pipeline.conftest import World, states

pytestmark = pytest.mark.django_db
ANNA, BRAM = "300000001", "300000002"


@pytest.fixture
def officer() -> User:
    return User.objects.create_user("otto")


@pytest.fixture
def wolves() -> Guild:
    return guild("Wolves")


def ask(of: Guild, player: str = ANNA, nickname: str = "Anna", realm: int = 1042) -> JoinRequest:
    """A request that waits for an officer."""
    link = JoinLink.objects.filter(guild=of).first() or joining.make_join_link(of.pk)
    joining.ask_to_join(link, Wish(player, nickname, realm))
    return JoinRequest.objects.latest("pk")


def approve(of: Guild, *requests: JoinRequest, by: User, opted_out: bool = False) -> Any:
    return join_decisions.approve(
        of.pk, [one.pk for one in requests], user_id=by.pk, may_end_opt_outs=opted_out
    )


def test_an_approved_player_is_a_member_with_a_confirmed_link(wolves: Guild, officer: User) -> None:
    request = ask(wolves, realm=1043)
    assert not wolves.members.exists()

    decision = approve(wolves, request, by=officer)

    anna = wolves.members.get()
    assert decision.approved == [anna]
    assert (anna.nickname, anna.realm, anna.active) == ("Anna", 1043, True)
    assert anna.consented_on == timezone.localdate()
    link = PlayerLink.objects.get()
    assert (link.member, link.is_confirmed) == (anna, True)
    assert not JoinRequest.objects.exists()
    assert anna.history.get().history_change_reason == "player:approved"
    event = SelfServiceEvent.objects.get(kind="player:approved")
    assert (event.user, event.member) == (officer, anna)


def test_a_member_who_asks_to_join_keeps_their_fields_and_only_the_new_link(
    wolves: Guild, officer: User
) -> None:
    anna = member(wolves, ANNA, nickname="The real Anna", realm=1050)
    personal_links.make_for(anna, user_id=officer.pk)

    approve(wolves, ask(wolves, nickname="Nickname", realm=1042), by=officer)

    anna.refresh_from_db()
    assert (anna.nickname, anna.realm) == ("The real Anna", 1050)
    assert PlayerLink.objects.filter(member=anna).count() == 1


def test_a_leaver_comes_back_with_the_values_of_the_request(wolves: Guild, officer: User) -> None:
    anna = member(wolves, ANNA, nickname="Old", realm=7, active=False)
    approve(wolves, ask(wolves, realm=1043), by=officer)
    anna.refresh_from_db()
    assert (anna.nickname, anna.realm, anna.active) == ("Anna", 1043, True)


def test_a_player_waits_while_the_guild_has_no_room(
    wolves: Guild, officer: User, settings: Any
) -> None:
    settings.MEMBERS_PER_GUILD = 2
    member(wolves, BRAM)
    link = joining.make_join_link(wolves.pk)
    link.needs_approval = False
    link.save()
    joining.ask_to_join(link, Wish(ANNA, "Anna", 1042))
    assert wolves.members.count() == 2

    cora, of_member = ask(wolves, "300000003"), ask(wolves, BRAM)
    decision = approve(wolves, cora, of_member, by=officer)

    assert decision.without_room == [cora]
    assert [one.player_id for one in decision.approved] == [BRAM]
    assert JoinRequest.objects.get() == cora
    assert wolves.members.count() == 2

    settings.MEMBERS_PER_GUILD = 3
    assert approve(wolves, cora, by=officer).approved


def test_a_player_waits_while_the_guild_has_added_too_many_new_members(
    wolves: Guild, officer: User, settings: Any
) -> None:
    settings.MEMBERS_PER_GUILD = 1
    approve(wolves, ask(wolves), by=officer)
    wolves.members.update(active=False)
    link = joining.make_join_link(wolves.pk)
    link.needs_approval = False
    link.save()
    joining.ask_to_join(link, Wish(BRAM, "Bram", 1042))

    assert approve(wolves, JoinRequest.objects.get(), by=officer).too_many_added
    assert wolves.members.get().player_id == ANNA

    settings.MEMBERS_PER_GUILD = 2
    assert approve(wolves, JoinRequest.objects.get(), by=officer).approved


def test_only_one_of_two_requests_for_a_player_is_approved(wolves: Guild, officer: User) -> None:
    right, wrong = ask(wolves), ask(wolves, nickname="Impostor")
    other = ask(wolves, BRAM)

    decision = approve(wolves, right, wrong, by=officer)

    assert wolves.members.get().nickname == "Anna"
    assert decision.refused == 1
    assert JoinRequest.objects.get() == other
    assert PlayerLink.objects.count() == 2


def test_only_an_administrator_ends_an_opt_out(wolves: Guild, officer: User) -> None:
    opt_out("simulator", ANNA)
    request = ask(wolves)

    decision = approve(wolves, request, by=officer)
    assert (decision.approved, decision.opted_out) == ([], [request])
    assert not wolves.members.exists()
    assert OptOut.objects.exists()

    decision = approve(wolves, request, by=officer, opted_out=True)
    assert len(decision.approved) == 1
    assert not OptOut.objects.exists()
    assert not wolves.members.get().opted_out


def test_only_an_administrator_ends_an_opt_out_of_the_guild(wolves: Guild, officer: User) -> None:
    anna = member(wolves, ANNA)
    theirs = member(guild("Bears"), ANNA)
    opt_out_in(Member.objects.filter(player_id=ANNA))
    request = ask(wolves)

    assert approve(wolves, request, by=officer).opted_out == [request]
    assert approve(wolves, request, by=officer, opted_out=True).approved == [anna]
    assert set(Member.objects.filter(opted_out=True)) == {theirs}


def test_a_request_of_another_guild_is_not_touched(wolves: Guild, officer: User) -> None:
    bears = guild("Bears")
    theirs = ask(bears)
    assert approve(wolves, theirs, by=officer).approved == []
    assert join_decisions.refuse(wolves.pk, [theirs.pk], user_id=officer.pk) == 0
    assert JoinRequest.objects.get() == theirs


def test_a_refused_request_leaves_no_data_of_the_player(wolves: Guild, officer: User) -> None:
    first, second = ask(wolves), ask(wolves, BRAM)

    assert join_decisions.refuse(wolves.pk, [first.pk, second.pk], user_id=officer.pk) == 2

    assert not JoinRequest.objects.exists()
    assert not PlayerLink.objects.exists()
    events = SelfServiceEvent.objects.filter(kind="player:refused")
    assert [(event.user, event.member) for event in events] == [(officer, None)] * 2


def test_refusing_to_confirm_a_link_leaves_the_link(wolves: Guild, officer: User) -> None:
    anna = member(wolves, ANNA)
    link, _token = PlayerLink.objects.issue(guild_id=wolves.pk, member=anna)
    assert joining.ask_again(link)
    join_decisions.refuse(wolves.pk, [JoinRequest.objects.get().pk], user_id=officer.pk)
    assert PlayerLink.objects.get() == link
    assert not PlayerLink.objects.get().is_confirmed


def test_a_confirmed_link_is_the_member_s_only_one(wolves: Guild, officer: User) -> None:
    anna = member(wolves, ANNA, realm=1050)
    strange, _ = PlayerLink.objects.issue(guild_id=wolves.pk, member=anna)
    link, _ = PlayerLink.objects.issue(guild_id=wolves.pk, member=anna)
    joining.ask_again(link)
    approve(wolves, JoinRequest.objects.get(), by=officer)
    assert PlayerLink.objects.get() == link
    assert PlayerLink.objects.get().is_confirmed
    anna.refresh_from_db()
    assert anna.realm == 1050
    assert not PlayerLink.objects.filter(pk=strange.pk).exists()


# --- With the rest of the system ------------------------------------------------------------------
def test_joining_redeems_the_codes_that_work(world: World, officer: User) -> None:
    wolves = guild("Wolves", members=1)
    world.knows(wolves)
    world.game.merge({"players": {ANNA: {"realm": REALM}}})
    frost = gift_code("FROST")
    world.has(frost)
    world.redeem(wolves, frost)
    link = joining.make_join_link(wolves.pk, needs_approval=False)

    joining.ask_to_join(link, Wish(ANNA, "Anna", 1042))
    world.catch_up()
    world.breathe()

    assert states(wolves.redemptions.get())[ANNA] == "redeemed"


def test_an_import_of_a_member_with_a_personal_link_can_be_undone(
    wolves: Guild, officer: User
) -> None:
    made = import_members(wolves.pk, read_members(f"{ANNA}\n{BRAM}\n".encode()).members)
    assert made.import_id
    personal_links.make_for(wolves.members.get(player_id=ANNA), user_id=officer.pk)

    result = undo_import(made.import_id, user_id=officer.pk)

    assert (result.deleted, result.retired) == ([BRAM], [ANNA])
    assert not Member.objects.get().active


def test_undoing_an_import_keeps_the_opt_out_of_the_guild(wolves: Guild, officer: User) -> None:
    listed = read_members(f"{ANNA}\n".encode()).members
    made = import_members(wolves.pk, listed)
    assert made.import_id
    opt_out_in(wolves.members.all())

    assert undo_import(made.import_id, user_id=officer.pk).retired == [ANNA]
    assert import_members(wolves.pk, listed).opted_out == [ANNA]


def test_a_player_who_opted_out_of_the_new_guild_does_not_move_there(wolves: Guild) -> None:
    anna, bears = member(wolves, ANNA), guild("Bears")
    opt_out_in(Member.objects.filter(pk=member(bears, ANNA, active=False).pk))

    result = move_members([anna.pk], guild_id=bears.pk)

    assert (result.moved, result.refused) == ([], [(anna, f"has opted out in guild {bears}")])


def test_prune_deletes_old_requests_events_links_and_throttles(
    wolves: Guild, settings: Any
) -> None:
    settings.KEEP_JOURNAL_DAYS = 10
    old, new = ask(wolves), ask(wolves, BRAM)
    JoinRequest.objects.filter(pk=old.pk).update(asked_at=timezone.now() - timedelta(days=31))
    event = SelfServiceEvent.objects.first()
    assert event
    SelfServiceEvent.objects.filter(pk=event.pk).update(at=timezone.now() - timedelta(days=11))
    gone, _ = PlayerLink.objects.issue(guild_id=wolves.pk, member=member(wolves))
    PlayerLink.objects.filter(pk=gone.pk).update(ends_at=timezone.now() - timedelta(days=1))
    Throttle.objects.take("x", "y", most=1, seconds=0)
    Throttle.objects.take("x", "z", most=1, seconds=3_600)

    tasks.prune()

    assert JoinRequest.objects.get() == new
    assert PlayerLink.objects.get() == new.link
    assert SelfServiceEvent.objects.count() == 1
    assert Throttle.objects.count() == 1


def test_a_new_key_encrypts_join_links_again(wolves: Guild, settings: Any) -> None:
    link = joining.make_join_link(wolves.pk)
    settings.ENCRYPTION_KEYS = ["only-for-tests-a-new-key-0123456789"]
    tasks.prune()
    settings.SECRET_KEY = "only-for-tests-another-key-0123456789"
    kept = JoinLink.objects.get()
    assert kept.token == link.token
    assert encryption.prefixes()
    settings.ENCRYPTION_KEYS = []
    lost = JoinLink.objects.get()
    assert not lost.is_readable
    assert JoinLink.objects.with_token(link.token) == lost


# --- The throttle ---------------------------------------------------------------------------------
def test_a_window_begins_with_its_first_use_and_each_visitor_has_a_window() -> None:
    def take(who: str) -> int:
        return Throttle.objects.take("join", who, most=2, seconds=100)

    assert [take("a"), take("a")] == [0, 0]
    assert 0 < take("a") <= 100
    assert take("b") == 0
    Throttle.objects.update(resets_at=timezone.now() - timedelta(seconds=1))
    assert take("a") == 0
    assert not Throttle.objects.filter(key__contains="join").exists()
