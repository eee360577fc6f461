"""The rows that a person may see: the mixin of all admin classes, and its filters."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.core.exceptions import BadRequest
from django.db import models
from django.forms import Textarea
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from giftcodes.admin.common import lookups
from giftcodes.admin.common.row_select import RowSelect, RowSelectMultiple, can_be_id
from giftcodes.admin.common.search_limits import has_too_many_values, search_problem
from giftcodes.admin_menu import page_of
from giftcodes.domain.numbers import row_id
from giftcodes.domain.text import clean_name, clean_token, one_line
from giftcodes.form_fields import WholeNumberField
from giftcodes.models import Guild
from giftcodes.models.fields import without_notes
from giftcodes.queries import scope

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import Model, QuerySet

    _Mixin = admin.ModelAdmin[Any]
else:
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


def own_guild(request: HttpRequest, guild_id: int) -> Guild:
    """The guild that an address names.

    Raises:
        Http404: there is no such guild, or the person may not see it. The answer is the same.
    """
    own = scope.visible(Guild.objects.all(), request.user)
    guild = own.filter(pk=pk).first() if (pk := row_id(str(guild_id))) else None
    if guild is None:
        raise Http404
    return guild


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

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        """A form with “Save” as its only save button.

        The form for a new row also has “Save and add another”.
        """
        buttons = {"show_save_and_continue": False, "show_save_and_add_another": add}
        return super().render_change_form(
            request, {**buttons, **context}, add, change, form_url, obj
        )

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

        If an action declares no permission, Django offers it to everyone who sees the list. Actions
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
