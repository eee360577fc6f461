"""Starts Python programs as copies of this process, which has loaded their modules once.

The copies share the memory of these modules, and do not load them again. That halves the memory of
an installation, and each program starts a second or two earlier. Only Linux has what is needed: a
copy must end when this process dies. Elsewhere, and if the modules cannot be loaded, each program
is started on its own (redeemer.localserver.spawn).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO

from django.core.exceptions import ImproperlyConfigured
from setproctitle import getproctitle, setproctitle

from redeemer.localserver.spawn import HAS_PARENT_DEATH_SIGNAL, set_parent_death_signal
from redeemer.startup_errors import exit_with

#: What the site, the workers, beat and most commands load.
_MODULES = (
    "celery.app.amqp",
    "celery.app.log",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.beat",
    "celery.bin.worker",
    "celery.concurrency.thread",
    "celery.events",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.loops",
    "celery.worker.pidbox",
    "celery.worker.strategy",
    "django.core.management.commands.migrate",
    "giftcodes.tasks",
    "kombu.transport.redis",
    "redeemer.beat",
    "redeemer.serving",
)
#: The supervisor's own threads, which ask the site or the database, end within this time.
_OTHER_THREADS_SECONDS = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Copy:
    """A copy of this process that runs a program. It has the parts of Popen that are needed here.

    `stdout` is the end of a pipe with all output of the program.
    """

    def __init__(self, process: BaseProcess, stdout: IO[bytes]) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self.stdout = stdout
        self._process = process

    def poll(self) -> int | None:
        """Return the exit status, negative after a signal, or None if the program still runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the program has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Copies:
    """Makes copies of this process, after `load`."""

    def __init__(self) -> None:
        self._is_loaded = False

    def load(self, environment: Mapping[str, str]) -> None:
        """Load the modules of the programs. If that is not possible, `start` returns None.

        Args:
            environment: the complete environment of the programs, because the settings are read
                from it here.
        """
        if not HAS_PARENT_DEATH_SIGNAL:
            return
        # The first call finds the memory in which the system keeps this process's title. It must
        # come before os.environ changes.
        getproctitle()
        os.environ.update(environment)
        try:
            import django
            from django.conf import settings

            django.setup()
            for module in (*_MODULES, settings.ROOT_URLCONF):
                importlib.import_module(module)
        except Exception:  # noqa: BLE001 - a program that is started on its own shows the error
            return
        self._is_loaded = True

    def start(
        self,
        run: Callable[[], object],
        *,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
    ) -> Copy | None:
        """Start a program in a session of its own. It is killed when this process dies.

        Call this from the main thread, because the kernel watches the thread that makes the copy.

        Args:
            run: runs the program. It may return or raise SystemExit, as the program's main function
                does.
            command: the command line that would run the program on its own. The program finds its
                arguments in it, and lists of processes show it.
            environment: the whole environment of the program.
            folder: the working directory of the program.

        Returns:
            None if the program must be started on its own.
        """
        if not (self._is_loaded and _is_only_thread()):
            return None
        # A garbage collection in a copy would write to all objects that are loaded, and so give the
        # copy its own memory for them. Frozen objects are left alone.
        gc.freeze()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        read, write = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process = multiprocessing.get_context("fork").Process(
                target=_be_program,
                args=(run, list(command), dict(environment), folder, write, os.getpid()),
            )
            process.start()
        except BaseException:
            # The start is tried again, and each failure would leave a file open.
            os.close(read)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(write)
        return Copy(process, os.fdopen(read, "rb"))


def _is_only_thread() -> bool:
    """Wait until no other thread runs. A copy would keep the locks that another thread holds."""
    deadline = time.monotonic() + _OTHER_THREADS_SECONDS
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    return threading.active_count() == 1


def _be_program(
    run: Callable[[], object],
    command: list[str],
    environment: dict[str, str],
    folder: Path,
    output: int,
    parent: int,
) -> None:
    """Become the program: leave behind what belongs to the parent, and run it."""
    os.setsid()
    set_parent_death_signal(parent, signal.SIGKILL)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    for opened in list(Path("/proc/self/fd").iterdir()):
        if int(opened.name) > 2:
            with contextlib.suppress(OSError):  # One of them was the listing, which is closed.
                os.close(int(opened.name))
    sys.stdin = os.fdopen(0, closefd=False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    arguments = command[command.index("-m") + 1 :] if command[1] == "-m" else command[1:]
    sys.argv = list(arguments)
    setproctitle(os.fsencode(" ".join(command)).decode(errors="replace"))
    # Celery prints this warning of five lines at each start as root.
    warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    try:
        status = run()
    except ImproperlyConfigured as error:
        exit_with(error)
    sys.exit(status if isinstance(status, int) else 0)
