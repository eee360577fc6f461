"""Small pieces of HTML: links to rows and lists, their addresses, and badges for states."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

#: Shown in place of an empty value.
NOTHING = "–"


def badge(state: str, label: Any) -> SafeString:
    """A state in words. Its colour comes from admin.css and only repeats what the words say."""
    return format_html('<span class="badge badge-{}">{}</span>', state, label)


def link(row: Model, text: Any = None) -> SafeString:
    """A link to the page of a row."""
    return format_html('<a href="{}">{}</a>', page_url(row), text or str(row))


def page_url(row: Model) -> str:
    """The address of the page of a row."""
    return model_url(type(row), "change", row.pk)


def list_link(model: type[Model], text: Any, **filters: Any) -> SafeString:
    """A link to the list of a model, filtered as in `list_url`."""
    return format_html('<a href="{}">{}</a>', list_url(model, **filters), text)


def list_url(model: type[Model], **filters: Any) -> str:
    """The address of the list of a model.

    Args:
        model: the model whose rows are listed.
        filters: lookups as they stand in the address of the list, such as `state__exact`.
    """
    return model_url(model, "changelist", query=filters)


def model_url(
    model: type[Model], page: str, *args: Any, query: dict[str, Any] | None = None
) -> str:
    """The address of one of a model's pages in the admin: "add", "change" or "changelist"."""
    opts = model._meta
    name = f"admin:{opts.app_label}_{opts.model_name}_{page}"
    return reverse(name, args=args, query=query or None)
