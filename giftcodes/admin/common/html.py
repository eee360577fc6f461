"""Small pieces of the pages: a state as a badge, a link to a row, a link to a filtered list."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

#: What stands where there is nothing.
NOTHING = "–"


def badge(state: str, label: Any) -> SafeString:
    """A state in words, coloured by its name (admin.css): the colour repeats the word and never replaces it."""
    return format_html('<span class="badge badge-{}">{}</span>', state, label)


def link(row: Model, text: Any = None) -> SafeString:
    """A link to the page of a row."""
    return format_html('<a href="{}">{}</a>', page_url(row), text or str(row))


def page_url(row: Model) -> str:
    """The address of the page of a row."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_link(model: type[Model], text: Any, **filters: Any) -> SafeString:
    """A link to a list, filtered as its address says."""
    url = reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=filters or None
    )
    return format_html('<a href="{}">{}</a>', url, text)
