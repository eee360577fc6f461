"""Long texts are read one after the other, because the reading keeps a processor busy."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from django.utils.translation import gettext

from giftcodes.roster.values import UnreadableListError

#: A text with at most this many characters does not wait for its turn.
SHORT = 20_000
#: How long a text waits for the one that is being read.
WAIT_SECONDS = 5.0
#: How many texts may wait at the same time. Each holds a thread of the site.
MOST_WAITING = 2

_turn = threading.Lock()
_lock = threading.Lock()
_readers: set[Hashable] = set()


@contextmanager
def turn_to_read(text: str, reader: Hashable) -> Iterator[None]:
    """Wait until no other long text is being read in this process, and keep the others waiting.

    Args:
        text: the text.
        reader: for whom it is read, such as a guild. Meanwhile a second long text of the same
            reader is refused.

    Raises:
        UnreadableListError: another text of the reader is being read, too many texts wait, or the
            wait was too long.
    """
    if len(text) <= SHORT:
        yield
        return
    with _lock:
        if reader in _readers:
            raise UnreadableListError(
                gettext(
                    "Another long list of this guild is being read. Wait a minute, and try again."
                )
            )
        if len(_readers) > MOST_WAITING:
            raise UnreadableListError(_busy())
        _readers.add(reader)
    try:
        if not _turn.acquire(timeout=WAIT_SECONDS):
            raise UnreadableListError(_busy())
        try:
            yield
        finally:
            _turn.release()
    finally:
        with _lock:
            _readers.remove(reader)


def _busy() -> str:
    return gettext("The server is reading other lists. Wait a minute, and try again.")
