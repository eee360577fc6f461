"""The simulator as a process: its output, its end, and what it must not import."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.simulator.asking import SECONDS, control_headers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PLAIN = [sys.executable, "-m", "simulator"]
COMMANDS = [PLAIN, [sys.executable, "manage.py", "simulate_game"]]
BOTH = pytest.mark.parametrize("command", COMMANDS, ids=["plain", "django"])

Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts a process, and kills it after the test if it still runs."""
    with ExitStack() as stack:

        def begin(command: list[str], *arguments: str, **environment: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [*command, *arguments],
                cwd=ROOT,
                env={**os.environ, "SIMULATOR_SALT": "", "SIMULATOR_FEED_KEY": "", **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin


def address(process: subprocess.Popen[str]) -> str:
    """The URL that the process prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Simulator listening on http://127.0.0.1:")
    return line.split()[-1]


def get(url: str) -> requests.Response:
    return requests.get(url, headers=control_headers(), timeout=SECONDS)


@BOTH
def test_the_simulator_says_where_it_listens_and_answers_there(begin, command):
    url = address(begin(command, "--port", "0", "--players", "7"))

    players = get(f"{url}/_sim/players").json()["players"]

    assert len(players) == 7


@BOTH
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_simulator_ends_cleanly(begin, command, end):
    process = begin(command, "--port", "0", SIMULATOR_SALT="salt")
    url = address(process)
    with requests.Session() as client:
        client.get(f"{url}/feed", timeout=SECONDS)
        process.send_signal(end)

        rest, errors = process.communicate(timeout=SECONDS)

    assert (process.returncode, rest, errors) == (0, "", "")


@BOTH
def test_a_taken_port_gives_an_error_of_one_clear_line(begin, command):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        process = begin(command, "--port", port, SIMULATOR_SALT="salt")
        output, errors = process.communicate(timeout=SECONDS)

    assert (process.returncode, output) == (1, "")
    assert errors == (
        f"Port {port} on 127.0.0.1 is taken. Choose another with --port, or 0 for any free one.\n"
    )


def test_a_state_file_in_use_gives_an_error_of_one_clear_line(begin, tmp_path):
    path = str(tmp_path / "state.jsonl")
    address(begin(PLAIN, "--port", "0", "--state", path))
    process = begin(PLAIN, "--port", "0", "--state", path, SIMULATOR_SALT="salt")

    _output, errors = process.communicate(timeout=SECONDS)

    assert (process.returncode, errors) == (
        1,
        f"The state file {path} is in use by another simulator.\n",
    )


def test_a_bad_rate_is_refused(begin):
    process = begin(PLAIN, "--rate", "fast", SIMULATOR_SALT="salt")

    _output, errors = process.communicate(timeout=SECONDS)

    assert process.returncode == 2
    assert "30/60" in errors


def test_a_negative_number_of_first_codes_is_refused(begin):
    process = begin(PLAIN, "--publish-first", "-1")

    _, errors = process.communicate(timeout=SECONDS)

    assert process.returncode == 2
    assert "argument --publish-first: '-1' is not a whole number" in errors


def test_a_missing_salt_is_noted(begin):
    process = begin(PLAIN, "--port", "0")
    address(process)
    process.terminate()

    _rest, errors = process.communicate(timeout=SECONDS)

    assert errors.startswith("SIMULATOR_SALT is not set")


def test_without_a_token_the_control_paths_are_closed(begin):
    process = begin(PLAIN, "--port", "0", SIMULATOR_SALT="salt", SIMULATOR_TOKEN="")
    url = address(process)

    statuses = [
        requests.get(f"{url}/_sim/world", headers=headers, timeout=SECONDS).status_code
        for headers in ({}, control_headers(""), control_headers())
    ]
    process.terminate()
    _rest, errors = process.communicate(timeout=SECONDS)

    assert statuses == [403] * 3
    assert errors == "SIMULATOR_TOKEN is not set; the control paths below /_sim/ are closed.\n"


def test_the_key_of_the_feed_comes_from_the_environment(begin):
    url = address(begin(PLAIN, "--port", "0", SIMULATOR_FEED_KEY="secret"))

    statuses = [
        requests.get(f"{url}/feed", headers={"X-API-Key": key}, timeout=SECONDS).status_code
        for key in ("guess", "secret")
    ]

    assert statuses == [401, 200]


def test_a_killed_simulator_continues_where_it_was(begin, tmp_path):
    arguments = (
        "--port",
        "0",
        "--players",
        "1",
        "--rate",
        "unlimited",
        "--state",
        str(tmp_path / "state.jsonl"),
    )
    process = begin(PLAIN, *arguments)
    url = address(process)
    requests.post(
        f"{url}/_sim/world",
        json={"codes": {"SNOW": {}}},
        headers=control_headers(),
        timeout=SECONDS,
    ).raise_for_status()
    for _ in range(5):
        requests.post(f"{url}/api/gift_code", data={"fid": "1"}, timeout=SECONDS)
    process.kill()
    process.wait(SECONDS)

    url = address(begin(PLAIN, *arguments))

    ledger = get(f"{url}/_sim/ledger").json()
    assert [entry["msg"] for entry in ledger["requests"]] == ["params error"] * 5
    assert "SNOW" in get(f"{url}/_sim/world").json()["codes"]


def test_the_simulator_imports_neither_the_app_nor_django():
    script = (
        "import sys, simulator.cli\n"
        "packages = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*packages & {'django', 'celery', 'giftcodes', 'redeemer'})"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == []
