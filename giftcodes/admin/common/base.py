"""The base classes of all admin pages: what lists and pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ORDER_VAR
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.back import LeadsOn, page_before
from giftcodes.admin.common.html import list_url
from giftcodes.admin.common.scoped import Scoped
from giftcodes.admin.common.versions import actions_on
from giftcodes.domain.sentences import Sentence, stored
from giftcodes.queries import scope
from giftcodes.services.changes import names_for_all

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise as Words

    # Unfold has no types. Its classes have the interface of Django's.
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.views import ChangeList

#: The maximum number of columns by which a list is sorted for a person who sees only some guilds.
MOST_ORDER_COLUMNS = 2


class PageOfRows(ChangeList):
    """One page of a list. The admin class adds values to all rows of the page at once."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Sort by a few of the columns that the address names. For people who see all guilds there
        is no limit.

        Each further column makes sorting a long list slower.
        """
        if ORDER_VAR in self.params and not scope.sees_all(request.user):
            columns = self.params[ORDER_VAR].split(".")
            self.params[ORDER_VAR] = ".".join(columns[:MOST_ORDER_COLUMNS])
        return super().get_ordering(request, queryset)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        if self.full_result_count is None and not (self.query or self.has_active_filters):
            # Without a search or a filter the results are all rows, so no second count is needed.
            self.full_result_count = self.result_count
        scope.redact(self.result_list, request.user)
        #: The number of rows, in words, below the list.
        self.number_words = self.model_admin.number_words(self)  # type: ignore[attr-defined]
        self.model_admin.decorate(request, self.result_list)  # type: ignore[attr-defined]


class Page(Scoped, _ModelAdmin):
    """The base of all admin classes of the app."""

    #: A sentence above the list, and a hint for an empty list.
    intro: Words | str = ""
    empty_hint: Words | str = ""
    #: The actions that the page of one row offers as buttons.
    buttons: tuple[str, ...] = ()
    #: If true, no button is highlighted, because none is the main purpose of the page.
    quiet_buttons = False
    #: Fields that officers can read but not write.
    reserved: tuple[str, ...] = ()

    object_history_template = "admin/giftcodes/object_history.html"
    list_per_page = 50
    #: The columns that a phone shows. If there are none here, a phone shows the first four columns.
    phone_columns: tuple[str, ...] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        return PageOfRows

    def decorate(self, request: HttpRequest, rows: list[Any]) -> None:
        """Add to the rows the values that the columns show, in a fixed number of queries."""

    def number_words(self, rows: ChangeList) -> str:
        """How many rows a list has, such as `51 guilds`. It counts the rows of all its pages."""
        number: int = rows.result_count
        is_one = number == 1
        return f"{number} {self.opts.verbose_name if is_one else self.opts.verbose_name_plural}"

    def get_list_links(self, request: HttpRequest) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The buttons above the list: the address and the words of each."""
        return []

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        words = {
            "intro": self.intro,
            "empty_hint": self.empty_hint,
            "list_links": self.get_list_links(request),
        }
        return super().changelist_view(request, {**words, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of one row, with its buttons. A conflict with another save is reported."""
        own = self._own_context(request, object_id) if object_id else {}
        context = {**own, **(extra_context or {})}
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except IntegrityError:
            self.message_user(
                request,
                _(
                    "Nothing was saved, because another person or the feed saved the same row at "
                    "this moment. Open the page again and check it."
                ),
                messages.ERROR,
            )
            return HttpResponseRedirect(self.list_url)

    def _own_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        row = self.get_object(request, unquote(object_id))
        return {
            **self.buttons_for(request, row),
            **self.page_context(request, object_id),
        }

    def buttons_for(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The values for `buttons.html`: the buttons of a row that a person may press."""
        allowed = self.get_actions(request)
        buttons = [
            (name, words or allowed[name][2])
            for name, words in self.buttons_of(row)
            if name in allowed
        ]
        return {
            "buttons": buttons,
            "quiet_buttons": self.quiet_buttons,
            "opts": self.opts,
            "original": row,
        }

    def buttons_of(self, row: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The buttons of one row, each with the name of its action and a label.

        If the label is empty, the button shows the action's description.
        """
        return [(name, "") for name in self.buttons]

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:  # noqa: ARG002
        """The values that the template of a row's page needs in addition to the row's fields."""
        return {}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Make the reserved fields read-only for officers, because only the operator sets them."""
        fields = super().get_readonly_fields(request, obj)
        return fields if scope.sees_all(request.user) else [*fields, *self.reserved]

    def get_actions(self, request: HttpRequest) -> Any:
        """Leave out Django's bulk deletion, because rows with a history are never deleted."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:  # type: ignore[override]
        """Return to the page of the row, if the action was a button there.

        But if the action leads on to its results (`LeadsOn`), go to the results.
        """
        response: HttpResponse | None = super().response_action(request, queryset)
        back = page_before(request)
        is_over = isinstance(response, HttpResponseRedirect) and not isinstance(response, LeadsOn)
        return HttpResponseRedirect(back) if back and is_over else response

    @property
    def list_url(self) -> str:
        """The address of the list."""
        return list_url(self.model)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show what people did with the row."""
        row = self.get_object(request, unquote(object_id))
        context = self.history_of(row, request) if row is not None else {}
        return super().history_view(request, object_id, {**context, **(extra_context or {})})

    def history_of(self, row: Any, request: HttpRequest) -> dict[str, Any]:
        """What the page of the history shows: here, the actions that the admin recorded."""
        entries, has_older = actions_on(row, request.user)
        return {"entries": entries, "has_older": has_older}

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record a change: a `Sentence` as its key and values, or Django's list of fields."""
        is_sentence = isinstance(message, Sentence)
        with names_for_all():
            return super().log_change(request, obj, stored(message) if is_sentence else message)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record that a row was added."""
        with names_for_all():
            return super().log_addition(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Record that rows were deleted."""
        with names_for_all():
            return super().log_deletions(request, queryset)

    # The permissions of actions. Not everyone who sees rows is allowed to act on them.
    def has_redeem_permission(self, request: HttpRequest) -> bool:
        """Whether the user may start, stop and resume runs."""
        return _may(request, "change_redemption")

    def has_code_permission(self, request: HttpRequest) -> bool:
        """Whether the user may close and reopen codes."""
        return _may(request, "change_giftcode")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may change what officers may not change."""
        return self.has_change_permission(request) and scope.sees_all(request.user)

    def has_provider_permission(self, request: HttpRequest) -> bool:
        """Whether the user may pause and resume a game."""
        return _may(request, "change_ratebudget")

    def has_feed_permission(self, request: HttpRequest) -> bool:
        """Whether the user may poll a feed now."""
        return _may(request, "change_feed")


def _may(request: HttpRequest, permission: str) -> bool:
    return request.user.has_perm(f"giftcodes.{permission}")


class History(Page):
    """Rows that cannot be added, edited or deleted here. Their pages may have actions."""

    # In "12 results (3,141,592 total)", counting the total would take longer than the rest.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False
