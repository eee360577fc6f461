"""What commands, the site and the workers do with settings, run in a copy of the project."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.servers import pick_port
from redeemer.site_threads import OWN_THREADS, THREADS
from tests.settings.copied import Copy

pytestmark = pytest.mark.slow

KEY = "only-for-tests-but-long-enough-to-please-the-checks-of-django"
HUSH = "a-value-that-must-not-be-shown"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """One copy for all tests of this file."""
    return Copy(tmp_path_factory.mktemp("copy"))


def is_one_line(text: str, *words: str) -> bool:
    """Whether a text is one line that has all of the words and not the secret."""
    return text.count("\n") == 1 and all(word in text for word in words) and HUSH not in text


def test_the_block_of_the_readme_works_when_it_is_copied_with_its_comments(copy: Copy) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    block = "\n".join(re.findall(r"^    (WHITEOUT_.*)$", readme, re.MULTILINE))
    assert block.count("…") == 3
    copy.file.write_text(block.replace("…", HUSH), encoding="utf-8")

    found = copy.value(
        "[getattr(settings.PROVIDERS['whiteout'], n) for n in ('salt', 'feed_url', 'feed_key')]"
    )

    assert found == repr([HUSH] * 3)


@pytest.mark.parametrize("key", ["$q*eo(2h)%k", "$abcd", "a$b$$c"])
def test_a_secret_with_a_dollar_sign_is_taken_as_written(copy: Copy, key: str) -> None:
    copy.file.write_text(f"SECRET_KEY='{key}'\nKINGSHOT_SALT={key}\n")

    assert copy.value("(settings.SECRET_KEY, settings.PROVIDERS['kingshot'].salt)") == repr(
        (key, key)
    )


def test_a_list_may_have_spaces_a_level_may_be_in_small_letters_and_an_empty_number_is_the_default(
    copy: Copy,
) -> None:
    copy.file.write_text(
        'ALLOWED_HOSTS="localhost, 127.0.0.1"\nLOG_LEVEL=debug\nREDEEM_THREADS=\nTIME_ZONE=\n'
    )

    found = copy.value(
        "(settings.ALLOWED_HOSTS, settings.LOGGING['root']['level'],"
        " settings.REDEEM_THREADS, settings.TIME_ZONE)"
    )

    assert found == repr((["localhost", "127.0.0.1"], "DEBUG", 8, "UTC"))


def test_with_few_threads_of_workers_each_thread_of_the_site_still_gets_a_connection(
    copy: Copy,
) -> None:
    copy.file.write_text("REDEEM_THREADS=2\nCONTROL_THREADS=2\n")

    most = int(copy.value("settings.POOL['max_size']"))

    of_requests = THREADS + sum(OWN_THREADS.values())
    assert most >= of_requests + 2, "BeatWatch and the reading of the metrics need one each"


BAD = [
    (f"SECRET_KEY='{HUSH}\n", (".env, line 1", "SECRET_KEY", "not closed")),
    (f"# one\n{HUSH}\n", (".env, line 2", "NAME=value")),
    (f"LOG_LEVEL={HUSH}\n", ("LOG_LEVEL must be one of",)),
    (f"REDEEM_THREADS={HUSH}\n", ("REDEEM_THREADS must be a whole number",)),
    (f"HTTPS={HUSH}\n", ("HTTPS must be 1 (yes) or 0 (no).",)),
    ("PROXIES=-1\n", ("PROXIES must be a whole number from 0 to 20.",)),
    ("PORT=99999\n", ("PORT must be a whole number from 1 to 65535.",)),
    (f"TIME_ZONE={HUSH}\n", ("TIME_ZONE must be",)),
    (f"DATABASE_URL=mysql://u:{HUSH}@h/db\n", ("DATABASE_URL must be a postgres:// address",)),
    (f"DATABASE_URL=postgres://u:{HUSH}@h:x/db\n", ("DATABASE_URL: the port",)),
]


@pytest.mark.parametrize(("text", "words"), BAD)
@pytest.mark.parametrize("command", ["check", "status"])
def test_a_setting_that_cannot_be_read_gives_an_error_of_one_line_in_every_command(
    copy: Copy, command: str, text: str, words: tuple[str, ...]
) -> None:
    copy.file.write_text(text)

    done = copy.manage(command)

    assert done.returncode == 1
    assert is_one_line(done.stderr, *words), done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(("text", "words"), BAD[:2] + BAD[3:4] + BAD[6:7] + BAD[8:])
def test_a_setting_that_cannot_be_read_gives_an_error_of_one_line_in_make_up(
    copy: Copy, text: str, words: tuple[str, ...]
) -> None:
    copy.file.write_text(text)

    done = copy.manage("up")

    assert done.returncode == 1
    assert is_one_line(done.stderr, *words), done.stderr


def processes() -> dict[str, tuple[str, ...]]:
    """The processes of an installation without `make up`."""
    celery = ("-m", "celery", "-A", "redeemer", "-q")
    return {
        "web": ("-m", "redeemer.serving", "--bind", f"127.0.0.1:{pick_port()}"),
        "worker": (*celery, "worker", "--pool", "threads", "-c", "1"),
        "beat": (*celery, "beat", "--pidfile="),
    }


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
@pytest.mark.parametrize(
    ("text", "word"),
    [("LOG_LEVEL=INFO\n", "SECRET_KEY is not set"), (f"LOG_LEVEL={HUSH}\n", "LOG_LEVEL must be")],
)
def test_no_process_of_the_site_starts_without_a_key_or_with_a_bad_setting(
    copy: Copy, name: str, text: str, word: str
) -> None:
    """The key is missing, or a setting cannot be read."""
    copy.file.write_text(text)

    done = copy.run(
        *processes()[name],
        DATABASE_URL=os.environ["DATABASE_URL"],
        REDIS_URL=os.environ["REDIS_URL"],
    )

    assert done.returncode != 0
    assert is_one_line(done.stderr, word), done.stderr


def test_commands_that_need_no_key_run_without_one_and_one_that_needs_it_says_what_to_do(
    copy: Copy, transactional_db: None
) -> None:
    copy.file.write_text("WHITEOUT_SALT=salt\n")
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + psycopg_name()

    status = copy.manage("status", DATABASE_URL=url)
    opt_out = copy.manage("opt_out", "300000001", "--provider", "simulator", DATABASE_URL=url)

    assert status.returncode == 0, status.stderr
    assert opt_out.returncode == 1
    assert is_one_line(opt_out.stderr, "SECRET_KEY is not set", ".env"), opt_out.stderr


def psycopg_name() -> str:
    """The name of the tests' database."""
    from django.db import connection

    return str(connection.settings_dict["NAME"])


