"""The broker starts after any damage to its data. Lost data do no harm: nothing depends on them."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from redeemer.localserver.console import Console
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home
from redeemer.localserver.programs import server_program
from redeemer.localserver.servers import pick_port, wait_until_ready
from redeemer.localserver.supervisor import Child, StopRequest, Supervisor
from redeemer.localserver.valkey import Valkey
from tests.localserver.running import as_user, fresh_home
from tests.waiting import PATIENCE_SECONDS

_PASSWORD = "only-for-tests"


class Broker:
    """Valkey as `make up` runs it: under a supervisor."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.said = io.StringIO()
        self.valkey = Valkey(folder, port=pick_port(), password=_PASSWORD)
        self.supervisor = Supervisor(Console(self.said), StopRequest())
        self.valkey.prepare()
        (self.child,) = self.supervisor.start(server_program(self.valkey, self.home))
        try:
            self._wait(self.child)
        except CannotStartError:
            self.supervisor.stop()
            raise

    def _wait(self, child: Child) -> None:
        wait_until_ready(
            self.valkey,
            is_alive=lambda: child.process is not None,
            log=self.home.logs / "valkey.log",
            pause=self.supervisor.poll,
        )

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.valkey.port, password=_PASSWORD)

    def fill(self) -> None:
        """Write a base file, and a file with the messages after it."""
        with self.client() as client:
            for number in range(100):
                client.lpush("control", f"a message, number {number}")
            client.execute_command("BGREWRITEAOF")
            self.supervisor.wait_for(
                lambda: _parts(self.valkey.data) == [2, 2],
                seconds=PATIENCE_SECONDS,
                what="The file was not written again",
            )
            for number in range(100):
                client.lpush("control", f"another message, number {number}")

    def lines(self) -> list[str]:
        return [line.partition("| ")[2] for line in self.said.getvalue().splitlines()]

    def aside(self) -> list[Path]:
        return sorted(self.home.folder.glob("valkey.damaged-*"))


def _parts(data: Path) -> list[int]:
    """The numbers of the files in the manifest."""
    return [int(line.split()[3]) for line in (data / _MANIFEST).read_text().splitlines()]


_MANIFEST = "appendonlydir/appendonly.aof.manifest"
_BASE = "appendonlydir/appendonly.aof.2.base.rdb"
_AFTER = "appendonlydir/appendonly.aof.2.incr.aof"


@pytest.fixture(scope="module")
def filled() -> Iterator[Path]:
    """A data folder with messages, whose server was stopped normally."""
    with fresh_home() as folder:
        broker = Broker(folder)
        broker.fill()
        broker.supervisor.stop()
        yield folder / "valkey"


def _add_zeros(data: Path) -> None:
    with (data / _AFTER).open("ab") as file:
        file.write(bytes(4096))


def _garble(name: str) -> Callable[[Path], None]:
    def garble(data: Path) -> None:
        content = bytearray((data / name).read_bytes())
        middle = len(content) // 2
        content[middle : middle + 40] = b"\xff" * 40
        (data / name).write_bytes(content)

    return garble


def _replace_folder(data: Path) -> None:
    shutil.rmtree(data / "appendonlydir")
    (data / "appendonlydir").write_text("a file")


def _replace_manifest(data: Path) -> None:
    (data / _MANIFEST).unlink()
    (data / _MANIFEST).mkdir()


