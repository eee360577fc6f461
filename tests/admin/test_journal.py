"""The journal: what one catch-up did for a guild is one entry, and any other event stands alone."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.domain.result_kinds import ResultKind
from giftcodes.domain.run_end import RunEnd
from giftcodes.domain.served import Result, Served
from giftcodes.models import Attempt, Guild, Redemption, RedemptionEvent
from tests.admin.conftest import Browser
from tests.factories import gift_code, guild, member, member_redemption, on_trial


def event(of: Guild, kind: str = "locked", trigger: str = "catch_up", **fields: Any) -> str:
    """An entry about a new code. Returns the code."""
    run = Redemption.objects.create(guild=of, gift_code=gift_code())
    run.journal(kind, trigger=trigger, **fields)  # type: ignore[arg-type]
    return str(run.gift_code)


def entries(browser: Browser, **query: Any) -> list[tuple[str, list[str]]]:
    """The kind and the codes of each entry."""
    found = browser.open("redemptionevent_changelist", **query).context["cl"].result_list
    return [(row.kind, [str(one.gift_code) for one in row.together]) for row in found]


def details(browser: Browser) -> list[str]:
    """The words in the column for the detail."""
    page = browser.open("redemptionevent_changelist").content.decode()
    return [
        " ".join(re.sub(r"<[^>]+>", " ", cell).split())
        for cell in re.findall(r"field-detail_shown[^>]*>(.*?)</td>", page, re.DOTALL)
    ]


def test_the_runs_of_one_catch_up_are_one_entry_that_names_each_code(browser: Browser) -> None:
    wolves = guild("Wolves")
    codes = [event(wolves) for _ in range(18)]
    ends = [event(wolves, "unlocked") for _ in range(18)]
    assert entries(browser) == [("unlocked", ends[::-1]), ("locked", codes[::-1])]
    page = browser.open("redemptionevent_changelist").content.decode()
    assert page.count("<summary>18 codes</summary>") == 2
    assert all(code in page for code in codes)


def test_alternating_starts_and_ends_are_two_entries(browser: Browser) -> None:
    wolves = guild()
    for _ in range(3):
        event(wolves), event(wolves, "unlocked")
    assert [(kind, len(codes)) for kind, codes in entries(browser)] == [
        ("unlocked", 3),
        ("locked", 3),
    ]


def test_events_of_other_guilds_other_kinds_and_later_times_stand_alone(browser: Browser) -> None:
    wolves, bears = guild(), guild()
    event(wolves)
    RedemptionEvent.objects.update(at=RedemptionEvent.objects.get().at - timedelta(minutes=11))
    event(wolves), event(bears), event(wolves, "stalled")
    assert [len(codes) for _kind, codes in entries(browser)] == [1, 1, 1, 1]


def test_events_that_a_person_or_a_feed_caused_stand_alone(browser: Browser) -> None:
    wolves = guild()
    for trigger in ("admin", "poll"):
        event(wolves, trigger=trigger), event(wolves, trigger=trigger)
    assert [len(codes) for _kind, codes in entries(browser)] == [1, 1, 1, 1]


def test_the_runs_of_one_press_are_one_entry_for_each_guild(browser: Browser) -> None:
    admin, other = User.objects.get(username="admin"), User.objects.create(username="bram")
    wolves, bears = guild("Wolves"), guild("Bears")
    runs = [
        Redemption.objects.create(guild=one, gift_code=code)
        for one in (wolves, bears)
        for code in [gift_code() for _ in range(3)]
    ]
    for kind in ("locked", "refused", "unlocked"):
        for run in runs:
            run.journal(kind, trigger="admin", user_id=admin.pk)  # type: ignore[arg-type]
    assert [(kind, len(codes)) for kind, codes in entries(browser)] == [
        (kind, 3) for kind in ("unlocked", "refused", "locked") for _guild in (wolves, bears)
    ]
    event(wolves, trigger="admin", user_id=other.pk)
    assert len(entries(browser)) == 7, "another person's press stands alone"
    runs[0].journal("locked", trigger="admin", user_id=admin.pk)  # type: ignore[arg-type]
    assert len(entries(browser)) == 8, "one press starts a code only once"


def test_the_starts_of_two_presses_are_two_entries_and_late_ends_are_one(browser: Browser) -> None:
    admin, wolves = User.objects.get(username="admin"), guild("Wolves")
    event(wolves, trigger="admin", user_id=admin.pk)
    event(wolves, "unlocked", trigger="admin", user_id=admin.pk)
    RedemptionEvent.objects.update(at=timezone.now() - timedelta(minutes=2))
    event(wolves, trigger="admin", user_id=admin.pk)
    event(wolves, "unlocked", trigger="admin", user_id=admin.pk)
    assert [(kind, len(codes)) for kind, codes in entries(browser)] == [
        ("unlocked", 2),
        ("locked", 1),
        ("locked", 1),
    ]


def test_an_entry_for_several_runs_counts_codes_by_the_result_of_the_newest(
    browser: Browser,
) -> None:
    wolves = guild("Wolves")
    first, second, third = (
        Redemption.objects.create(guild=wolves, gift_code=gift_code(), trigger="catch_up")
        for _ in range(3)
    )
    for run in (first, second):
        end(run, ResultKind.NEEDS_YOU, Served(has=5, needs_you=4), gained=5)
        end(run, ResultKind.NEEDS_YOU, Served(has=6, needs_you=3), gained=1)
    page = browser.open("redemptionevent_changelist").content.decode()
    assert "<summary>2 codes, 4 runs</summary>" in page
    assert page.count(", run 1 ") == page.count(", run 2 ") == 2
    assert details(browser) == ["! done, 3 need you 6 of 9 have it, 1 got it in this run"]

    end(third, ResultKind.DONE, Served(has=9), gained=9)

    assert details(browser) == ["✓ done, everyone has it 1 code ! done, 3 need you 2 codes"]
    assert "<summary>3 codes, 5 runs</summary>" in (
        browser.open("redemptionevent_changelist").content.decode()
    )


def test_a_sorted_list_shows_each_event_alone(browser: Browser) -> None:
    wolves = guild()
    event(wolves), event(wolves)
    assert [len(codes) for _kind, codes in entries(browser, o="4")] == [1, 1]


def test_a_detail_is_shown_only_if_all_events_of_the_entry_have_it(browser: Browser) -> None:
    wolves = guild()
    for detail in ("1 member(s) joined the run.", "1 member(s) joined the run."):
        event(wolves, "joined", detail=detail)
    assert "1 member(s) joined the run." in (
        browser.open("redemptionevent_changelist").content.decode()
    )
    event(wolves, "joined", detail="2 member(s) joined the run.")
    assert details(browser) == ["–"]
    page = browser.open("redemptionevent_changelist").content.decode()
    assert page.count("2 member(s) joined the run.") == 1, "only in the list of the codes"


def test_the_end_of_a_run_is_shown_with_its_result(browser: Browser) -> None:
    wolves = guild("Wolves", members=1)
    for state, trigger in (("redeemed", "poll"), ("needs_correction", "probe")):
        code = gift_code()
        member_redemption(wolves.members.get(), code, state)
        run = Redemption.objects.get(guild=wolves, gift_code=code)
        run.state, run.run_number, run.trigger = "complete", 2, trigger
        run.save()
        run.journal("unlocked", trigger=trigger)  # type: ignore[arg-type]
    page = browser.open("redemptionevent_changelist").content.decode()
    assert "done, everyone has it" in page
    assert "nobody got it" in page
    assert "tone-bad" in page
    assert "the feed" in page
    assert "a test of the code" in page
    Redemption.objects.update(run_number=3)
    assert "nobody got it" not in browser.open("redemptionevent_changelist").content.decode()


#: Those of an officer who reads the journal.
PERMISSIONS = ("view_redemptionevent", "view_redemption", "view_giftcode", "view_guild")


def end(of: Redemption, result: ResultKind, served: Served, *, gained: int) -> None:
    of.run_number += 1
    detail = RunEnd(Result(result, served), gained).stored
    of.end_run("complete", now=timezone.now(), detail=detail)  # type: ignore[arg-type]


def test_each_run_keeps_its_result_when_later_runs_end(browser: Browser) -> None:
    run = Redemption.objects.create(guild=guild("Wolves"), gift_code=gift_code(), trigger="admin")
    run.triggered_by = User.objects.get(username="admin")
    end(run, ResultKind.SERVED_NONE, Served(needs_you=3), gained=0)
    end(run, ResultKind.NEEDS_YOU, Served(has=2, needs_you=1), gained=2)
    end(run, ResultKind.DONE, Served(has=3), gained=1)
    end(run, ResultKind.DONE, Served(has=3), gained=0)
    assert [words.partition(" ")[2] for words in details(browser)] == [
        "done, everyone has it 3 of 3 have it, nobody got it in this run",
        "done, everyone has it 3 of 3 have it, 1 got it in this run",
        "done, 1 needs you 2 of 3 have it",
        "nobody got it 0 of 3 have it",
    ]
    page = browser.open("redemptionevent_changelist").content.decode()
    assert len(re.findall(r"field-user_shown[^>]*>\s*admin", page)) == 4
    newest = RedemptionEvent.objects.first()
    assert newest
    one = browser.open("redemptionevent_change", newest.pk).content.decode()
    on_page = browser.open("redemption_change", run.pk).content.decode()
    for text in (one, on_page):
        assert "done, everyone has it (3 of 3 have it, nobody got it in this run)" in text
        assert "gained" not in text


def test_a_phone_shows_the_results(browser: Browser) -> None:
    assert "detail_shown" in site._registry[RedemptionEvent].phone_columns  # type: ignore[attr-defined]


def test_the_journal_names_the_officer_who_added_a_code_to_those_who_may_read_it(
    browser: Browser,
) -> None:
    wolves, code = guild("Wolves"), gift_code()
    officer = on_trial(code)
    run = Redemption.objects.create(guild=wolves, gift_code=code, run_number=1)
    run.journal("locked", trigger="admin")  # type: ignore[arg-type]
    run.journal("joined", trigger="sweep")  # type: ignore[arg-type]

    def by(client: Client) -> list[str]:
        page = client.get(reverse("admin:giftcodes_redemptionevent_changelist")).content.decode()
        return re.findall(r"field-user_shown[^>]*>\s*([^<]*?)\s*<", page)

    assert by(browser.client) == ["–", officer.username]
    assert "a person" in browser.open("redemptionevent_changelist").content.decode()
    for user, name in ((User.objects.create_user("other"), "–"), (officer, officer.username)):
        user.is_staff = True
        user.save()
        user.user_permissions.set(Permission.objects.filter(codename__in=PERMISSIONS))
        wolves.officers.add(user)
        client = Client()
        client.force_login(user)
        assert by(client) == ["–", name]


def test_more_ends_of_runs_take_no_more_queries(browser: Browser) -> None:
    def cost() -> int:
        event(guild(), "unlocked", trigger="admin")
        Redemption.objects.update(state="complete")
        with CaptureQueriesContext(connection) as queries:
            browser.open("redemptionevent_changelist")
        return len(queries)

    cost()
    assert cost() == cost()


def test_an_empty_list_of_alarms_leads_home(browser: Browser) -> None:
    page = browser.open("alarm_changelist").content.decode()
    assert f'<a href="{reverse("admin:index")}">Home</a> lists what needs a person now.' in page


def test_a_request_says_what_its_outcome_means_and_then_what_the_game_said(db: None) -> None:
    admin, code = site._registry[Attempt], gift_code()
    said = [
        admin.outcome_shown(Attempt(outcome=outcome, msg=msg, gift_code=code))  # type: ignore[attr-defined]
        for outcome, msg in [("level_too_low", ""), ("unrecognised", "<NEW>."), ("", "")]
    ]
    low, new, none = said
    assert low.startswith("The player&#x27;s level is too low for this code. <span")
    assert low.endswith(">(STOVE_LV ERROR)</span>")
    assert new.startswith("The game sent an unknown message. <span")
    assert new.endswith(">(&lt;NEW&gt;)</span>")
    assert "no answer yet" in none


def test_a_request_names_the_member(browser: Browser) -> None:
    row = member_redemption(member(guild(), nickname="Amber"), gift_code(), "not_eligible")
    Attempt.objects.create(
        member_redemption=row,
        gift_code=row.gift_code,
        player_id=row.player_id,
        realm=1042,
        token=1,
        sent_at=timezone.now(),
    )
    page = browser.open("attempt_changelist").content.decode()
    assert re.search(r'field-nickname[^>]*">Amber</td>', page)
