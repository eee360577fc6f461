"""Tokens of links and codes that need no login: each person who has the token may use it.

A table holds a token's hash. The token itself is only in the link, and never in a log. Two kinds of
token are stored themselves, in encrypted form: that of a join link (besides its hash), and the
secret of a webhook (`HOOK`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from enum import StrEnum

#: Small letters and digits, without those that people confuse (l and 1, o and 0). Chat programs
#: do not change a link with these characters, and a double click selects the whole token.
_CHARACTERS = "abcdefghijkmnpqrstuvwxyz23456789"
#: 28 characters of 32 possible ones are 140 bits: too many to guess.
_LENGTH = 28


class TokenKind(StrEnum):
    """What a link is for. Each token begins with its kind, by which `hide_tokens` recognises it."""

    JOIN = "jn"
    PLAYER = "pl"
    DISCORD = "dc"
    SOURCE = "sr"
    API = "rk"
    #: A secret that signs messages to programs.
    HOOK = "wh"


_TOKEN = re.compile(rf"\b({'|'.join(TokenKind)})-[a-z0-9]{{6,}}", re.IGNORECASE)


def new_token(kind: TokenKind) -> str:
    """Return a new token, such as `jn-` and 28 random letters and digits."""
    return f"{kind}-{''.join(secrets.choice(_CHARACTERS) for _ in range(_LENGTH))}"


def new_public_id() -> str:
    """Return a short random name for the address of a page that anyone may open."""
    return "".join(secrets.choice(_CHARACTERS) for _ in range(10))


def token_hash(token: str) -> str:
    """Return the hash that the table holds. No salt is needed, because tokens are random."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def hide_tokens(text: str) -> str:
    """Replace each token in a text, even one that was cut off, with its kind and an ellipsis."""
    return _TOKEN.sub(r"\1-…", text)
