"""Stores sessions in the database under a hash of their key.

The key itself is only in the browser's cookie, so a copy of the table is not enough to log in.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

#: The length of the column `session_key`.
_HASH_LENGTH = 40


def stored_key(key: str) -> str:
    """Return the hash that the table holds instead of the key.

    No salt is needed, because keys are long and random.
    """
    return hashlib.sha256(key.encode()).hexdigest()[:_HASH_LENGTH]


class SessionStore(db.SessionStore):
    """Django's session store, with hashed keys.

    Only the synchronous methods are adapted, because the site is a WSGI application. Django loads
    this class by the name of the module, which is in `SESSION_ENGINE`.
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
        """Return the row of this session, with the hash of its key."""
        row = super().create_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Delete the session with this key. Without a key, delete this session."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(stored_key(key))
