"""The page that an action shows first: its questions, its effects, and a button to confirm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.template.response import TemplateResponse

from giftcodes.admin.common.back import page_before
from giftcodes.services.changes import record_change

if TYPE_CHECKING:
    from django import forms
    from django.db.models import Model
    from django.http import HttpRequest

    from giftcodes.admin.common.base import Page
    from giftcodes.domain.sentences import Sentence

#: The maximum number of lines that a group shows. The page says how many more there are.
MOST_SHOWN = 200
#: The name of the form field which says that the person has seen the effects.
SHOWN = "shown"


def group(title: Any, badge: str, lines: Iterable[Any]) -> dict[str, Any]:
    """Lines under one heading. The page shows the first `MOST_SHOWN` of them.

    Args:
        title: the heading.
        badge: the state whose colour the heading has.
        lines: the lines, which are converted to text.
    """
    lines = [str(line) for line in lines]
    return {
        "title": title,
        "badge": badge,
        "number": len(lines),
        "lines": lines[:MOST_SHOWN],
        "more": max(0, len(lines) - MOST_SHOWN),
    }


def confirmation_page(
    request: HttpRequest,
    page: Page,
    action: str,
    *,
    title: Any,
    intro: Any,
    confirm: Any,
    groups: Sequence[dict[str, Any]],
    form: forms.Form | None = None,
    is_asking: bool = False,
    has_something: bool = True,
) -> TemplateResponse:
    """A page whose button sends the same action again.

    Args:
        request: the request that runs the action.
        page: the admin class that has the action.
        action: the name of the action.
        title, intro: the heading and the first sentence of the page.
        confirm: the label of the button.
        groups: the effects, each made by `group`.
        form: the values that the action needs.
        is_asking: whether to show the form for input. If not, the page contains the form's values
            as hidden fields.
        has_something: whether there is anything to do.
    """
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "intro": intro,
        "confirm": confirm,
        "groups": groups,
        "form": form,
        "is_asking": is_asking,
        "has_something": has_something,
        "action": action,
        "shown": SHOWN,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "back": page_before(request) or request.get_full_path(),
        "list_url": page.list_url,
    }
    return TemplateResponse(request, "admin/giftcodes/confirmation.html", context)


def log(request: HttpRequest, rows: Sequence[Model], done: Sentence) -> None:
    """Record in the history of each row what a person did. All rows must belong to one model."""
    assert request.user.pk is not None  # The site requires a login.
    record_change(request.user.pk, rows, done)
