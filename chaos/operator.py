"""Simulates an operator who works in the admin, by means of `chaos.operator_process`."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from chaos.system import System
from redeemer.localserver.home import REPOSITORY


class Operator:
    def __init__(self, system: System) -> None:
        self._system = system

    def __enter__(self) -> Self:
        with (self._system.folder / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.operator_process"],
                cwd=REPOSITORY,
                env=self._system.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def press(self, what: str, *, guild: int, code: str, players: list[str] | None = None) -> Any:
        """Press a button, and wait for the result.

        Raises:
            RuntimeError: the action failed. The traceback is in operator.log.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"what": what, "guild": guild, "code": code, "players": players or []}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            message = f"the operator's button “{what}” failed: see operator.log"
            raise RuntimeError(message)
        return json.loads(answer)
