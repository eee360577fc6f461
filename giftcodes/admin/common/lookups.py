"""The filters that the address of a list may have.

Django lets an address filter by any column of a model, even by one that no page shows. With such a
filter a person can guess a hidden value, because the list shows the row only if the guess is right.
Our lists allow only the filters that they offer, and those that links on our own pages use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import get_fields_from_path
from django.db.models import DateField

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.db.models import Model
    from django.http import HttpRequest

#: The lookups of the links that Django makes for `date_hierarchy`.
_DATE_PARTS = ("year", "month", "day")


def allowed(page: ModelAdmin[Any], request: HttpRequest) -> frozenset[str]:
    """The filters that the list of an admin class accepts, as they stand in its address.

    Args:
        page: the admin class. Its `linked_lookups` are filters that links on our own pages use,
            but that `list_filter` does not offer.
        request: the person's request, because the offered filters may depend on it.
    """
    names: set[str] = set(getattr(page, "linked_lookups", ()))
    for item in page.get_list_filter(request):
        names.update(_names_of(page.model, item))
    if page.date_hierarchy:
        names.update(f"{page.date_hierarchy}__{part}" for part in _DATE_PARTS)
    return frozenset(names)


def _names_of(model: type[Model], item: Any) -> Iterator[str]:
    """The filters of one entry of `list_filter`."""
    if isinstance(item, type):
        yield str(item.parameter_name)  # type: ignore[attr-defined] # A SimpleListFilter.
        return
    path = item[0] if isinstance(item, tuple | list) else item
    column: Any = get_fields_from_path(model, path)[-1]
    value = path
    if column.is_relation:
        value = f"{path}__{column.target_field.name}"
    else:
        yield path
    yield from (f"{value}__exact", f"{value}__in", f"{path}__isnull")
    if isinstance(column, DateField):
        yield from (f"{path}__gte", f"{path}__lt")
