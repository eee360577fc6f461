"""Form fields that search for a row, and a check of the IDs that a form contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field

    _Widget = AutocompleteSelect
else:
    _Widget = object


def can_be_id(key: Field[Any, Any], value: Any) -> bool:
    """Whether a row could have this value as its primary key.

    Args:
        key: the field of the primary key.
        value: the value from a form or an address.
    """
    try:
        key.run_validators(key.to_python(value))
    except ValidationError:
        return False
    return True


class _ShowsPossibleRows(_Widget):
    """Leaves out invalid IDs. Django looks up the chosen rows, and would fail on such an ID."""

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> Any:
        """The chosen rows, without IDs that no row can have. The form refuses those IDs."""
        key = self.field.remote_field.model._meta.pk
        return super().optgroups(name, [one for one in value if can_be_id(key, one)], attrs)


class RowSelect(_ShowsPossibleRows, AutocompleteSelect):
    pass


class RowSelectMultiple(_ShowsPossibleRows, AutocompleteSelectMultiple):
    pass
