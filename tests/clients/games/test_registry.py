from __future__ import annotations

import subprocess
import sys

import pytest

from giftcodes.clients.games import CLIENTS, GameClient, client_for
from tests.clients.conftest import config_for


@pytest.mark.parametrize("protocol", sorted(CLIENTS))
def test_each_protocol_has_a_client_that_is_made_once(protocol: str) -> None:
    config = config_for("http://127.0.0.1:9/", protocol=protocol)
    client = client_for(config, total_seconds=2, connect_seconds=1)
    assert isinstance(client, GameClient)
    assert client is client_for(
        config_for("http://127.0.0.1:9/", protocol=protocol), total_seconds=2, connect_seconds=1
    )
    assert client is not client_for(config, total_seconds=3, connect_seconds=1)


def test_the_error_names_a_protocol_that_has_no_client() -> None:
    with pytest.raises(ValueError, match="chess"):
        client_for(
            config_for("http://127.0.0.1:9/", protocol="chess"), total_seconds=2, connect_seconds=1
        )


def test_the_clients_do_not_import_the_database() -> None:
    modules = "giftcodes.clients.games, giftcodes.clients.feeds, giftcodes.domain.backoff"
    program = f"import sys, {modules}; print('django.db' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
