"""What the pages share: a sentence on top, buttons for one row, and lists that cost the same at any length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.db import IntegrityError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise as Words

    ModelForm = forms.ModelForm
    _ModelAdmin = admin.ModelAdmin
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


Row = TypeVar("Row", bound=Model)


class PageOfRows(ChangeList):
    """Rows of one page, to which the admin class may add what it looks up for all of them at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then add to it."""
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        if self.full_result_count is None and not (self.query or self.has_active_filters):
            # All are shown, and counted: no need to say so beside the title.
            self.full_result_count = self.result_count
        self.model_admin.decorate(self.result_list)  # type: ignore[attr-defined]


class Page(_ModelAdmin[Row]):
    """The base of all pages of the app."""

    #: What the list is, in a sentence; and what to do while it is empty.
    intro: Words | str = ""
    empty_hint: Words | str = ""
    #: Actions that the page of one row shows as buttons.
    buttons: tuple[str, ...] = ()

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        """Lists are fetched once and decorated."""
        return PageOfRows

    def decorate(self, rows: list[Row]) -> None:
        """Add to the rows of a page what the columns need, in a fixed number of queries."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
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
        own = {"buttons": self._buttons(request), **self.page_context(request, object_id)} if object_id else {}
        context = {**own, **(extra_context or {})}
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except IntegrityError:
            self.message_user(
                request,
                _("Nothing was saved: somebody else, or the feed, saved the same at this moment. Look again."),
                messages.ERROR,
            )
            return HttpResponseRedirect(self.list_url)

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:  # noqa: ARG002
        """What the template of the page of one row shows beside its fields."""
        return {}

    def _buttons(self, request: HttpRequest) -> list[tuple[str, str]]:
        allowed = self.get_actions(request)
        return [(name, allowed[name][2]) for name in self.buttons if name in allowed]

    def get_actions(self, request: HttpRequest) -> Any:
        """Django's own bulk deletion is not among them: what has a history stays."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def response_action(self, request: HttpRequest, queryset: QuerySet[Row]) -> HttpResponse | None:  # type: ignore[override]
        """After a button on the page of one row, back to that page."""
        response: HttpResponse | None = super().response_action(request, queryset)
        back = request.POST.get("back", "")
        if response is not None and url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
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
