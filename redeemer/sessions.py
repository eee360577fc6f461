"""Sessions in the database, each under a hash of its key: a copy of the table logs no one in.

The key of a session is in the cookie of its browser only.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

#: The length of the column.
_HASH_LENGTH = 40


def stored_key(key: str) -> str:
    """What the table holds instead of the key. Keys are long and random: no salt is needed."""
    return hashlib.sha256(key.encode()).hexdigest()[:_HASH_LENGTH]


class SessionStore(db.SessionStore):
    """Django's. Only the synchronous methods are adapted, because the site is a WSGI application.

    Django loads this class by the name of the module: `SESSION_ENGINE`.
    """

    def _get_session_from_db(self) -> Any:
        key = stored_key(self.session_key or "")
        now = timezone.now()
        found = self.model.objects.filter(session_key=key, expire_date__gt=now).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        """Whether there is a session with this key."""
        return bool(super().exists(stored_key(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """The row of this session."""
        row = super().create_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Delete a session; without a key, this one."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(stored_key(key))
