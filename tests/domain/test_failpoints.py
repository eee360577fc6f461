"""Failpoints work only with the switch REDEEMER_FAULTS, and are reported at start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

HIT = (
    "from giftcodes.domain import failpoints; "
    "[failpoints.hit('before-send') for _ in range(5)]; print('alive')"
)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def manage_check(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "check"]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


def test_without_the_switch_nothing_happens() -> None:
    assert run(HIT, REDEEMER_FAULT="before-send:kill").stdout == "alive\n"


def test_with_the_switch_the_process_ends_at_the_failpoint() -> None:
    killed = run(HIT, REDEEMER_FAULTS="1", REDEEMER_FAULT="before-send:kill:#3")

    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "")
    assert killed.stderr == "FAILPOINT: kill at before-send\n"


@pytest.mark.parametrize("failpoint", ["nowhere:kill", "before-send:dance"])
def test_an_unknown_failpoint_is_refused(failpoint: str) -> None:
    assert "ValueError" in run(HIT, REDEEMER_FAULTS="1", REDEEMER_FAULT=failpoint).stderr


def test_times_are_the_real_ones_without_the_switch() -> None:
    show = "from giftcodes.domain import transitions; print(transitions.UNCONFIRMED_SECONDS)"
    times = {"REDEEMER_FAULT_TIMES": "UNCONFIRMED_SECONDS=5"}

    assert run(show, **times).stdout == "60.0\n"
    assert run(show, **times, REDEEMER_FAULTS="1").stdout == "5.0\n"


@pytest.mark.slow
def test_a_process_with_failpoints_warns_at_start() -> None:
    assert "giftcodes.W002" in manage_check(REDEEMER_FAULTS="1").stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "variable", ["REDEEMER_FAULT=before-send:kill", "REDEEMER_FAULT_TIMES=DOUBT_SECONDS=1"]
)
def test_a_failpoint_without_the_switch_stops_the_start(variable: str) -> None:
    name, _, value = variable.partition("=")
    checked = manage_check(**{name: value})

    assert checked.returncode == 1
    assert "giftcodes.E005" in checked.stderr


@pytest.mark.slow
def test_a_worker_does_not_start_with_settings_that_cannot_work() -> None:
    started = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "redeemer", "worker", "--pool", "threads"],
        env={**os.environ, "LEASE_SECONDS": "16"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert started.returncode == 1
    assert "giftcodes.E001" in started.stderr
