"""The environment variables of PostgreSQL's client library: they count for a server of your own, never for ours.

What an address leaves out, libpq takes from PGSSLMODE, PGSERVICE, PGHOSTADDR, PGOPTIONS and their like. In a shell they
mean some other server; the embedded one speaks no TLS, is in no service file, and is reached by its address alone.
"""

from __future__ import annotations

from collections.abc import MutableMapping

#: All of libpq's variables begin so (https://www.postgresql.org/docs/18/libpq-envars.html).
_PREFIX = "PG"


def forget(environment: MutableMapping[str, str]) -> None:
    """Take libpq's variables out of `environment`; out of this process itself if it is `os.environ`."""
    for name in [name for name in environment if name.startswith(_PREFIX)]:
        del environment[name]
