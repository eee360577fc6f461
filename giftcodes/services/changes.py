"""The list of changes: what people did, stored so that each reader reads it in their language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.utils import translation

from giftcodes.domain.sentences import read, stored

if TYPE_CHECKING:
    from django.db.models import Model

    from giftcodes.domain.sentences import Sentence


def names_for_all() -> translation.override:
    """Open a block in which rows are named in the site's language, for readers of any language."""
    return translation.override(settings.LANGUAGE_CODE)


def record_change(user_id: int, rows: Sequence[Model], done: Sentence) -> None:
    """Record what a person did with rows. All of them must belong to one model."""
    if rows:
        with names_for_all():
            LogEntry.objects.log_actions(user_id, rows, CHANGE, stored(done))


def words_of(entry: LogEntry) -> str:
    """What a person did, in the active language. An entry of an earlier release stays as it is."""
    return read(entry.get_change_message())
