"""Tags for the frame around each page: the breadcrumbs, and the columns of a list on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.template.defaultfilters import linebreaksbr
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeData, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from giftcodes.admin.common.action_report import FOLDED_TAG
from giftcodes.admin.common.html import NOTHING
from giftcodes.admin_menu import entry_at, page_of
from giftcodes.models.game_words import place_word, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.admin.views.main import ChangeList
    from django.contrib.messages.storage.base import Message
    from django.template import Context
    from django.utils.safestring import SafeString

register = template.Library()

#: What a list shows in a cell that has no value: Django's dash, or our own.
_DASHES = ("-", NOTHING)
#: How many columns of a list a phone shows, unless the list names them in `phone_columns`.
_PHONE_COLUMNS = 4


#: What Unfold shows as a dash.
_EMPTY = ("", "None", *_DASHES)


@register.filter
def shown_fields(line: Iterable[Any]) -> list[Any]:
    """Those fields of a form's line that a person can fill in, or that have a value.

    A help text says what to enter, so a field that cannot be filled in loses it.
    """
    found = []
    for field in line:
        if field.is_readonly:
            value = field.contents()
            if str(value).strip() in _EMPTY:
                continue
            field.contents = value
            field.field["help_text"] = ""
        found.append(field)
    return found


@register.filter
def shown(message: Message) -> SafeString:
    """The text of a message, with line breaks. A folded report is a list that can be opened."""
    text = message.message
    if message.extra_tags != FOLDED_TAG:
        return linebreaksbr(text)
    # Only text whose parts are escaped is marked as safe (action_report.py).
    lines = [
        mark_safe(line) if isinstance(text, SafeData) else line  # noqa: S308
        for line in str(text).split("\n")
    ]
    items = format_html_join("", "<li>{}</li>", ((line,) for line in lines[1:]))
    return format_html(
        '<details class="folded"><summary>{}</summary><ul>{}</ul></details>', lines[0], items
    )


@register.inclusion_tag("frame/breadcrumbs.html", takes_context=True)
def breadcrumbs(context: Context) -> dict[str, Any]:
    """The way from the menu to this page. The page's own title is the heading below it.

    Names of rows are shown as they are stored: a code keeps its capitals.
    """
    trail = [*_menu_part(context), *_row_part(context)]
    title = _own_title(context)
    if trail and (title is None or str(title) == str(trail[-1]["title"])):
        title = trail.pop()["title"]
    return {"trail": trail, "heading": title or ""}


def _menu_part(context: Context) -> list[dict[str, Any]]:
    """The menu's entry for this page, and the list of the page's model, if it has one."""
    request, opts = context["request"], context.get("opts")
    entry = entry_at(request.path)
    trail = []
    if entry is not None and entry.pages_for(request.user):
        trail.append({"title": entry.title, "url": entry.url_for(request.user)})
    if opts is not None:
        page = page_of(opts.label_lower)
        title = page.title if page else capfirst(opts.verbose_name_plural)
        if [str(one["title"]) for one in trail] != [str(title)]:
            trail.append({"title": title, "url": _url(opts, "changelist")})
    return trail


def _row_part(context: Context) -> list[dict[str, Any]]:
    """The row, if this is a page of one row."""
    row = context.get("original") or context.get("object")
    if not isinstance(row, Model):
        return []
    # Some models have an overview page for each row. It is preferred to the row's form.
    pages = (_url(row._meta, page, quote(row.pk)) for page in ("overview", "change"))
    return [{"title": str(row), "url": next(filter(None, pages), "")}]


def _own_title(context: Context) -> Any:
    """The page's own title. None if the page is a list or the form of a row."""
    row = context.get("original") or context.get("object")
    if "cl" in context or ("adminform" in context and isinstance(row, Model)):
        return None
    if isinstance(row, Model) and "deleted_objects" in context:
        return _("Delete")
    if isinstance(row, Model) and ("action_list" in context or "entries" in context):
        return _("History")
    return context.get("title")


def _url(opts: Any, page: str, *args: Any) -> str:
    try:
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=args)
    except NoReverseMatch:
        return ""


@register.simple_tag
def left_out_on_a_phone(cl: ChangeList) -> str:
    """CSS classes for a list's table. They name the columns that a phone leaves out."""
    named = getattr(cl.model_admin, "phone_columns", ())
    columns = list(cl.list_display)
    has_boxes = bool(columns) and columns[0] == "action_checkbox"
    shown = named or columns[: _PHONE_COLUMNS + has_boxes]
    return " ".join(
        f"without-{place}"
        for place, column in enumerate(columns, start=1)
        if column not in shown and column != "action_checkbox"
    )


@register.filter
def marked(cell: SafeString) -> SafeString:
    """Mark a list's cell that has no value, so that a phone can leave its dash out."""
    begin, _bracket, rest = cell.partition(">")
    if rest.partition("<")[0].strip() not in _DASHES or 'class="' not in begin:
        return cell
    # Only the name of a class is added to HTML that Django has made.
    return mark_safe(begin.replace('class="', 'class="nothing ', 1) + ">" + rest)  # noqa: S308


register.filter("spoken", spoken)
register.filter("place", place_word)
