"""Small pieces of HTML: links to rows and lists, their addresses, badges, and bars."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from giftcodes.domain.served import SHARE_LABELS, SIGNS, Result, Served, Share, Tone
from giftcodes.models import Guild, Member

#: Shown in place of an empty value.
NOTHING = "–"
#: The least width of a share of a bar, in percent of the bar.
_NARROWEST = 1.5


def badge(state: str, label: Any) -> SafeString:
    """A state in words. Its colour comes from admin.css and only repeats what the words say."""
    return format_html('<span class="badge badge-{}">{}</span>', state, label)


def ago(moment: dt.datetime) -> SafeString:
    """A moment, which live.js shows as a distance from now. Without JavaScript, it is a date."""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" data-relative>{}</time>',
        local.isoformat(timespec="seconds"),
        date_format(local, "DATETIME_FORMAT"),
    )


def result_badge(result: Result) -> SafeString:
    """The result of a redemption or a code: a sign and words, in the colour of its tone."""
    return format_html(
        '<span class="badge tone-{}"><span aria-hidden="true">{}</span> {}</span>',
        result.tone,
        result.sign,
        result.words,
    )


def tone_link(address: str, words: str, tone: Tone) -> SafeString:
    """A link that looks like a badge: its sign and words in the colour of a tone."""
    return format_html(
        '<a class="badge tone-{}" href="{}"><span aria-hidden="true">{}</span> {}</a>',
        tone,
        address,
        SIGNS[tone],
        words,
    )


def served_bar(served: Served, *, words: str = "") -> SafeString:
    """A bar of five shares: has it, not eligible, needs you, waiting, cannot have it.

    The numbers (`Served.all_words`) are the bar's name for screen readers and on hover. The page
    must also show them beside the bar, because a colour may only repeat what words say.

    Args:
        served: the numbers.
        words: the name of the bar. If this is empty, the numbers are the name.
    """
    parts, begin = [], 0.0
    for share, width in _widths(served):
        parts.append((share.value, f"{begin:.2f}", f"{width:.2f}"))
        begin += width
    words = words or served.all_words
    return format_html(
        '<svg class="share-bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><title>{}</title>{}</svg>',
        words,
        words,
        format_html_join(
            "", '<rect class="share-{}" x="{}" y="0" width="{}" height="8"></rect>', parts
        ),
    )


def _widths(served: Served) -> list[tuple[Share, float]]:
    """The width of each share in percent. A small share stays visible."""
    widths = [
        (share, max(100 * number / served.total, _NARROWEST)) for share, number in served.counts
    ]
    whole = sum(width for _share, width in widths)
    return [(share, 100 * width / whole) for share, width in widths]


def served_legend() -> SafeString:
    """What the colours of the bars mean."""
    shares = [(share.value, label) for share, label in SHARE_LABELS.items()]
    return format_html(
        '<ul class="legend">{}</ul>',
        format_html_join("", '<li><span class="swatch share-{}"></span>{}</li>', shares),
    )


def served_parts(served: Served) -> SafeString:
    """The numbers of a bar in words, each beside its colour, in the order of the bar.

    With these, a bar needs no legend, and a reader need not tell the colours apart.
    """
    parts = [(share.value, words) for share, words in served.parts]
    return format_html(
        '<ul class="legend">{}</ul>',
        format_html_join(
            "",
            '<li><span class="swatch share-{}" aria-hidden="true"></span>{}</li>',
            parts,
        ),
    )


def link(row: Model, text: Any = None) -> SafeString:
    """A link to the page of a row."""
    return format_html('<a href="{}">{}</a>', page_url(row), text or str(row))


def page_url(row: Model) -> str:
    """The address of the page of a row. For a guild, this is the overview, not the form."""
    return guild_url(row.pk) if isinstance(row, Guild) else model_url(type(row), "change", row.pk)


def guild_url(guild_id: int, tab: str = "overview", **query: Any) -> str:
    """The address of a tab of a guild's page.

    Args:
        guild_id: the guild.
        tab: the name of the tab, as in `giftcodes.admin.guilds.tabs`.
        query: what follows the question mark.
    """
    return model_url(Guild, tab, guild_id, query=query)


def player_url(member_id: int) -> str:
    """The address of the page with all codes of a member's player. It contains no player ID."""
    return reverse("admin:player_codes", args=[member_id])


def member_link(member: Member) -> SafeString:
    """A link to the page with all codes of a member's player, from which the form is reached."""
    return format_html('<a href="{}">{}</a>', player_url(member.pk), member)


def list_link(model: type[Model], text: Any, **filters: Any) -> SafeString:
    """A link to the list of a model, filtered as in `list_url`."""
    return format_html('<a href="{}">{}</a>', list_url(model, **filters), text)


def list_url(model: type[Model], **filters: Any) -> str:
    """The address of the list of a model.

    Args:
        model: the model whose rows are listed.
        filters: lookups as they stand in the address of the list, such as `state__exact`.
    """
    return model_url(model, "changelist", query=filters)


def model_url(
    model: type[Model], page: str, *args: Any, query: dict[str, Any] | None = None
) -> str:
    """The address of one of a model's pages in the admin, such as "add" or "changelist"."""
    opts = model._meta
    name = f"admin:{opts.app_label}_{opts.model_name}_{page}"
    return reverse(name, args=args, query=query or None)
