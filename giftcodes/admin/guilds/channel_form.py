"""The form of a channel. It takes an address and checks it, but never shows the stored one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from giftcodes.clients.channels import BotChannel, SignedAddress, service_name
from giftcodes.form_fields import CleanCharField
from giftcodes.models import Channel
from giftcodes.models.channel import DEFAULT_NAME
from giftcodes.services.channels import free_name, too_many_words

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

#: How to get the address, and what becomes of it.
_STEPS = (
    _("In Discord, open the settings of the channel (the gear beside its name)."),
    _("Choose Integrations, then Webhooks, then New Webhook."),
    _("Press Copy Webhook URL, and paste it here. For a thread, add ?thread_id=… at the end."),
)
_OTHERWISE = _(
    "If the Discord bot is in the server, use the command “/announce here” instead: its messages "
    "have buttons. For another service, write its Apprise address, such as tgram://token/chat. The "
    "address is kept encrypted, and never shown again."
)
_PROGRAM = _("For a program of yours, write webhook+https://host/path: it gets signed JSON.")
_KEEP = _(
    "Leave the field empty to keep the address. To move to another channel, paste the address of "
    "that channel."
)


def how_to() -> SafeString:
    """How a person gets the address of a channel."""
    steps = format_html_join("", "<li>{}</li>", ((step,) for step in _STEPS))
    return format_html('<ol class="how-to">{}</ol>{} {}', steps, _OTHERWISE, _PROGRAM)


class SecretInput(UnfoldAdminTextInputWidget):  # type: ignore[misc] # Untyped.
    """A visible text field. It shows what a person types, but the server never fills it in."""

    def __init__(self) -> None:
        """Keep the browser from storing or changing the text."""
        super().__init__(
            {
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "placeholder": "https://discord.com/api/…",
            }
        )

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:  # noqa: ARG002
        """Leave the value out, also after an error."""
        context: dict[str, Any] = super().get_context(name, None, attrs)
        return context


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of a channel. It accepts an address, but never shows the stored one."""

    weekly = forms.BooleanField(
        label=_("weekly summary"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=_(
            "Every Sunday at 18:00 UTC: the codes of the week, how many members have each, and how "
            "many need you."
        ),
    )

    class Meta:
        model = Channel
        fields = ["guild", "name", "address", "tells", "opens_threads", "role_id"]
        field_classes = {"address": CleanCharField}
        widgets = {"address": SecretInput()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A person who may not change channels has none of these fields.
        fields = self.fields
        if "name" in fields:
            fields["name"].required = False
        if "tells" in fields:
            fields["tells"].required = False
        self.initial["weekly"] = self.instance.weekly
        if "address" not in fields:
            return
        fields["address"].help_text = how_to()
        if self.instance.pk:
            self.initial["address"] = ""
            if self.instance.is_readable:
                fields["address"].required = False
                fields["address"].help_text = str(_KEEP)
        elif "name" in fields:
            self.initial["name"] = ""
            fields["name"].help_text = _(
                "Your name for the channel, such as “Announcements” or “Officers”. If you leave it "
                "empty, the channel is named after its service."
            )

    def clean_address(self) -> str:
        """The address that was entered, or the stored address if the field is empty."""
        address: str = self.cleaned_data["address"].strip()
        if address and BotChannel.of(address) is not None:
            # Otherwise, anyone could enter the channel of another guild's server.
            words = _("In the channel in Discord, use the command “/announce here”.")
            raise ValidationError(words, code="bot")
        if address and (signed := SignedAddress.of(address)):
            old = self.instance.signed_address
            secret = old.secret if old else signed.with_new_secret().secret
            return SignedAddress(signed.url, secret).stored
        return address or self.instance.address

    def clean_tells(self) -> str:
        """The choice that was made, or else the previous choice."""
        tells: str = self.cleaned_data["tells"]
        return tells or self.instance.tells

    def clean(self) -> dict[str, Any]:
        """Check what depends on the guild, and on the service of the address."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        guild = self.instance.guild if self.instance.pk else cleaned.get("guild")
        address = cleaned.get("address")
        if guild is None or not address:
            return cleaned
        others = list(guild.channels.exclude(pk=self.instance.pk))
        if too_many := too_many_words(others):
            self.add_error(None, ValidationError(too_many, code="many"))
        self._check_address(address, others)
        if "name" not in self.errors and "name" in self.fields:
            cleaned["name"] = self._name(address, others)
        if "weekly" in cleaned:
            self.instance.set_weekly(cleaned["weekly"])
        if cleaned.get("role_id") and service_name(address) != DEFAULT_NAME:
            words = _("Only a Discord channel can mention a role. Leave the field empty.")
            self.add_error("role_id", ValidationError(words, code="role"))
        return cleaned

    def _check_address(self, address: str, others: list[Channel]) -> None:
        same = next((one for one in others if _place(one.address) == _place(address)), None)
        if same is not None:
            words = _(
                "The guild's channel “%(name)s” has this address already, so every message "
                "would arrive there twice. Change that channel, or paste another address."
            )
            error = ValidationError(words, code="repeated", params={"name": same.name})
            self.add_error("address", error)

    def _name(self, address: str, others: list[Channel]) -> str:
        """The entered name, or the current name, or that of the service (numbered if taken)."""
        taken = {one.name for one in others}
        name: str = self.cleaned_data.get("name") or ""
        if not name:
            kept = self.instance.name if self.instance.pk else ""
            return kept or free_name(service_name(address), taken)
        if name in taken:
            words = _("The guild has a channel of this name already. Choose another name.")
            self.add_error("name", ValidationError(words, code="unique"))
        return name


def _place(address: str) -> str:
    """Where messages arrive. The secret of a webhook for programs does not matter."""
    signed = SignedAddress.of(address)
    return signed.url if signed else address
