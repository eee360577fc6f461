"""Variety that is the same each time: what looks like chance is a hash of the seed and of what is asked."""

from __future__ import annotations

import hashlib


def draw(*parts: object) -> float:
    """A number from 0 up to, not including, 1, which depends on nothing but `parts`.

    Unlike a random generator it has no memory, so two requests that change places change no other answer.
    """
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48
