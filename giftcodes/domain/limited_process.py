"""Run a program of ours in a process with limits for memory and time.

It is for libraries that read what strangers send: a library sets no limits, and a thread cannot be
stopped (decision 22). This file is also the program that the process starts with: it sets the
limits, and then runs the other program, which imports nothing of this application.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

#: The environment variables that the process gets: those that Python itself may need.
_ENVIRONMENT = ("LANG", "LD_LIBRARY_PATH")
#: Signals of the system that end the process when it needs too much time or memory.
TOO_MUCH = (signal.SIGXCPU, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """The limits of a process.

    Args:
        memory_bytes: the address space, of which the interpreter needs about 60 MB.
        cpu_seconds, wall_seconds: the time after which the process is killed.
    """

    memory_bytes: int = 256_000_000
    cpu_seconds: int = 6
    wall_seconds: int = 15


def command(program: Path, argument: str, limits: ProcessLimits) -> list[str]:
    """The command that runs a program.

    Args:
        program: the path of a Python file. It is run as `__main__`.
        argument: its one argument.
        limits: the limits of the process.
    """
    return [
        sys.executable,
        "-I",
        __file__,
        json.dumps(asdict(limits)),
        str(program),
        argument,
    ]


def run(program: Path, argument: str, data: bytes, limits: ProcessLimits) -> tuple[int, bytes]:
    """Run a program without our settings and secrets. It has ended when this returns or raises.

    Args:
        program, argument, limits: as in `command`.
        data: the program's standard input.

    Returns:
        The exit status (negative: the signal that ended it) and the standard output.

    Raises:
        OSError: the process cannot be started.
        subprocess.TimeoutExpired: it took too long.
    """
    with subprocess.Popen(  # noqa: S603 - our own program
        command(program, argument, limits),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        cwd="/",
        start_new_session=True,
    ) as process:
        try:
            output, _errors = process.communicate(data, timeout=limits.wall_seconds)
        finally:
            process.kill()
    return process.returncode, output


def _restrict(memory_bytes: int, cpu_seconds: int, wall_seconds: int) -> None:
    """Limit this process permanently. If its parent dies, these limits end this process."""
    signal.alarm(wall_seconds)
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        _soft, hard = resource.getrlimit(kind)
        lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (lowest, lowest))
    os.nice(5)
    # If the machine runs out of memory, end this process, not its parent.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write("1000")


if __name__ == "__main__":
    _restrict(**json.loads(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
