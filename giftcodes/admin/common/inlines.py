"""History shown on the page of what it belongs to: the newest rows, for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from unfold.admin import TabularInline

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

    _Tabular = admin.TabularInline[Any, Any]
    _FormSet = BaseInlineFormSet[Any, Any, Any]
else:
    _Tabular = TabularInline
    _FormSet = BaseInlineFormSet

#: So many rows of a history are shown on a page; the list has the others.
NEWEST = 50


class NewestRows(_FormSet):
    """The newest rows only. For pages without a form: a posted one would look for the rows it showed."""

    def get_queryset(self) -> Any:
        """Cut off after the rows have been narrowed down to one parent. Asked for with every row: fetched once."""
        if not hasattr(self, "_newest"):
            self._newest = list(super().get_queryset()[:NEWEST])
        return self._newest


class HistoryInline(_Tabular):
    formset = NewestRows
    template = "admin/giftcodes/history_inline.html"
    extra = 0
    related: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Newest first, with what the columns show."""
        rows = super().get_queryset(request).order_by("-id")
        return rows.select_related(*self.related) if self.related else rows

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False
