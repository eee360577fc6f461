"""A database that is full enough for the planner to choose the same plans as for a million rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection

from benchmarks.filling import fill
from giftcodes.models import Redemption, Trigger
from giftcodes.models.redemption import begin_runs
from giftcodes.pipeline.fan_out import fan_out
from tests.factories import gift_code

#: Tables that grow, so no statement that runs often may read one of them from end to end.
BIG = {"giftcodes_memberredemption", "giftcodes_attempt"}


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A thousand guilds of 100 members, who have one code, and a run of a second code in each."""
    with django_db_blocker.unblock():
        fill(guilds=1_000, members=100, codes=1)
        code = gift_code()
        fan_out(code.pk)
        ids = list(Redemption.objects.filter(gift_code=code).values_list("pk", flat=True))
        begin_runs(ids, trigger=Trigger.POLL, user_id=None)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            yield
            cursor.execute(
                "TRUNCATE giftcodes_guild, giftcodes_giftcode, giftcodes_ratebudget CASCADE"
            )
            # In later tests the planner uses the figures of empty tables again.
            cursor.execute("VACUUM ANALYZE")


@dataclass(slots=True)
class Plans:
    """What the planner chose for all statements of a step.

    Args:
        indexes: every index that is used.
        read_whole: big tables that are read from end to end.
    """

    indexes: set[str] = field(default_factory=set)
    read_whole: set[str] = field(default_factory=set)

    def add(self, node: dict[str, Any]) -> None:
        """Add a node of a plan, and the nodes below it."""
        if "Index Name" in node:
            self.indexes.add(node["Index Name"])
        if node["Node Type"] == "Seq Scan":
            self.read_whole |= {node["Relation Name"]} & BIG
        for below in node.get("Plans", []):
            self.add(below)


def plans_of(step: Callable[[], Any]) -> Plans:
    """Run a step, and collect the plans of its statements, each before it is executed."""
    plans = Plans()

    def explain(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not many and str(sql).lstrip().startswith(
            ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")
        ):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                (found,) = cursor.fetchone()
            for plan in found if isinstance(found, list) else json.loads(found):
                plans.add(plan["Plan"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        step()
    return plans
