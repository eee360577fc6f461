"""The page of a player: each code once, the correction in place, and the answer to send."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.domain.sentences import reason_of
from giftcodes.domain.served import Served
from giftcodes.models import Guild, Member, Redemption
from giftcodes.queries.player_codes import served_by_member
from giftcodes.services.changes import words_of
from tests.admin.conftest import Browser, TaskQueue, address, messages_of
from tests.factories import astray, gift_code, guild, member, member_redemption


def url(of: Member) -> str:
    return reverse("admin:player_codes", args=[of.pk])


def shown(browser: Browser, of: Member) -> str:
    response = browser.client.get(url(of))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def reply(browser: Browser, of: Member) -> str:
    text: str = browser.client.get(url(of)).context["reply"]
    return text


def correct(browser: Browser, of: Member, **data: Any) -> Any:
    with browser._committing(execute=True):
        return browser.client.post(url(of), {"membership": of.pk, **data})


@pytest.fixture
def wolves(db: None) -> Guild:
    return guild("Wolves", automatic=False)


# --- What the page shows --------------------------------------------------------------------------
def test_each_code_has_its_state_in_words_its_date_and_its_reason(
    browser: Browser, wolves: Guild
) -> None:
    ann = astray(wolves, gift_code("FROST"), nickname="Ann")
    has = member_redemption(ann, gift_code("SNOW"), "redeemed", settled_at=ann.joined_at)
    low = "The player's level is too low."
    member_redemption(ann, gift_code("HIGH"), "not_eligible", reason=low)
    page = shown(browser, ann)
    assert "1 of 3 codes, 1 is not eligible, 1 needs you" in page
    headings = re.findall(r"</span>([\w ]+) \(\d+\)</h3>", page)
    assert headings == ["Needs you", "Not eligible now", "Has it"]
    assert "The game does not know the player ID in State 1042." in page
    assert low.replace("'", "&#x27;") in page
    assert f'href="{address("memberredemption_change", has.pk)}"' in page
    assert f"{ann.joined_at:%Y-%m-%d %H:%M:%S}" in page


def test_a_code_that_the_game_does_not_know_does_not_count_as_missed(
    browser: Browser, wolves: Guild
) -> None:
    ann = member(wolves, "555")
    member_redemption(ann, gift_code("SNOW"), "redeemed")
    unknown = {"state": "closed", "closed_outcome": "code_not_found"}
    member_redemption(
        ann, gift_code("TYPO", **unknown), "cancelled", cancel_kind="code_closed", reason="Closed."
    )
    member_redemption(ann, gift_code("WRONG", **unknown), "needs_correction", asked_realm=1042)

    page = shown(browser, ann)
    assert "1 of 1 code<" in page
    assert page.count("the game does not know this code") == 1  # One cause for both codes.
    assert "Closed." not in page
    answer = reply(browser, ann)
    assert "You have 1 of 1 code: SNOW" in answer
    assert "The game does not know: WRONG, TYPO." in answer
    assert served_by_member([ann.pk]) == {ann.pk: Served(has=1)}


def test_a_cause_is_told_once_for_all_its_codes(browser: Browser, wolves: Guild) -> None:
    ann = member(wolves, "555")
    for name in ("FROST", "SNOW"):
        member_redemption(
            ann, gift_code(name), "not_eligible", reason="Too low.", next_attempt_at=timezone.now()
        )
    member_redemption(ann, gift_code("HAIL"), "not_eligible", reason="Too old.")
    page = shown(browser, ann)
    assert "Not eligible now (3)" in page
    assert (page.count("Too low."), page.count("Too old.")) == (1, 1)
    assert page.count("asked again <time") == 2
    assert all(f">{name}</a>" in page for name in ("FROST", "SNOW", "HAIL"))


def test_nothing_needs_a_person_for_a_member_who_opted_out(browser: Browser, wolves: Guild) -> None:
    ann = member(wolves, "555")
    for state in ("needs_correction", "not_eligible"):
        member_redemption(ann, gift_code(), state, asked_realm=1042)
    assert served_by_member([ann.pk]) == {ann.pk: Served(needs_you=1, not_eligible=1)}
    url_of_list = reverse("admin:giftcodes_guild_members", args=[wolves.pk])
    assert "1 needs you" in browser.client.get(url_of_list).content.decode()

    Member.objects.filter(pk=ann.pk).update(opted_out=True)
    assert served_by_member([ann.pk]) == {ann.pk: Served(cannot=2)}
    assert "needs you</span>" not in browser.client.get(url_of_list).content.decode()


def test_the_personal_link_and_the_opt_out_are_buttons(browser: Browser, wolves: Guild) -> None:
    ann = member(wolves)
    page = shown(browser, ann)
    assert f'class="press" href="{reverse("admin:personal_link", args=[ann.pk])}"' in page
    assert f'class="press" href="{reverse("admin:player")}?member={ann.pk}"' in page


def test_the_button_for_wishes_offers_what_is_right_for_the_state(
    browser: Browser, wolves: Guild
) -> None:
    ann = member(wolves)
    assert ">Opt out, or erase</a>" in shown(browser, ann)
    direct = browser.client.get(reverse("admin:player"), {"member": ann.pk}).content.decode()
    assert 'value="opt_out"' in direct
    assert "Look up" not in direct
    assert f'href="{url(ann)}"' in direct

    ann.opted_out = True
    ann.save()
    assert ">Opt in again, or erase</a>" in shown(browser, ann)
    direct = browser.client.get(reverse("admin:player"), {"member": ann.pk}).content.decode()
    assert 'value="opt_in"' in direct


def test_a_code_of_two_guilds_is_shown_once(browser: Browser, wolves: Guild) -> None:
    ann, twin = member(wolves, "555"), member(guild("Bears"), "555")
    code = gift_code("FROST")
    proof = member_redemption(ann, code, "redeemed")
    member_redemption(twin, code, "already_received", covered_by=proof)
    page = browser.client.get(url(twin))
    (section,) = page.context["sections"]
    (cause,) = section["causes"]
    assert [str(line["code"]) for line in cause["lines"]] == ["FROST"]
    assert "Wolves" in page.content.decode()


def test_the_page_of_a_player_without_codes_says_what_happens_next(
    browser: Browser, wolves: Guild
) -> None:
    page = shown(browser, member(wolves))
    assert "The next one is asked for as soon as it is known." in page


def test_names_and_codes_are_text_and_never_markup(browser: Browser, wolves: Guild) -> None:
    page = shown(browser, astray(wolves, gift_code(), nickname="<b>Ann"))
    assert "&lt;b&gt;Ann" in page
    assert "<b>Ann" not in page


def test_the_page_updates_while_something_waits(browser: Browser, wolves: Guild) -> None:
    ann = member(wolves)
    row = member_redemption(ann, gift_code("FROST"), "pending")
    live = reverse("admin:live_player", args=[ann.pk])
    answer = browser.client.get(live).json()
    assert answer["again_in_seconds"] == 2
    assert "waiting" in answer["parts"]["codes"]
    assert browser.client.get(live).json()["parts"] == answer["parts"]  # Without a change.
    row.state = "redeemed"
    row.save()
    answer = browser.client.get(live).json()
    assert answer["again_in_seconds"] == 10
    assert "You have 1 of 1 code: FROST" in answer["parts"]["reply"]


def test_the_form_of_the_correction_comes_and_goes_with_the_codes(
    browser: Browser, wolves: Guild
) -> None:
    ann = member(wolves)
    row = member_redemption(ann, gift_code("FROST"), "pending")

    def form() -> str:
        answer = browser.client.get(reverse("admin:live_player", args=[ann.pk])).json()
        return str(answer["parts"]["corrections"])

    assert 'name="realm"' not in form()
    row.state, row.asked_realm = "needs_correction", 1042
    row.save()
    assert 'name="realm"' in form()
    assert "1 code waits for the right number." in form()
    row.state = "redeemed"
    row.save()
    assert 'name="realm"' not in form()


def test_the_page_costs_the_same_with_few_and_with_many_codes(
    browser: Browser, wolves: Guild
) -> None:
    def cost(of: Member) -> int:
        with CaptureQueriesContext(connection) as queries:
            shown(browser, of)
        return len(queries)

    few, many = astray(wolves, gift_code()), astray(wolves, *(gift_code() for _ in range(12)))
    cost(few)
    assert cost(many) == cost(few) <= 14


def test_lists_and_pages_lead_to_the_page_of_the_player(browser: Browser, wolves: Guild) -> None:
    ann = astray(wolves, gift_code(), nickname="Ann")
    run = Redemption.objects.get()
    for page in (
        browser.open("member_changelist"),
        browser.open("member_change", ann.pk),
        browser.open("redemption_change", run.pk),
        browser.client.get(reverse("admin:matrix"), {"guild": wolves.pk}),
    ):
        assert f'href="{url(ann)}"' in page.content.decode()


# --- The correction -------------------------------------------------------------------------------
def test_one_press_corrects_the_member_to_the_realm_of_guild_mates(
    browser: Browser, task_queue: TaskQueue, wolves: Guild
) -> None:
    ann = astray(wolves, gift_code(), gift_code(), nickname="Ann")
    member(wolves, realm=1043), member(wolves, realm=1043)
    page = shown(browser, ann)
    assert "2 codes wait for the right number" in page
    assert 'name="offered" value="1043"' in page
    assert "(2 members)" in page

    response = correct(browser, ann, offered="1043")

    assert response["Location"] == url(ann)
    assert messages_of(response) == [
        ("success", f"{ann} is in State 1043 now. 2 codes are asked for again.")
    ]
    ann.refresh_from_db()
    assert ann.realm == 1043
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]
    assert words_of(LogEntry.objects.get()) == "Set the state or kingdom."
    page = shown(browser, ann)
    assert "Correct the state" not in page
    assert "The member was corrected, so the code is asked for again." in page


def test_a_typed_realm_is_saved_and_the_guild_s_own_realm_is_stored_as_none(
    browser: Browser, wolves: Guild
) -> None:
    ann = astray(wolves, gift_code(), realm=1050)
    member_row = Member.objects.filter(pk=ann.pk)
    member_row.update(refused_realm=1050)
    ann.member_redemptions.update(asked_realm=1050)
    response = correct(browser, ann, realm=" 1042 ")
    assert messages_of(response)[0][1].endswith("is in State 1042 now. 1 code is asked for again.")
    assert member_row.get().realm is None


def test_the_same_realm_changes_nothing_and_the_message_says_so(
    browser: Browser, task_queue: TaskQueue, wolves: Guild
) -> None:
    ann = astray(wolves, gift_code())
    ((level, words),) = messages_of(correct(browser, ann, realm="1042"))
    assert level == "warning"
    assert "was in State 1042 already" in words
    assert task_queue.enqueued == []


@pytest.mark.parametrize("wrong", ["Tundra", "1.043", "-5", "0", "9" * 30, "10 000 000"])
def test_text_that_is_no_number_is_an_error_at_the_field(
    browser: Browser, wolves: Guild, wrong: str
) -> None:
    ann = astray(wolves, gift_code())
    response = correct(browser, ann, realm=wrong)
    assert response.status_code == 200
    assert 'aria-invalid="true"' in response.content.decode()
    assert "errorlist" in response.content.decode()
    ann.refresh_from_db()
    assert ann.realm is None


@pytest.mark.parametrize("membership", ["", "x", "9" * 30, "12345"])
def test_a_correction_of_another_membership_is_refused(
    browser: Browser, wolves: Guild, membership: str
) -> None:
    ann = astray(wolves, gift_code())
    assert correct(browser, ann, membership=membership, realm="7").status_code == 403


def test_the_realm_of_a_player_is_corrected_in_each_guild_separately(
    browser: Browser, wolves: Guild
) -> None:
    bears = guild("Bears", automatic=False)
    code = gift_code()
    ann, twin = astray(wolves, code), None
    twin = astray(bears, code)
    Member.objects.filter(pk=twin.pk).update(player_id=ann.player_id)
    assert shown(browser, ann).count('class="panel correction"') == 2
    correct(browser, ann, membership=twin.pk, realm="1043")
    assert dict(Member.objects.values_list("guild__name", "realm")) == {
        "Wolves": None,
        "Bears": 1043,
    }


def test_failed_rows_are_tried_again_from_the_page(browser: Browser, wolves: Guild) -> None:
    ann = member(wolves)
    run = member_redemption(ann, gift_code("FROST"), "failed").redemption
    page = shown(browser, ann)
    assert f'form="retry-form" name="_selected_action" value="{run.pk}"' in page
    data = {"action": "retry", "_selected_action": run.pk, "index": 0, "back": url(ann)}
    assert browser.post("redemption_changelist", data=data)["Location"] == url(ann)
    run.refresh_from_db()
    assert run.state == "running"


# --- Who may open the page ------------------------------------------------------------------------
def clerk(django_user_model: Any, *permissions: str) -> Client:
    user = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_a_person_without_the_right_to_change_sees_no_form(
    django_user_model: Any, wolves: Guild
) -> None:
    ann = astray(wolves, gift_code("FROST"))
    viewer = clerk(
        django_user_model, "view_every_guild", "view_member", "view_memberredemption", "view_guild"
    )
    page = viewer.get(url(ann))
    assert "FROST" in page.content.decode()
    assert 'name="realm"' not in page.content.decode()
    assert viewer.post(url(ann), {"membership": ann.pk, "realm": "7"}).status_code == 403


def test_without_the_permissions_nothing_is_shown(django_user_model: Any, wolves: Guild) -> None:
    ann = member(wolves)
    client = clerk(django_user_model, "view_every_guild", "view_member")
    for page in (url(ann), reverse("admin:live_player", args=[ann.pk])):
        assert client.get(page).status_code == 403
        assert Client().get(page).status_code == 302


@pytest.mark.parametrize("pk", [12345, 10**30])
def test_a_member_who_does_not_exist_is_not_found(browser: Browser, pk: int) -> None:
    for page in ("player_codes", "live_player"):
        assert browser.client.get(reverse(f"admin:{page}", args=[pk])).status_code == 404


# --- The answer to send ---------------------------------------------------------------------------
def test_the_answer_says_everything_to_the_player_and_names_no_guild(
    browser: Browser, wolves: Guild
) -> None:
    ann = astray(wolves, gift_code("FROST"), nickname="Ann", player="200000099")
    member_redemption(ann, gift_code("SNOW"), "redeemed", settled_at=ann.joined_at)
    member_redemption(ann, gift_code("HIGH"), "not_eligible", outcome="level_too_low")
    member_redemption(ann, gift_code("DARK"), "failed")
    member_redemption(ann, gift_code("SOON"), "pending")
    old = gift_code("OLD", state="closed", closed_outcome="code_expired")
    member_redemption(ann, old, "cancelled", cancel_kind="code_closed")
    noon = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    dated = gift_code("PAST", state="closed", closed_at=noon, expires_at=noon)
    member_redemption(ann, dated, "cancelled", cancel_kind="code_closed")
    text = reply(browser, ann)
    day = f"{ann.joined_at:%Y-%m-%d}"
    assert text.splitlines() == [
        f"Ann, your gift codes in Simulator (player ID 200000099), on {day}:",
        f"You have 1 of 7 codes: SNOW ({day}).",
        "We need your help: the game does not know your player ID in state 1042. Please send us "
        "your player ID and the number of your state, as your profile in the game shows them. "
        "Then we try again: FROST.",
        "The game gave no clear answer. Please look into your mail in the game, and tell us if the "
        "reward is missing: DARK.",
        "On the way, so you need not do anything: SOON.",
        "Not for your account yet (your level is too low), tried again every day: HIGH.",
        "Not received (the code expired on 2026-11-20): PAST.",
        "Not received (the code has expired): OLD.",
    ]


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        ("same_type", {}, "You have another code of the same group: FROST."),
        ("cancelled", {"cancel_kind": "stopped"}, "because the run was stopped: FROST."),
        ("cancelled", {"cancel_kind": "left"}, "because you were not in the guild: FROST."),
    ],
)
def test_the_answer_says_why_a_code_was_not_received(
    browser: Browser, wolves: Guild, state: str, fields: dict[str, str], words: str
) -> None:
    ann = member(wolves)
    member_redemption(ann, gift_code("FROST"), state, **fields)
    assert words in reply(browser, ann)


def test_a_long_answer_names_the_newest_codes_and_counts_the_others(
    browser: Browser, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("giftcodes.admin.members.reply.MOST_NAMED", 2)
    ann = member(wolves)
    for name in ("A", "B", "C"):
        member_redemption(ann, gift_code(name), "pending")
    assert "On the way, so you need not do anything: C, B, and 1 more." in reply(browser, ann)


def test_the_text_is_in_a_field_that_can_be_selected_without_a_script(
    browser: Browser, wolves: Guild
) -> None:
    page = shown(browser, member(wolves))
    assert re.search(r'<textarea id="reply-text"[^>]* readonly', page)
    assert re.search(r'data-copy="#reply-text"[^>]* hidden>Copy</button>', page)


def test_a_code_that_has_ended_needs_nobody(browser: Browser, wolves: Guild) -> None:
    ended = gift_code("OLD", state="closed", closed_outcome="code_expired")
    ann = astray(wolves, gift_code("FROST"), nickname="Ann")
    reason = reason_of("wrong_realm")
    late = member_redemption(
        ann, ended, "needs_correction", asked_realm=1042, reason=reason, outcome="wrong_realm"
    )
    page = shown(browser, ann)
    assert "0 of 2 codes, 1 needs you, 1 cannot have it" in page
    assert "or there is no such player." in page
    assert "retried at once" not in page

    of_code = browser.client.get(address("giftcode_change", ended.pk)).content.decode()
    assert "1 cannot have it" in of_code
    tab = browser.client.get(address("guild_codes", wolves.pk)).context
    assert [line["served"].needs_you for line in tab["ended_lines"]] == [0]
    run = " ".join(
        browser.client.get(address("redemption_change", late.redemption_id))
        .content.decode()
        .split()
    )
    assert "the code has ended</span>" in run
    assert "retried at once" not in run
    assert ">Correct<" not in run
    rows = browser.client.get(address("memberredemption_changelist"), {"q": "OLD"})
    assert "retried at once" not in rows.content.decode()
