"""A simulated Discord for real processes: its gateway and its REST API, over TLS.

The module `redirect/sitecustomize.py` sends the processes under test here instead of to Discord.
They still use Discord's real host names, and check the certificate.
"""

from __future__ import annotations

from chaos.discord.people import Message, Person, Server, Use
from chaos.discord.server import Discord, Spoil

__all__ = ["Discord", "Message", "Person", "Server", "Spoil", "Use"]
