"""The options of each kind of feed: how its answer is read. They are fields of the feed's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from giftcodes.clients.feeds import SourceOptions, problems_of_options
from giftcodes.clients.feeds.options import OPTION_LENGTH
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import clean_token
from giftcodes.form_fields import CleanCharField
from giftcodes.models.feed import FeedKind

#: The options that a kind of feed has, in the order of the form.
OPTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FeedKind, ()),
    FeedKind.JSON: ("entries", "code", "published", "ends"),
    FeedKind.RSS: ("template",),
    FeedKind.WEB_PAGE: ("entries", "code", "template", "published", "ends"),
}

#: For each option: its label, what to write, and an example.
_FIELDS: dict[str, dict[str, tuple[Any, Any, str]]] = {
    FeedKind.JSON: {
        "entries": (
            _("Path of the list"),
            _(
                "The names that lead to the list of codes, with dots between them. Leave it empty "
                "if the answer itself is the list."
            ),
            "data.codes",
        ),
        "code": (
            _("Path of the code"),
            _("Within an entry of the list. Leave it empty if each entry is the code itself."),
            "code",
        ),
        "published": (
            _("Path of the published day"),
            _("Within an entry. Leave it empty if the list does not say it."),
            "createdAt",
        ),
        "ends": (
            _("Path of the end"),
            _("Within an entry. Leave it empty if the list does not say when a code ends."),
            "expiresAt",
        ),
    },
    FeedKind.RSS: {
        "template": (
            _("Words around a code"),
            _("Write {code} where the code stands. Capitals and punctuation do not matter."),
            "Gift code: {code}",
        ),
    },
    FeedKind.WEB_PAGE: {
        "entries": (
            _("Selector of the codes"),
            _("The CSS selector of the elements that each hold one code."),
            "ul.codes li",
        ),
        "code": (
            _("Selector of the code"),
            _("Within such an element. Leave it empty if the element holds only the code."),
            "strong",
        ),
        "template": (
            _("Words around a code"),
            _(
                "Only if a code stands in a sentence. Write {code} where the code stands. Capitals "
                "and punctuation do not matter."
            ),
            "Gift code: {code}",
        ),
        "published": (
            _("Selector of the published day"),
            _("Within such an element. Leave it empty if the page does not say it."),
            "time",
        ),
        "ends": (
            _("Selector of the end"),
            _("Within such an element. Leave it empty if the page does not say it."),
            ".ends",
        ),
    },
}


def option_fields(kind: FeedKind) -> dict[str, CleanCharField]:
    """The form's fields for the options of a kind."""
    return {
        name: CleanCharField(
            label=label,
            required=False,
            max_length=OPTION_LENGTH,
            clean_text=clean_token,
            help_text=help_text,
            widget=UnfoldAdminTextInputWidget(
                {"autocomplete": "off", "spellcheck": "false", "placeholder": example}
            ),
        )
        for name, (label, help_text, example) in _FIELDS.get(kind, {}).items()
    }


def problems_of(kind: FeedKind, options: Mapping[str, str]) -> dict[str, Sentence]:
    """What is wrong with the options: a sentence, by the name of the option."""
    return problems_of_options(kind, SourceOptions(**options)) if OPTIONS[kind] else {}
