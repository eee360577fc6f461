"""External servers are checked first: one clear line instead of a child's traceback."""

from __future__ import annotations

import os

import pytest

from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.servers import check_broker, check_database


def test_a_database_that_answers_is_accepted() -> None:
    check_database(os.environ["DATABASE_URL"].replace("postgres://", "postgresql://"))


def test_a_broker_that_answers_is_accepted() -> None:
    check_broker(os.environ["REDIS_URL"])


@pytest.mark.parametrize("host", ["127.0.0.1:9", "no-such-host.invalid"])
def test_a_database_that_does_not_answer_is_reported_in_one_line_without_the_password(
    host: str,
) -> None:
    with pytest.raises(
        CannotStartError, match="DATABASE_URL does not lead to a database"
    ) as refusal:
        check_database(f"postgres://user:hush@{host}/nothing")

    assert "\n" not in str(refusal.value)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("url", ["redis://:hush@127.0.0.1:9/0", "hush://127.0.0.1"])
def test_a_broker_that_does_not_answer_is_reported_in_one_line_without_the_password(
    url: str,
) -> None:
    with pytest.raises(CannotStartError, match="REDIS_URL does not lead to") as refusal:
        check_broker(url)

    assert "\n" not in str(refusal.value)
    assert "hush" not in str(refusal.value)


def test_options_that_only_django_understands_do_not_prevent_the_check() -> None:
    check_database(os.environ["DATABASE_URL"] + "?conn_max_age=60")
    with pytest.raises(CannotStartError, match="does not lead to a database"):
        check_database("postgres://user@127.0.0.1:9/nothing?conn_max_age=60")
