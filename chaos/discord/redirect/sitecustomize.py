"""Lets a Python process find the simulated Discord under Discord's names, and trust it.

Python imports this module when it starts, if the module's folder is on PYTHONPATH. The variable
SIMULATED_DISCORD has the port on this machine, a colon, and the file of the certificate.
"""

import os
import socket
import ssl

_HOSTS = {"discord.com", "gateway.discord.gg"}
_PORT, _, _CERTIFICATE = os.environ.get("SIMULATED_DISCORD", "").partition(":")

_find, _load, _load_defaults = (
    socket.getaddrinfo,
    ssl.SSLContext.load_verify_locations,
    ssl.SSLContext.load_default_certs,
)


def _found(host, port, *rest, **others):  # type: ignore[no-untyped-def]
    if host in _HOSTS:
        host, port = "127.0.0.1", int(_PORT)
    return _find(host, port, *rest, **others)


def _loaded(context, *rest, **others):  # type: ignore[no-untyped-def]
    _load(context, *rest, **others)
    _load(context, cafile=_CERTIFICATE)


def _defaults_loaded(context, *rest, **others):  # type: ignore[no-untyped-def]
    _load_defaults(context, *rest, **others)
    _load(context, cafile=_CERTIFICATE)


if _PORT:
    socket.getaddrinfo = _found
    ssl.SSLContext.load_verify_locations = _loaded
    ssl.SSLContext.load_default_certs = _defaults_loaded