@pytest.mark.parametrize(
    "address", ["codes.example.org", "//codes.example.org", "https://", "ftp://a", "https://a b"]
)
def test_an_invalid_site_url_stops_the_start_and_says_what_to_write(
    copy: Copy, address: str
) -> None:
    copy.file.write_text(f"SITE_URL={address}\n")

    done = copy.manage("check")

    assert done.returncode == 1
    assert "SITE_URL=https://codes.example.org" in done.stderr


@contextmanager
def database(encoding: str) -> Iterator[str]:
    """A database with this encoding. Yields its URL."""
    server, name = (
        os.environ["DATABASE_URL"].rpartition("/")[0],
        f"encoded_{encoding.lower()}_{os.getpid()}",
    )
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' "
            "LOCALE_PROVIDER libc TEMPLATE template0"
        )
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_store_every_character_is_refused_at_the_start(
    copy: Copy, encoding: str
) -> None:
    copy.file.write_text(f"SECRET_KEY={KEY}\nPORT={pick_port()}\n")
    with database(encoding) as url:
        for command in (["migrate", "--no-input"], ["up"]):
            done = copy.manage(*command, DATABASE_URL=url)

            assert done.returncode == 1
            assert f"has the encoding {encoding}; it must be UTF8" in done.stderr
            assert "Traceback" not in done.stderr
        with psycopg.connect(url) as connection:
            assert connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchone() == (0,)
