"""The page between an action and its doing: what it needs to know, what it would do, and the button that does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.template.response import TemplateResponse

if TYPE_CHECKING:
    from django import forms
    from django.db.models import Model
    from django.http import HttpRequest

    from giftcodes.admin.common.base import Page

#: So many lines of a kind are shown; the others are counted.
MOST_SHOWN = 200
#: In what is posted: the person has seen what would be done.
SHOWN = "shown"


def group(title: Any, badge: str, lines: Iterable[Any]) -> dict[str, Any]:
    """Lines of a kind, for a list of which the beginning is shown.

    Args:
        title: what they have in common.
        badge: the state by whose colour they are known.
        lines: each a text.
    """
    lines = [str(line) for line in lines]
    return {
        "title": title,
        "badge": badge,
        "number": len(lines),
        "lines": lines[:MOST_SHOWN],
        "more": max(0, len(lines) - MOST_SHOWN),
    }


def step(
    request: HttpRequest,
    page: Page[Any],
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
    """A page that sends the same action once more.

    Args:
        request: the action's.
        page: whose action it is.
        action: its name.
        title, intro: what it is about.
        confirm: the words of the button.
        groups: what would be done, as `group` makes them.
        form: what the action needs to know.
        is_asking: the form is to be filled in; else its values are sent along as they are.
        has_something: there is something to be done.
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
        "back": request.POST.get("back") or request.get_full_path(),
        "list_url": page.list_url,
    }
    return TemplateResponse(request, "admin/giftcodes/step.html", context)


def log(request: HttpRequest, rows: Sequence[Model], words: str) -> None:
    """Write what a person did into the history of these rows, all of one model."""
    assert request.user.pk is not None  # The site's login.
    if rows:
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, words)
