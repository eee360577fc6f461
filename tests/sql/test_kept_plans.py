"""Sessions keep the plans of statements, even plans that were made while the tables were empty."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from giftcodes.domain.transitions import OPEN, literals
from giftcodes.models import MemberRedemption, Redemption, database_now
from giftcodes.pipeline.dispatch import MOMENT, _choose
from giftcodes.pipeline.redeem.snapshot import COLUMNS
from giftcodes.sql import statement
from tests.factories import gift_code, guild

pytestmark = pytest.mark.django_db

#: The statements that run for each start, dispatch or member, with values for their parameters.
STATEMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "intend": (
        statement("redeem", "intend", snapshot=COLUMNS),
        {"id": 1, "token": 1, "needed": 16.0, "open_codes": ["active"]},
    ),
    "what_follows": (
        statement("redeem", "what_follows", open=literals(OPEN)),
        {"redemption": 1, "code": 1, "player": "1", "row": 1, "provider": "simulator"},
    ),
    "in_flight": (
        statement("dispatch", "in_flight"),
        {"provider": "simulator", "lease": MOMENT, "moment": MOMENT},
    ),
    "has_other_rows": (statement("members", "has_other_rows"), {"ids": [1]}),
    "with_work": (statement("dispatch", "with_work"), {"providers": ["simulator"]}),
}

_PARAMETER = re.compile(r"%\((\w+)\)s")
_TYPES = {
    str: "text",
    int: "bigint",
    float: "double precision",
    bool: "boolean",
    datetime: "timestamptz",
    timedelta: "interval",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_member_costs_the_same_however_many_were_redeemed_before(name: str) -> None:
    sql, parameters = STATEMENTS[name]

    assert _costly_scans(sql, parameters) == []


def test_rows_that_were_in_flight_are_not_read_again() -> None:
    """A bitmap scan reads their entries of the index each time, until the next VACUUM."""
    code, wolves = gift_code(), guild(members=1_000)
    run = Redemption.objects.create(guild=wolves, gift_code=code)
    MemberRedemption.objects.bulk_create(
        MemberRedemption(redemption=run, gift_code=code, member=member, player_id=member.player_id)
        for member in wolves.members.all()
    )

    for name in ("in_flight", "what_follows"):
        sql, parameters = STATEMENTS[name]
        assert _costly_scans(sql, parameters) == []


def test_a_dispatch_costs_the_same_however_many_were_redeemed_before() -> None:
    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        seen.append((sql, parameters))
        return execute(sql, parameters, many, context)

    now = database_now()
    with connection.execute_wrapper(note):
        _choose("simulator", permits=10, now=now)
    ((sql, parameters),) = seen

    assert _costly_scans(sql, parameters) == []


def _costly_scans(sql: str, parameters: dict[str, Any]) -> list[str]:
    """The scans of a plan that read all rows of a large table, or all that ever were in flight.

    The plan is the one that PostgreSQL makes without the values, as it does from the sixth
    execution of a statement on.
    """
    names = list(parameters)

    def numbered(found: re.Match[str]) -> str:
        return f"${names.index(found[1]) + 1}::{_type(parameters[found[1]])}"

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {_PARAMETER.sub(numbered, sql)}")
        ((plans,),) = cursor.fetchall()
    plans = plans if isinstance(plans, list) else json.loads(plans)
    return [
        f"{node['Node Type']} of {node.get('Relation Name') or node.get('Index Name')}"
        for node in _nodes(plans[0]["Plan"])
        if node["Node Type"].startswith(("Bitmap", "Seq"))
        and node.get("Relation Name", node.get("Index Name", "")).startswith(
            ("giftcodes_attempt", "giftcodes_memberredemption", "share_in_flight")
        )
    ]


def _type(value: Any) -> str:
    """The type of a parameter in PostgreSQL."""
    if isinstance(value, list):
        return f"{_type(value[0])}[]"
    return _TYPES[type(value)]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