_DAMAGES: dict[str, Callable[[Path], object]] = {
    "zeros behind the end": _add_zeros,
    "garbage in the later messages": _garble(_AFTER),
    "garbage in the base": _garble(_BASE),
    "a base cut in two": lambda data: os.truncate(data / _BASE, 50),
    "no base": lambda data: (data / _BASE).unlink(),
    "no file of the later messages": lambda data: (data / _AFTER).unlink(),
    "an empty manifest": lambda data: os.truncate(data / _MANIFEST, 0),
    "a manifest of zeros": lambda data: (data / _MANIFEST).write_bytes(bytes(88)),
    "a manifest that is a folder": _replace_manifest,
    "a folder that is a file": _replace_folder,
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_damaged_data_are_moved_away_and_reported_in_one_line_and_the_broker_starts_empty(
    filled: Path, damage: str
) -> None:
    with fresh_home() as folder:
        shutil.copytree(filled, folder / "valkey")
        _DAMAGES[damage](folder / "valkey")

        broker = Broker(folder)
        try:
            (aside,) = broker.aside()
            (line,) = broker.lines()
            assert line.startswith("valkey could not read its data (")
            assert str(aside) in line
            assert (aside / "appendonlydir").exists()
            with broker.client() as client:
                assert client.llen("control") == 0
        finally:
            broker.supervisor.stop()


def test_a_truncated_end_is_no_damage(filled: Path) -> None:
    with fresh_home() as folder:
        shutil.copytree(filled, folder / "valkey")
        os.truncate(folder / "valkey" / _AFTER, 2000)

        broker = Broker(folder)
        try:
            assert broker.aside() == []
            with broker.client() as client:
                assert client.llen("control") > 100
        finally:
            broker.supervisor.stop()


def test_the_broker_comes_back_if_its_data_are_damaged_while_it_runs() -> None:
    with fresh_home() as folder:
        broker = Broker(folder)
        try:
            broker.fill()
            _add_zeros(folder / "valkey")
            assert broker.child.process
            broker.child.process.kill()

            broker.supervisor.wait_for(
                lambda: bool(broker.aside()), seconds=PATIENCE_SECONDS, what="Nothing was put aside"
            )
            broker.supervisor.wait_for(
                broker.valkey.is_ready, seconds=PATIENCE_SECONDS, what="Valkey does not answer"
            )
        finally:
            broker.supervisor.stop()


def test_the_broker_comes_back_if_its_folder_was_removed_while_it_runs() -> None:
    with fresh_home() as folder:
        broker = Broker(folder)
        try:
            shutil.rmtree(folder / "valkey")
            assert broker.child.process
            broker.child.process.kill()

            broker.supervisor.wait_for(
                lambda: broker.child.process is not None and broker.valkey.is_ready(),
                seconds=PATIENCE_SECONDS,
                what="Valkey did not come back",
            )
        finally:
            broker.supervisor.stop()


def test_a_log_that_cannot_be_written_is_reported_in_one_line() -> None:
    with fresh_home() as folder:
        (folder / "log" / "valkey.log").mkdir(parents=True)

        with pytest.raises(
            CannotStartError, match=r"Cannot write to .*valkey.log \(Is a directory\): move it away"
        ):
            Broker(folder)


def test_only_the_last_three_damaged_folders_are_kept(filled: Path) -> None:
    with fresh_home() as folder:
        for number in range(4):
            (folder / f"valkey.damaged-2026010{number}-000000-000000").mkdir()
        shutil.copytree(filled, folder / "valkey")
        _add_zeros(folder / "valkey")

        broker = Broker(folder)
        broker.supervisor.stop()

        assert [path.name[:23] for path in broker.aside()[:2]] == [
            "valkey.damaged-20260102",
            "valkey.damaged-20260103",
        ]
        assert len(broker.aside()) == 3


def test_a_server_that_is_killed_while_it_loads_keeps_its_data(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path, port=pick_port(), password=_PASSWORD)
    valkey.prepare()
    valkey.observe_line("1:M 01 Jan 2026 00:00:00.000 * Server initialized")

    assert valkey.repair(-9) is None
    assert valkey.repair(0) is None


def test_an_empty_folder_is_not_moved_away_again(tmp_path: Path) -> None:
    """The server also ends on a full disk. Its empty folder must not be moved away in a loop."""
    valkey = Valkey(tmp_path, port=pick_port(), password=_PASSWORD)
    valkey.prepare()
    valkey.observe_line("1:M 01 Jan 2026 00:00:00.000 * Server initialized")

    assert "starts empty" in (valkey.repair(1) or "")
    assert valkey.repair(1) is None


@pytest.mark.skipif(
    os.geteuid() != 0, reason="root is needed to leave files that the next user cannot read"
)
def test_data_of_another_user_are_moved_away_as_well() -> None:
    with fresh_home() as folder:
        (folder / "valkey" / "appendonlydir").mkdir(parents=True)
        (folder / _MANIFEST.replace("appendonlydir", "valkey/appendonlydir")).write_text("of root")
        (folder / "valkey" / "appendonlydir").chmod(0o700)
        for path in (folder, folder / "valkey"):
            os.chown(path, 65534, 65534)

        assert as_user(65534, lambda: _start_and_stop(folder)).startswith(
            "valkey could not read its data ("
        )


def _start_and_stop(folder: Path) -> str:
    broker = Broker(folder)
    broker.supervisor.stop()
    return broker.lines()[0]
