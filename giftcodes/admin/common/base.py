"""The base classes of all admin pages: who sees which rows, and what lists and pages show."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.core.exceptions import BadRequest
from django.db import IntegrityError, models
from django.forms import Textarea
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from giftcodes.admin.common import lookups, scope
from giftcodes.admin.common.back import page_before
from giftcodes.admin.common.html import list_url
from giftcodes.admin.common.row_select import RowSelect, RowSelectMultiple, can_be_id
from giftcodes.admin.common.search_limits import has_too_many_values, search_problem
from giftcodes.admin.common.versions import actions_on
from giftcodes.admin_menu import page_of
from giftcodes.domain.text import clean_name, clean_token, one_line
from giftcodes.form_fields import WholeNumberField
from giftcodes.models.fields import without_notes

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import Model, QuerySet
    from django.utils.functional import _StrPromise as Words

    # Unfold has no types. Its classes have the interface of Django's.
    _ModelAdmin = admin.ModelAdmin[Any]
    _Mixin = admin.ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.views import ChangeList

    _Mixin = object

#: Numbers are typed into a text field, because a browser's number field accepts only ASCII digits.
#: `WholeNumberField` refuses `1.000`, which a number field submits and Django would read as 1.
_WHOLE_NUMBER = {"form_class": WholeNumberField, "widget": UnfoldAdminTextInputWidget}
_NUMBERS = (
    models.IntegerField,
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
    models.SmallIntegerField,
    models.BigIntegerField,
)

#: By how many columns a person who does not see all guilds may sort a list at the same time.
MOST_ORDER_COLUMNS = 2


class OwnRowsFilter(admin.RelatedFieldListFilter):
    """A filter by a row of another model, which offers only the rows that the person may see."""

    def has_output(self) -> bool:
        """Whether there are several choices, or the address uses this filter.

        Django ignores a filter that has no output. The list would then show all rows.
        """
        return super().has_output() or bool(self.used_parameters)

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        rows = field.remote_field.model._default_manager.filter(
            scope.limit(field.remote_field.model, request.user)
        )
        ordering = self.field_admin_ordering(field, request, model_admin)
        if ordering:
            rows = rows.order_by(*ordering)
        return [(row.pk, str(row)) for row in without_notes(rows)]


class OwnGamesFilter(admin.ChoicesFieldListFilter):
    """A filter by game, which offers an officer only the games that their guilds play."""

    def __init__(self, field: Any, request: HttpRequest, *rest: Any, **more: Any) -> None:
        super().__init__(field, request, *rest, **more)
        own = scope.games(request.user)
        self.field = copy.copy(field)
        self.field.choices = [
            (name, title) for name, title in field.flatchoices if own is None or name in own
        ]


def without_clear(field: Any) -> None:
    """Remove the button that clears a whole search field.

    The button is in the list of chosen items, where screen readers expect only items. Each item has
    its own button.
    """
    if field is not None and isinstance(field.widget, AutocompleteSelectMultiple):
        field.widget.is_required = True


class Scoped(_Mixin):
    """Limits an admin class to the rows that a person may see (scope.py). Other rows are not found.

    The address of the list may contain only filters that lookups.py allows. Every admin class
    inherits from this mixin, before Django's class.
    """

    #: Filters that links on our own pages use, but that `list_filter` does not offer.
    linked_lookups: tuple[str, ...] = ()

    formfield_overrides = dict.fromkeys(_NUMBERS, _WHOLE_NUMBER)
    show_facets = admin.ShowFacets.NEVER

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:  # noqa: ARG002
        """Whether the address of the list may have this filter. If not, the response is a 400."""
        return request is not None and lookup in lookups.allowed(self, request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:  # noqa: ARG002
        """Return whether the field is the primary key. Pages find rows by no other field."""
        key = self.opts.pk
        return key is not None and to_field in (key.name, key.attname)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The list, with the sentence of the menu that says what the list is for."""
        page = page_of(self.opts.label_lower)
        intro = {"intro": page.purpose} if page else {}
        return super().changelist_view(request, {**intro, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list with its filters.

        Raises:
            DisallowedModelAdminLookup: the address has a filter that the list does not offer, or an
                unusable value. For such a value, Django would redirect to the unfiltered list.
        """
        if has_too_many_values(request.GET):
            words = f"A filter of the list of {self.opts.label_lower} has too many values."
            raise DisallowedModelAdminLookup(words)
        try:
            rows = self._existing_page(request)
        except IncorrectLookupParameters as error:
            words = f"A filter of the list of {self.opts.label_lower} has an unusable value."
            raise DisallowedModelAdminLookup(words) from error
        if problem := search_problem(rows.query):
            self.message_user(request, problem, messages.ERROR)
        return rows

    def _existing_page(self, request: HttpRequest) -> ChangeList:
        """The page of the list that the address names. If there is none, the first or last page."""
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters:
            if PAGE_VAR not in request.GET:
                raise
        asked = request.GET[PAGE_VAR]
        _show_page(request, 1)
        rows = super().get_changelist_instance(request)
        if rows.paginator.num_pages > 1 and not asked.startswith("-") and asked.strip("0"):
            _show_page(request, rows.paginator.num_pages)
            rows = super().get_changelist_instance(request)
        words = _("The list has no page %(page)s. This is page %(shown)d of %(last)d.") % {
            "page": one_line(asked, 20),
            "shown": rows.page_num,
            "last": rows.paginator.num_pages,
        }
        self.message_user(request, words, messages.WARNING)
        return rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows that lists, actions, exports and autocompletes start from."""
        return scope.visible(super().get_queryset(request), request.user)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """The row of a page.

        Raises:
            Http404: there is no such row, or this person may not see it.
        """
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        _own(request).add((self.model, row.pk))
        scope.redact([row], request.user)
        return row

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for the term without invisible characters.

        An ID is found even if it was typed in the digits of another script. A term that is too long
        finds nothing, and the page says why.
        """
        if search_problem(search_term):
            return queryset.none(), False
        term = clean_name(search_term)
        found, may_repeat = super().get_search_results(request, queryset, term)
        token = clean_token(search_term)
        if token != term:
            more, _may_repeat = super().get_search_results(request, queryset, token)
            found |= more
        # Lists, their actions and autocompletes all get their rows here.
        return without_notes(found), may_repeat

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Keep the box for a longer text small. A person can make it larger."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, Textarea):
            field.widget.attrs["rows"] = 3
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Limit the choices to rows that the person may see. The form accepts no other values."""
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RowSelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(
            db_field, request, **self._limited(db_field, request, kwargs)
        )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RowSelectMultiple(db_field, self.admin_site))
        field = super().formfield_for_manytomany(
            db_field, request, **self._limited(db_field, request, kwargs)
        )
        without_clear(field)
        return field

    def _limited(
        self, db_field: Any, request: HttpRequest, kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        if scope.sees_all(request.user):
            return kwargs
        rows = kwargs.get(
            "queryset", self.get_field_queryset(kwargs.get("using"), db_field, request)
        )
        if rows is None:
            rows = db_field.remote_field.model._default_manager.all()
        return {**kwargs, "queryset": without_notes(scope.visible(rows, request.user))}

    def get_actions(self, request: HttpRequest) -> Any:
        """The actions that this person may run.

        Django offers an action that declares no permission to everyone who sees the list. Actions
        of other packages declare none, so here they need the change permission.
        """
        actions = super().get_actions(request)
        if self.has_change_permission(request):
            return actions
        return {
            name: action
            for name, action in actions.items()
            if action and hasattr(action[0], "allowed_permissions")
        }

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:  # type: ignore[override]
        """Run an action on the chosen rows.

        Raises:
            BadRequest: the ID of a chosen row is a value that no row can have.
        """
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(can_be_id(self.model._meta.pk, value) for value in chosen):
            raise BadRequest("A chosen row has no valid ID.")
        response: HttpResponse | None = super().response_action(request, queryset)
        return response

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Let the filters offer only rows and games that the person may see."""
        return [self._filter(item) for item in super().get_list_filter(request)]

    def _filter(self, item: Any) -> Any:
        if not isinstance(item, str):
            return item
        field = get_fields_from_path(self.model, item)[-1]
        if field.is_relation:
            return (item, OwnRowsFilter)
        is_game = field.name == "provider" and getattr(field, "choices", None)
        return (item, OwnGamesFilter) if is_game else item

    # These permissions also refuse rows that the person may not see, because some code finds a row
    # without `get_object`.
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and self._is_own(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_own(request, obj)

    def _is_own(self, request: HttpRequest, row: Any) -> bool:
        if (
            row is None
            or row.pk is None
            or (self.model, row.pk) in _own(request)
            or scope.sees_all(request.user)
        ):
            return True
        return scope.visible(self.model._default_manager.filter(pk=row.pk), request.user).exists()


def _show_page(request: HttpRequest, number: int) -> None:
    """Make the list show this page instead of the page that the address names."""
    query = request.GET.copy()
    query[PAGE_VAR] = str(number)
    request.GET = query  # type: ignore[assignment] # A mutable copy does no harm.


def _own(request: HttpRequest) -> set[tuple[type[Model], Any]]:
    """The rows that this request has already found to be visible to the person."""
    own: set[tuple[type[Model], Any]] = request.__dict__.setdefault("_own_rows", set())
    return own


class PageOfRows(ChangeList):
    """One page of a list. The admin class adds values to all rows of the page at once."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Sort by a few of the columns that the address names. People who see all have no limit.

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

    list_per_page = 50
    #: The columns that a phone shows. If this is empty, it shows the first four.
    phone_columns: tuple[str, ...] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        return PageOfRows

    def decorate(self, request: HttpRequest, rows: list[Any]) -> None:
        """Add the values that the columns show to the rows, in a fixed number of queries."""

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
        allowed = self.get_actions(request)
        buttons = [
            (name, words or allowed[name][2])
            for name, words in self.buttons_of(row)
            if name in allowed
        ]
        return {
            "buttons": buttons,
            "quiet_buttons": self.quiet_buttons,
            **self.page_context(request, object_id),
        }

    def buttons_of(self, row: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The buttons of one row: the name of an action, and a label.

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
        """Return to the page of the row, if the action was a button there."""
        response: HttpResponse | None = super().response_action(request, queryset)
        back = page_before(request)
        is_over = isinstance(response, HttpResponseRedirect)
        return HttpResponseRedirect(back) if back and is_over else response

    @property
    def list_url(self) -> str:
        """The address of the list."""
        return list_url(self.model)

    # The permissions of actions. A person who may see rows may not always act on them.
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
    """Rows that only the pipeline writes: the pages show them and change nothing."""

    # In "12 results (3,141,592 total)", counting the total would take longer than the rest.
    show_full_result_count = False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show what people did with the row."""
        row = self.get_object(request, unquote(object_id))
        context = {"entries": actions_on(row, request.user)}
        return super().history_view(request, object_id, {**context, **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False
