"""Creates the role that owns the databases of the embedded server. Redeemer connects as this role.

The role that `initdb` creates is a superuser, and PostgreSQL does not allow it to be anything less.
A superuser can run programs with `COPY … TO PROGRAM`, and can read every file of the server's user.
So the superuser is used only here. Redeemer's own role can neither run programs nor read files. It
owns its databases, and may create more, because `restore` creates one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal

Connection = psycopg.Connection[Any]

#: Returns the statements that give another role everything that the superuser owns in a database.
#: Objects that belong to the system or to an extension are left out. Owned sequences and row types
#: follow their tables.
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
    """Create the role `owner` and the database if missing. Give the role the superuser's databases.

    An earlier release connected as the superuser, so the superuser owns every database of that
    release. Each of them gets the new owner, including those that a restore has kept. If a call was
    interrupted, the next one completes it.

    Args:
        server: the superuser's connection to the database `postgres`, in autocommit mode.
        connect: connects the superuser to a database, given its name, in autocommit mode.
        superuser: the role that `initdb` created.
        owner: the role that gets everything.
        password: the password of `owner`. Only its SCRAM verifier is sent to the server.
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
        # This comes last, because a database that has the new owner counts as completed.
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
