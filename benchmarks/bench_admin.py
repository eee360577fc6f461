"""Measures how long the admin's pages take with a million member redemptions.

A matrix is the page of coverage: a table of members and codes.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benchmarks.conftest import report
from benchmarks.filling import fill
from giftcodes.estimates.cost_preview import previews
from giftcodes.models import Attempt, GiftCode, Guild, Redemption

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = (
    "guild",
    "member",
    "giftcode",
    "redemption",
    "memberredemption",
    "redemptionevent",
    "attempt",
    "alarm",
)
_MATRIX = (
    """
    INSERT INTO giftcodes_guild (id, name, provider, realm, active, automatic, priority, notes,
                                 created_at)
    VALUES (1000000, 'Crowd', 'simulator', 1042, true, true, 0, '', now())
    """,
    """
    INSERT INTO giftcodes_member (id, guild_id, player_id, nickname, active, opted_out, joined_at)
    SELECT 10000000 + m, 1000000, (900000000 + m)::text, 'Player ' || m, true, false, now()
    FROM generate_series(1, 600) m
    """,
    """
    INSERT INTO giftcodes_giftcode (id, provider, code, folded, issue, source, rewards,
                                    first_seen_at, state, reason, closed_outcome, doubt_outcome,
                                    doubt_player_id, probes, proven_at)
    SELECT 1000 + c, 'simulator', 'SNOW' || c, 'snow' || c, 1, 'feed', '', now(), 'active', '', '',
           '', '', 0, now()
    FROM generate_series(1, 40) c
    """,
    """
    INSERT INTO giftcodes_redemption (id, guild_id, gift_code_id, state, run_number, trigger)
    SELECT 1000000 + c, 1000000, 1000 + c, 'complete', 1, 'poll' FROM generate_series(1, 40) c
    """,
    """
    INSERT INTO giftcodes_memberredemption (redemption_id, member_id, gift_code_id, player_id,
                                            state, reason)
    SELECT r.id, m.id, r.gift_code_id, m.player_id,
           CASE WHEN m.id % 10 = 0 THEN 'failed' ELSE 'redeemed' END, 'Why.'
    FROM giftcodes_redemption r JOIN giftcodes_member m USING (guild_id) WHERE r.guild_id = 1000000
    """,
    "VACUUM ANALYZE",
)


def bench_the_pages_of_the_admin(admin_client: Client) -> None:
    fill()
    _spread_over_two_weeks()
    Redemption.objects.filter(pk__lte=20).update(state="running")
    report("The dashboard", _milliseconds(admin_client, "/admin/"), limit=500, unit="ms")
    report(
        "The live part of the dashboard",
        _milliseconds(admin_client, reverse("admin:live")),
        limit=500,
        unit="ms",
    )
    report(
        "The dashboard's chart",
        _milliseconds(admin_client, reverse("admin:live_chart")),
        limit=500,
        unit="ms",
    )
    for name in LISTS:
        address = reverse(f"admin:giftcodes_{name}_changelist")
        report(f"The list of {name}s", _milliseconds(admin_client, address), limit=300, unit="ms")
    redemption = Redemption.objects.filter(pk__gt=20).earliest("pk")
    page = reverse("admin:giftcodes_redemption_change", args=[redemption.pk])
    report("The page of a redemption", _milliseconds(admin_client, page), limit=300, unit="ms")
    matrix = reverse(
        "admin:matrix", query={"guild": Guild.objects.get(name="Guild 1").pk, "codes": 10}
    )
    report(
        "A matrix of 100 members and 10 codes",
        _milliseconds(admin_client, matrix),
        limit=300,
        unit="ms",
    )
    # This is the worst case: the answers that closed the code have been pruned.
    code = GiftCode.objects.earliest("pk")
    now = timezone.now()
    GiftCode.objects.filter(pk=code.pk).update(
        closed_outcome="code_expired", closed_at=now, proven_at=now
    )
    page = reverse("admin:giftcodes_giftcode_change", args=[code.pk])
    report(
        "The page of a code, with its evidence",
        _milliseconds(admin_client, page),
        limit=300,
        unit="ms",
    )
    _pages_of_an_officer()

    with connection.cursor() as cursor:
        for statement in _MATRIX:
            cursor.execute(statement)
    matrix = reverse("admin:matrix", query={"guild": 1_000_000, "codes": 40})
    report(
        "One page of a matrix of 600 members and 40 codes",
        _milliseconds(admin_client, matrix),
        limit=1_000,
        unit="ms",
    )
    export = reverse("admin:matrix_export", query={"guild": 1_000_000, "codes": 40})
    report(
        "The export of a matrix of 600 members and 40 codes",
        _milliseconds(admin_client, export),
        limit=2_000,
        unit="ms",
    )


def _pages_of_an_officer() -> None:
    """Measure the pages of an officer of one guild, who sees only a small part of each table."""
    importlib.import_module("giftcodes.migrations.0005_roles").seed(apps, None)
    officer = User.objects.create_user("officer", is_staff=True)
    officer.groups.add(Group.objects.get(name="Guild officers"))
    officer.guilds.add(Guild.objects.get(name="Guild 1"))  # type: ignore[attr-defined]
    client = Client()
    client.force_login(officer)
    report("An officer's dashboard", _milliseconds(client, "/admin/"), limit=500, unit="ms")
    report(
        "An officer's chart",
        _milliseconds(client, reverse("admin:live_chart")),
        limit=500,
        unit="ms",
    )
    for name in LISTS:
        address = reverse(f"admin:giftcodes_{name}_changelist")
        report(
            f"An officer's list of {name}s", _milliseconds(client, address), limit=300, unit="ms"
        )

    guilds = list(Guild.objects.values_list("pk", flat=True))
    code = GiftCode.objects.earliest("pk")
    started_at = time.monotonic()
    found = previews([(guild, code.pk) for guild in guilds])
    report(
        f"The preview of “Redeem now” for {len(found)} guilds",
        (time.monotonic() - started_at) * 1_000,
        limit=2_000,
        unit="ms",
    )


def _spread_over_two_weeks() -> None:
    """Spread the answers over the two weeks that the chart shows: the worst case for the chart."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {Attempt._meta.db_table} "
            "SET answered_at = now() - (id % 13) * interval '1 day'"
        )
        cursor.execute("VACUUM ANALYZE")


def _milliseconds(client: Client, address: str) -> float:
    """Return the time of the fastest of three requests."""
    return min(_once(client, address) for _ in range(3))


def _once(client: Client, address: str) -> float:
    started_at = time.monotonic()
    response: Any = client.get(address)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    assert response.status_code == 200
    assert body
    return (time.monotonic() - started_at) * 1_000
