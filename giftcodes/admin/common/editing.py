"""Forms for rows that people and the pipeline both write, and deletion that keeps the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import Page
from giftcodes.admin.common.versions import entries_of
from giftcodes.models.game_words import place_word
from giftcodes.models.games import games
from giftcodes.models.start_rules import providers_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Field, QuerySet
    from django.forms import TypedChoiceField
    from django.utils.functional import _StrPromise as Words

    from giftcodes.clients.games.config import ProviderConfig


class Editable(Page):
    """Saves only the fields that were changed in the form.

    The pipeline may have written the other fields since the page was opened.
    """

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Insert a new row, or update the changed fields of an existing one."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in obj._meta.concrete_fields}
        if changed := [name for name in form.changed_data if name in columns]:
            obj.save(update_fields=changed)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Label the state or kingdom in the words of the row's game."""
        guild = getattr(obj, "guild", obj)
        labels = {"realm": place_word(getattr(guild, "provider", ""))}
        return super().get_form(request, obj, change, **{"labels": labels, **kwargs})

    def formfield_for_choice_field(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> TypedChoiceField | None:
        """Games that are off can be chosen, and their labels say that they are off."""
        if db_field.name == "provider":
            kwargs["choices"] = [("", "---------"), *game_choices()]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """If exactly one game is on, it is the default."""
        on = providers_on()
        initial: dict[str, Any] = {"provider": on[0]} if len(on) == 1 else {}
        return {**initial, **super().get_changeform_initial_data(request)}


class KeepsHistory(Editable):
    """Rows that are never deleted. The button “Delete” calls `retire` instead.

    The page that asks for confirmation shows `retire_words`, which say what `retire` does.
    """

    retire_words: Words | str = ""
    retire_action_words = _("Delete (keeps the history)")

    def retire(self, request: HttpRequest, rows: Iterable[Any], report: Report) -> None:
        """Do for each row what “Delete” means for this model, and report the results."""
        raise NotImplementedError

    def history_of(self, row: Any, request: HttpRequest) -> dict[str, Any]:
        """The changes to the row and the actions on it, each with its author."""
        entries, has_older = entries_of(row, request.user)
        return {"entries": entries, "has_older": has_older}

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Ask for confirmation, and say what “Delete” does."""
        return super().delete_view(
            request, object_id, {"retire_words": self.retire_words, **(extra_context or {})}
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Retire the row. The button “Delete” calls this."""
        report = Report()
        self.retire(request, [obj], report)
        report.tell(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Retire the rows.

        Only Django's bulk deletion calls this. No list offers it, but if one did, the rows would
        still be kept.
        """
        report = Report()
        self.retire(request, queryset, report)
        report.tell(request)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ARG002
        """Return no related rows, because none are deleted."""
        return [], {}, set(), []

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Log nothing here, because `retire` logs a change instead."""

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        """Redirect to the list. The messages come from `retire`."""
        if IS_POPUP_VAR in request.POST:
            return super().response_delete(request, obj_display, obj_id)
        return HttpResponseRedirect(self.list_url)


def leave_out(request: HttpRequest, form: Any, name: str, words: str) -> None:
    """Keep the stored value of a field of a valid form, and say why. Other fields are saved."""
    form.changed_data.remove(name)
    setattr(form.instance, name, form.initial[name])
    messages.error(request, words)


def game_choices() -> list[tuple[str, str]]:
    """The games in the settings. The label of a game that is off says so."""
    return [(config.name, _choice(config)) for config in games().values()]


def _choice(config: ProviderConfig) -> str:
    if config.is_on:
        return config.title
    words = gettext("%s (off)") if config.salt else gettext("%s (off: no salt is set)")
    return words % config.title
