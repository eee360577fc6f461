"""Every date that a person can enter has bounds, in every form and every time zone."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from giftcodes.clients.feeds.community import read_list
from giftcodes.domain.validators import (
    EARLIEST,
    EARLIEST_DAY,
    LATEST,
    LATEST_DAY,
    validate_day,
    validate_moment,
)
from giftcodes.models import GiftCode, Member
from tests.admin.conftest import Browser, errors
from tests.factories import gift_code, guild, member
from tests.member_lists import read_members

WORDS = "This date is out of bounds. Set one from 2000-01-01 to 2100-01-01."
ZONES = ["America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "Etc/GMT+12", "UTC"]
#: Dates out of bounds. Python's last date (here) and first date (in `LONG_AGO`) cannot be converted
#: to some time zones.
FAR = [
    ("9999-12-31", "23:59"),
    ("9999-12-31", "00:00"),
    ("2100-01-02", "12:01"),
    ("1999-12-30", "12:00"),
]
LONG_AGO = [("0001-01-01", "00:00"), ("0001-01-01", "23:59")]


@pytest.fixture(params=ZONES)
def abroad(request: pytest.FixtureRequest, browser: Browser) -> Browser:
    browser.client.cookies["timezone"] = request.param
    return browser


def code_form(**fields: str) -> dict[str, str]:
    return {"provider": "simulator", "code": "FROST", "rewards": "", "published_on": "", **fields}


@pytest.mark.slow
@pytest.mark.parametrize(("day", "time"), [*FAR, *LONG_AGO])
def test_an_end_out_of_bounds_is_a_form_error_in_every_zone(
    abroad: Browser, day: str, time: str
) -> None:
    code = gift_code()
    for page in (("giftcode_add",), ("giftcode_change", code.pk)):
        response = abroad.post(*page, data=code_form(expires_at_0=day, expires_at_1=time))
        assert response.status_code == 200
        assert errors(response)
    assert WORDS in errors(response)
    assert GiftCode.objects.get().expires_at is None


@pytest.mark.parametrize("day", ["9999-12-31", "2100-01-02", "1999-12-31", "0001-01-01"])
def test_a_published_day_out_of_bounds_is_a_form_error(browser: Browser, day: str) -> None:
    response = browser.post("giftcode_add", data=code_form(published_on=day))
    assert WORDS in errors(response)
    assert not GiftCode.objects.exists()


@pytest.mark.parametrize("day", ["9999-12-31", "1999-12-31"])
def test_a_day_of_consent_out_of_bounds_is_a_form_error(browser: Browser, day: str) -> None:
    form = {
        "guild": guild().pk,
        "player_id": "123456789",
        "nickname": "",
        "realm": "",
        "active": "on",
        "notes": "",
    }
    response = browser.post("member_add", data={**form, "consented_on": day})
    assert WORDS in errors(response)
    assert not Member.objects.exists()


def test_the_bounds_themselves_are_accepted(browser: Browser) -> None:
    browser.save(
        "giftcode_add",
        **code_form(published_on="2000-01-01", expires_at_0="2100-01-01", expires_at_1="0:00"),
    )
    code = GiftCode.objects.get()
    assert (code.published_on, code.expires_at) == (EARLIEST_DAY, LATEST)


def test_the_validators_of_the_models_have_the_same_bounds() -> None:
    for day in (EARLIEST_DAY, LATEST_DAY):
        validate_day(day)
    for moment in (EARLIEST, LATEST):
        validate_moment(moment)
    for day in (
        dt.date.min,
        EARLIEST_DAY - dt.timedelta(days=1),
        LATEST_DAY + dt.timedelta(days=1),
        dt.date.max,
    ):
        with pytest.raises(ValidationError, match="out of bounds"):
            validate_day(day)
    second = dt.timedelta(seconds=1)
    for moment in (EARLIEST - second, LATEST + second, dt.datetime.max.replace(tzinfo=dt.UTC)):
        with pytest.raises(ValidationError, match="out of bounds"):
            validate_moment(moment)


@pytest.mark.parametrize("day", ["9999-12-31", "31.12.9999", "1999-12-31", "0001-01-01"])
def test_in_a_list_only_the_line_with_a_day_of_consent_out_of_bounds_is_refused(day: str) -> None:
    listed = read_members(
        f"player_id,consented_on\n123456789,{day}\n234567890,2026-05-01\n".encode()
    )
    (bad,) = listed.bad
    assert (bad.line, [one.player_id for one in listed.members]) == (2, ["234567890"])
    assert bad.reason == f"“{day}” cannot be used. {WORDS}"


def test_in_a_feed_only_the_line_with_a_day_out_of_bounds_is_skipped() -> None:
    lines = ["A 01.01.2000", "B 31.12.2099", "C 31.12.1999", "D 31.12.9999", "E 01.01.2101", "F"]
    listing = read_list(b'{"codes": ["%s"]}' % '","'.join(lines).encode())
    taken = {line.code: line.published_on for line in listing.codes}
    assert set(taken) == {"A", "B", "F"}
    for day in taken.values():
        assert day is None or EARLIEST_DAY <= day <= LATEST_DAY
    assert len(listing.skipped) == 3


def test_a_member_with_a_day_of_consent_within_the_bounds_is_valid() -> None:
    Member(guild_id=1, player_id="123456789", consented_on=dt.date(2026, 5, 1)).clean_fields(
        exclude=["guild"]
    )


def test_the_form_of_a_member_shows_the_stored_day_of_consent(browser: Browser) -> None:
    row = member(guild(), consented_on=dt.date(2026, 5, 1))
    assert "2026-05-01" in browser.open("member_change", row.pk).content.decode()
