"""A filter by the choices of a field, in the words of the list's column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin


class ChoicesInWords(admin.ChoicesFieldListFilter):
    """A filter by the choices of a field. Subclasses name each choice as the column does."""

    def words(self, value: str) -> str:
        """The words for a stored value."""
        raise NotImplementedError

    def choices(self, changelist: Any) -> Iterator[Any]:
        words = {str(label): self.words(value) for value, label in self.field.flatchoices}
        for choice in super().choices(changelist):
            shown = str(choice["display"])
            yield {**choice, "display": words.get(shown, shown)}
