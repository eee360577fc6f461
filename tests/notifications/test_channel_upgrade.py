"""The upgrade to several channels for a guild keeps all announcements and tells nothing twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.executor import MigrationExecutor

from giftcodes import encryption
from giftcodes.models import Alarm, Announcement, Channel, database_now
from giftcodes.notifications import announcements

BEFORE, AFTER = ("giftcodes", "0033_self_service"), ("giftcodes", "0034_channels")
DISCORD = "https://discord.com/api/webhooks/1/secret"


def migrate(to: tuple[str, str]) -> Any:
    """Migrate to a state, within the test's transaction. Returns the models of that state."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    executor = MigrationExecutor(connection)
    return executor.migrate([to]).apps


def encrypted(address: str) -> str:
    return encryption.encrypt(address)


@pytest.mark.slow
@pytest.mark.django_db
def test_announcements_keep_their_state_and_get_their_channel() -> None:
    old = migrate(BEFORE)
    make = {
        name: old.get_model("giftcodes", name).objects.create
        for name in ("Guild", "GiftCode", "Redemption", "Channel", "Announcement", "Alarm")
    }
    code = make["GiftCode"](provider="simulator", code="FROST", folded="frost", source="admin")
    rows = {}
    for name, address in (("Wolves", DISCORD), ("Bears", "tgram://1:secret/2"), ("Foxes", "")):
        guild = make["Guild"](name=name, provider="simulator", realm=1)
        run = make["Redemption"](
            guild=guild,
            gift_code=code,
            state="running",
            run_number=1,
            trigger="poll",
            locked_at=database_now(),
        )
        # A channel's id need not be the id of its guild.
        kept = make["Channel"](guild=guild, address=encrypted(address)) if address else None
        make["Announcement"](
            redemption=run,
            run_number=1,
            kind="started",
            state="sent",
            message_id="77",
            channel_hash="h",
            next_attempt_at=database_now() + timedelta(hours=1),
        )
        for kind in ("channel_gone", "channel_silent"):
            make["Alarm"](kind=kind, subject=str(guild.pk), message=name)
        make["Alarm"](kind="no_members", subject=str(guild.pk), message=name)
        rows[name] = (guild.pk, run.pk, kept and kept.pk)

    migrate(AFTER)

    assert dict(Channel.objects.values_list("guild__name", "name")) == {
        "Wolves": "Discord",
        "Bears": "Channel",
    }
    # Columns of later releases do not exist yet.
    assert set(Channel.objects.values_list("tells", "is_on", "role_id")) == {("runs", True, "")}
    for name, (guild_id, run_id, channel_id) in rows.items():
        row = Announcement.objects.get(redemption=run_id)
        assert (row.state, row.message_id, row.channel_id) == ("sent", "77", channel_id)
        subjects = dict(Alarm.objects.filter(message=name).values_list("kind", "subject"))
        assert subjects["no_members"] == str(guild_id)
        assert subjects["channel_gone"] == subjects["channel_silent"] == str(channel_id or 0)
        standing = Alarm.objects.standing().filter(message=name).count()
        assert standing == (3 if channel_id else 1)
    assert announcements._unclaimed().count() == 3

    old = migrate(BEFORE)
    alarms = old.get_model("giftcodes", "Alarm").objects.filter(kind="channel_gone")
    assert dict(alarms.values_list("message", "subject")) == {
        "Wolves": str(rows["Wolves"][0]),
        "Bears": str(rows["Bears"][0]),
        "Foxes": "0",
    }
    assert old.get_model("giftcodes", "Announcement").objects.count() == 3


@pytest.mark.slow
@pytest.mark.django_db
def test_the_migration_back_refuses_a_guild_with_several_channels() -> None:
    from tests.factories import guild

    wolves = guild("Wolves")
    for name in ("One", "Two"):
        Channel.objects.create(guild=wolves, name=name, address=DISCORD)

    with pytest.raises(IrreversibleError, match="Delete all but one"):
        migrate(BEFORE)


@pytest.mark.slow
@pytest.mark.django_db
def test_the_release_before_threads_is_left_none_of_them() -> None:
    now = migrate(("giftcodes", "0042_threads"))
    make = {
        name: now.get_model("giftcodes", name).objects.create
        for name in ("Guild", "GiftCode", "Redemption", "Announcement", "Alarm")
    }
    code = make["GiftCode"](provider="simulator", code="FROST", folded="frost", source="admin")
    guild = make["Guild"](name="Wolves", provider="simulator", realm=1)
    run = make["Redemption"](guild=guild, gift_code=code, run_number=1, trigger="poll")
    for kind in ("complete", "thread"):
        make["Announcement"](redemption=run, run_number=1, kind=kind)
    alarm = make["Alarm"](kind="no_thread", subject="1", message="It may not.")
    make["Announcement"](alarm=alarm, kind="raised")

    old = migrate(("giftcodes", "0041_kept_figures"))

    kinds = old.get_model("giftcodes", "Announcement").objects.values_list("kind", flat=True)
    assert list(kinds) == ["complete"]
    assert not old.get_model("giftcodes", "Alarm").objects.exists()
    migrate(("giftcodes", "0042_threads"))
