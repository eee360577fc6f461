"""The role that owns the databases of the embedded server, and that Redeemer connects as.

The role that `initdb` makes is a superuser, and PostgreSQL does not let it be anything less. With
`COPY … TO PROGRAM` it runs programs, and it reads every file of the server's user. It is used only
here. Redeemer's own role may do neither: it owns its databases, and may create more, which
`restore` needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal

Connection = psycopg.Connection[Any]

#: What the superuser owns in a database, except what belongs to the system or to an extension: the
#: statement that gives each to another role. Owned sequences and row types follow their tables.
_GIVE_AWAY = """
    WITH extension_members AS (
        SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
    ), ours AS (
        SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    )
    SELECT format('ALTER SCHEMA %%s OWNER TO %%I', oid::regnamespace, %(owner)s::text)
    FROM pg_namespace JOIN ours USING (oid)
    WHERE nspowner = %(superuser)s::text::regrole
    UNION ALL
    SELECT format('ALTER TABLE %%s OWNER TO %%I', c.oid::regclass, %(owner)s::text)
    FROM pg_class c JOIN ours n ON n.oid = relnamespace
    WHERE relowner = %(superuser)s::text::regrole AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM extension_members)
    UNION ALL
    SELECT format('ALTER SEQUENCE %%s OWNER TO %%I', c.oid::regclass, %(owner)s::text)
    FROM pg_class c JOIN ours n ON n.oid = relnamespace
    WHERE relowner = %(superuser)s::text::regrole AND relkind = 'S'
      AND NOT EXISTS (
          SELECT FROM pg_depend d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
            AND d.deptype IN ('a', 'i', 'e')
      )
    UNION ALL
    SELECT format('ALTER ROUTINE %%s OWNER TO %%I', p.oid::regprocedure, %(owner)s::text)
    FROM pg_proc p JOIN ours n ON n.oid = pronamespace
    WHERE proowner = %(superuser)s::text::regrole
      AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM extension_members)
"""
_DATABASES = """
    SELECT datname FROM pg_database
    WHERE datdba = %s::text::regrole AND datallowconn AND NOT datistemplate
      AND datname <> 'postgres'
"""
_RIGHTS = "LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS"


def ensure_owner(
    server: Connection,
    connect: Callable[[str], Connection],
    *,
    superuser: str,
    owner: str,
    password: str,
    database: str,
) -> None:
    """Make the role `owner` and its database if they are missing, and give it what is there.

    An earlier release connected as the superuser, which then owns every database. Each of them gets
    the new owner, also those that a restore has kept. A repeated call finishes an interrupted one.

    Args:
        server: the superuser's connection to the database `postgres`, in autocommit mode.
        connect: connects the superuser to a database, given its name, in autocommit mode.
        superuser: the role that `initdb` made.
        owner: the role that gets everything.
        password: of `owner`. It is sent as a SCRAM verifier only.
        database: the name of the database that must exist.
    """
    verifier = server.pgconn.encrypt_password(password.encode(), owner.encode(), b"scram-sha-256")
    found = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [owner]).fetchone()
    server.execute(
        SQL("{} ROLE {} WITH {} PASSWORD {}").format(
            SQL("CREATE" if found is None else "ALTER"),
            Identifier(owner),
            SQL(_RIGHTS),
            Literal(verifier.decode()),
        )
    )
    for (name,) in server.execute(_DATABASES, [superuser]).fetchall():
        _give_away(connect, name, superuser=superuser, owner=owner)
        # Last: the database then counts as done.
        server.execute(
            SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(name), Identifier(owner))
        )
    if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        server.execute(
            SQL("CREATE DATABASE {} OWNER {}").format(Identifier(database), Identifier(owner))
        )


def _give_away(
    connect: Callable[[str], Connection], database: str, *, superuser: str, owner: str
) -> None:
    with connect(database) as connection, connection.transaction():
        statements = connection.execute(
            _GIVE_AWAY, {"superuser": superuser, "owner": owner}
        ).fetchall()
        for (statement,) in statements:
            connection.execute(statement)
