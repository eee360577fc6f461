"""The form of a feed that a person adds. It has the fields of the feed's kind, and no other."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from giftcodes.admin.games.connection_forms import (
    checked_feed_address,
    checked_key,
    clean_secret,
    moves,
)
from giftcodes.admin.games.feed_options import OPTIONS, option_fields, problems_of
from giftcodes.form_fields import CleanCharField
from giftcodes.models import Feed
from giftcodes.models.channel import MOST_ADDRESS
from giftcodes.models.feed import FeedKind

_MOST_KEY = 200
_ENTER_ADDRESS = _("Enter the address at which the codes are listed.")


class HiddenValue(UnfoldAdminTextInputWidget):  # type: ignore[misc] # Untyped.
    """A text field that the server never fills in, because the value may hold a secret."""

    def __init__(self, example: str = "") -> None:
        """Keep the browser from storing or changing the text."""
        super().__init__(
            {
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "placeholder": example,
            }
        )

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:  # noqa: ARG002
        """Leave the value out, also after an error."""
        context: dict[str, Any] = super().get_context(name, None, attrs)
        return context


class FeedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A feed of the kind `kind`. An empty address or key keeps what is stored."""

    kind: FeedKind = FeedKind.COMMUNITY

    class Meta:
        model = Feed
        fields = ["provider", "name", "trust", "interval_seconds"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in OPTIONS.get(self.kind, ()):
            if name in self.fields:
                self.initial[name] = self.instance.options.get(name, "")
        if "address" in self.fields and not self.instance.address:
            self.fields["address"].required = True
        # The stored values are not shown, and an empty field changes nothing.
        self.initial.update({"address": "", "api_key": ""})
        if self.instance.pk is None:
            self.initial["name"] = ""
        if "address" in self.fields and self.instance.address:
            in_use = _("In use: %s. Leave the field empty to keep the address.")
            self.fields["address"].help_text = in_use % self.instance.host
        if "api_key" in self.fields and self.instance.api_key:
            self.fields["api_key"].help_text = _("A key is set. Leave the field empty to keep it.")

    def clean_name(self) -> str:
        """Refuse the name of another feed of the game."""
        name: str = self.cleaned_data["name"]
        provider = self.instance.provider or self.cleaned_data.get("provider", "")
        others = Feed.objects.filter(provider=provider, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError(_("The game has a feed of this name. Choose another name."))
        return name

    def clean_address(self) -> str:
        """The address that was entered, or the stored one if the field is empty."""
        entered = checked_feed_address(self.cleaned_data["address"])
        if not entered and not self.instance.address:
            raise ValidationError(_ENTER_ADDRESS)
        return entered or self.instance.address

    def clean_api_key(self) -> str:
        """The key that was entered, or the stored one if the field is empty."""
        return checked_key(self.cleaned_data["api_key"]) or self.instance.api_key

    def clean(self) -> dict[str, Any]:
        """Check the options. A key is not sent to another host: it must be entered again."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        before = self.instance
        is_kept = before.api_key and cleaned.get("api_key") == before.api_key
        if is_kept and moves(cleaned.get("address", ""), before.address):
            self.add_error(
                "api_key",
                _("Enter this secret again, because the host of its address has changed."),
            )
        options = {name: cleaned[name] for name in OPTIONS[self.kind] if cleaned.get(name)}
        if not self.errors:
            for name, words in problems_of(self.kind, options).items():
                self.add_error(name, words)
        cleaned["options"] = options
        return cleaned

    def save(self, commit: bool = True) -> Any:
        """Put the kind and the options into the row."""
        feed = self.instance
        feed.kind, feed.options = self.kind, self.cleaned_data["options"]
        return super().save(commit)


def form_of(kind: FeedKind) -> type[FeedForm]:
    """The form for feeds of a kind."""
    fields: dict[str, Any] = {"kind": kind}
    if kind != FeedKind.PUSHED:
        fields["address"] = CleanCharField(
            label=_("Address"),
            required=False,
            max_length=MOST_ADDRESS,
            clean_text=clean_secret,
            help_text=_("Where the codes are listed. It is kept encrypted, and not shown again."),
            error_messages={"required": _ENTER_ADDRESS},
            widget=HiddenValue("https://…"),
        )
        fields["api_key"] = CleanCharField(
            label=_("API key"),
            required=False,
            max_length=_MOST_KEY,
            clean_text=clean_secret,
            help_text=_("Only if the service asks for one. It is sent as the header X-API-Key."),
            widget=HiddenValue(),
        )
    return type("FeedFormOfKind", (FeedForm,), {**fields, **option_fields(kind)})
