"""What the pages share: a sentence on top, buttons for one row, and lists that cost the same at any length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.db import IntegrityError, models
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from giftcodes.admin.common import scope
from giftcodes.domain.text import clean_name, clean_token
from giftcodes.form_fields import WholeNumberField

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise as Words

    ModelForm = forms.ModelForm
    _ModelAdmin = admin.ModelAdmin
    _Base = admin.ModelAdmin
else:
    from unfold.views import ChangeList

    class ModelForm(forms.ModelForm):
        """Django's, with the square brackets that its type stubs give it."""

        def __class_getitem__(cls, _model: Any) -> type:
            return cls

    class _ModelAdmin(ModelAdmin):
        """Unfold's, as above."""

        def __class_getitem__(cls, _model: Any) -> type:
            return cls

    class _Base:
        """Nothing: Django's class comes after those that are mixed into it."""

        def __class_getitem__(cls, _model: Any) -> type:
            return cls


Row = TypeVar("Row", bound=Model)

#: A browser's field for numbers takes ASCII digits only, and hands `1.000` on as it is.
_WHOLE_NUMBER = {"form_class": WholeNumberField, "widget": UnfoldAdminTextInputWidget}
_NUMBERS = (
    models.IntegerField,
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
    models.SmallIntegerField,
    models.BigIntegerField,
)


class OwnRowsFilter(admin.RelatedFieldListFilter):
    """Offers the rows that the person may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """As Django's, and limited."""
        return field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to=scope.limit(field.remote_field.model, request.user),
        )


def without_clear(field: Any) -> None:
    """Take the button that clears a whole search field away: it stands in the list of the chosen, where only items may
    stand for screen readers, and each of those has a button of its own."""
    if field is not None and isinstance(field.widget, AutocompleteSelectMultiple):
        field.widget.is_required = True


class Scoped(_Base[Row]):
    """Shows a person only the rows that are theirs to see (scope.py): whatever else there is, is not found.

    To be mixed into every admin class, before Django's.
    """

    formfield_overrides = dict.fromkeys(_NUMBERS, _WHOLE_NUMBER)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        """What lists, actions, exports and autocompletes begin with."""
        return scope.visible(super().get_queryset(request), request.user)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Row:
        """The row of a page.

        Raises:
            Http404: there is none, or not for this person.
        """
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        _own(request).add((self.model, row.pk))
        scope.redact([row], request.user)
        return row

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        """What the search box finds: without invisible characters, and an ID in digits of any script."""
        term = clean_name(search_term)
        found, may_repeat = super().get_search_results(request, queryset, term)
        token = clean_token(search_term)
        if token != term:
            more, _may_repeat = super().get_search_results(request, queryset, token)
            found |= more
        return found, may_repeat

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choices, and what a form accepts."""
        return super().formfield_for_foreignkey(
            db_field, request, **self._limited(db_field, request, kwargs)
        )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """As above."""
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
        return {**kwargs, "queryset": scope.visible(rows, request.user)}

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Filters by a row of another model offer what may be seen."""
        return [self._filter(item) for item in super().get_list_filter(request)]

    def _filter(self, item: Any) -> Any:
        if isinstance(item, str) and get_fields_from_path(self.model, item)[-1].is_relation:
            return (item, OwnRowsFilter)
        return item

    # Whatever found a row without `get_object` asks one of these.
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


def _own(request: HttpRequest) -> set[tuple[type[Model], Any]]:
    """The rows that this request has found to be the person's own."""
    own: set[tuple[type[Model], Any]] = request.__dict__.setdefault("_own_rows", set())
    return own


class PageOfRows(ChangeList):
    """Rows of one page, to which the admin class may add what it looks up for all of them at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then add to it."""
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        if self.full_result_count is None and not (self.query or self.has_active_filters):
            # All are shown, and counted: no need to say so beside the title.
            self.full_result_count = self.result_count
        scope.redact(self.result_list, request.user)
        self.model_admin.decorate(request, self.result_list)  # type: ignore[attr-defined]


class Page(Scoped[Row], _ModelAdmin[Row]):
    """The base of all pages of the app."""

    #: What the list is, in a sentence; and what to do while it is empty.
    intro: Words | str = ""
    empty_hint: Words | str = ""
    #: Actions that the page of one row shows as buttons.
    buttons: tuple[str, ...] = ()
    #: None of them is what one comes to the page for.
    quiet_buttons = False
    #: Fields that officers read and do not write.
    reserved: tuple[str, ...] = ()

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        """Lists are fetched once and decorated."""
        return PageOfRows

    def decorate(self, request: HttpRequest, rows: list[Row]) -> None:
        """Add to the rows of a page what the columns need, in a fixed number of queries."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The list, with its sentence on top."""
        words = {"intro": self.intro, "empty_hint": self.empty_hint}
        return super().changelist_view(request, {**words, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of one row, with its buttons. Who saves the same row at the same moment is told so."""
        own = self._own_context(request, object_id) if object_id else {}
        context = {**own, **(extra_context or {})}
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except IntegrityError:
            self.message_user(
                request,
                _(
                    "Nothing was saved: somebody else, or the feed, saved the same at this moment. Look again."
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

    def buttons_of(self, row: Row) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The buttons of one row, each with its words; without any: those of the action."""
        return [(name, "") for name in self.buttons]

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:  # noqa: ARG002
        """What the template of the page of one row shows beside its fields."""
        return {}

    def get_readonly_fields(self, request: HttpRequest, obj: Row | None = None) -> Any:
        """Officers do not write what is the operator's to decide."""
        fields = super().get_readonly_fields(request, obj)
        return fields if scope.sees_all(request.user) else [*fields, *self.reserved]

    def get_actions(self, request: HttpRequest) -> Any:
        """Django's own bulk deletion is not among them: what has a history stays."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def response_action(self, request: HttpRequest, queryset: QuerySet[Row]) -> HttpResponse | None:  # type: ignore[override]
        """After a button on the page of one row, back to that page."""
        response: HttpResponse | None = super().response_action(request, queryset)
        back = request.POST.get("back", "")
        is_over = isinstance(response, HttpResponseRedirect)
        if is_over and url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
            return HttpResponseRedirect(back)
        return response

    @property
    def list_url(self) -> str:
        """The address of the list."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    # Who may press what. Looking at history and making some are two things.
    def has_redeem_permission(self, request: HttpRequest) -> bool:
        """Start, stop and resume runs."""
        return _may(request, "change_redemption")

    def has_code_permission(self, request: HttpRequest) -> bool:
        """Close and reopen codes."""
        return _may(request, "change_giftcode")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Change what is not left to officers."""
        return self.has_change_permission(request) and scope.sees_all(request.user)

    def has_provider_permission(self, request: HttpRequest) -> bool:
        """Pause and resume a game."""
        return _may(request, "change_ratebudget")

    def has_feed_permission(self, request: HttpRequest) -> bool:
        """Poll a feed now."""
        return _may(request, "change_feed")


def _may(request: HttpRequest, permission: str) -> bool:
    return request.user.has_perm(f"giftcodes.{permission}")


class History(Page[Row]):
    """What happened is read, not edited."""

    # Counting a long history for "12 results (3,141,592 total)" would cost more than the page.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:  # noqa: ARG002
        return False
