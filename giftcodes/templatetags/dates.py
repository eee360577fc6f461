"""The filter `worded`, which writes dates in the order of the reader's language."""

from __future__ import annotations

from django import template

from giftcodes.domain.dates import worded

register = template.Library()
register.filter("worded", worded, expects_localtime=True)
