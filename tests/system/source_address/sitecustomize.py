"""Bind every connection of a Python process to SOURCE_ADDRESS.

Python imports this module at start if its folder is on PYTHONPATH. With it, two loopback addresses
stand for two hosts where namespaces are not allowed (tests/system/hosts.py).
"""

import os
import socket

_SOURCE = os.environ.get("SOURCE_ADDRESS", "")
_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex


def _bind(connection: socket.socket) -> None:
    if connection.family == socket.AF_INET and connection.getsockname() == ("0.0.0.0", 0):
        connection.bind((_SOURCE, 0))


def _connect_from(connection, address):  # type: ignore[no-untyped-def]
    _bind(connection)
    return _connect(connection, address)


def _connect_ex_from(connection, address):  # type: ignore[no-untyped-def]
    _bind(connection)
    return _connect_ex(connection, address)


if _SOURCE:
    socket.socket.connect = _connect_from  # type: ignore[method-assign]
    socket.socket.connect_ex = _connect_ex_from  # type: ignore[method-assign]
