"""Filters for dates: in the order of the reader's language, and from ISO 8601."""

from __future__ import annotations

import datetime as dt

from django import template

from giftcodes.domain.dates import worded

register = template.Library()
register.filter("worded", worded, expects_localtime=True)


@register.filter
def moment(text: str | None) -> dt.datetime | None:
    """The moment that a text in ISO 8601 names. Templates show it in the reader's zone and format.

    Raises:
        ValueError: the text is not in this format.
    """
    return dt.datetime.fromisoformat(text) if text else None
