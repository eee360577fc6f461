"""The channel of each guild, which gets the announcements of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common import scope
from giftcodes.admin.common.base import Page
from giftcodes.admin.common.html import NOTHING
from giftcodes.form_fields import CleanCharField
from giftcodes.models import Alarm, Channel, Guild
from giftcodes.models.channel import UNREADABLE

if TYPE_CHECKING:
    from django.http import HttpRequest


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """Accepts an address, but never shows one."""

    class Meta:
        model = Channel
        fields = ["guild", "address"]
        field_classes = {"address": CleanCharField}
        widgets = {"address": forms.PasswordInput(attrs={"autocomplete": "off", "size": 80})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.is_readable and "address" in self.fields:
            self.fields["address"].required = False
            self.fields["address"].help_text = _(
                "Leave it empty to keep the address. It is never shown again."
            )
            self.initial["address"] = ""

    def clean_address(self) -> str:
        """The address that was entered, or the stored address if the field is empty."""
        address: str = self.cleaned_data["address"].strip()
        return address or self.instance.address


@admin.register(Channel)
class ChannelAdmin(Page):
    intro = _(
        "Where the runs of each guild are announced: a Discord webhook, or an address for Apprise."
    )
    empty_hint = _("No guild has a channel yet: add one, and its next run is announced there.")
    form = ChannelForm
    list_display = [
        "guild",
        "address_shown",
        "delivered_at",
        "not_before",
        "refused_since",
        "error",
    ]
    list_select_related = ["guild"]
    list_filter = ["guild__provider"]
    search_fields = ["guild__name"]
    fields = [
        "guild",
        "address_shown",
        "address",
        "delivered_at",
        "not_before",
        "refused_since",
        "error",
    ]
    autocomplete_fields = ["guild"]

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """Hide the address from a person who may not change it. Django would show it."""
        may_write = (
            self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        )
        return [name for name in self.fields or () if may_write or name != "address"]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> list[str]:  # noqa: ARG002
        """A channel cannot move to another guild."""
        always = ["address_shown", "delivered_at", "not_before", "refused_since", "error"]
        return [*always, "guild"] if obj else always

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """If an officer has one guild, it is chosen."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        if "guild" not in initial and not scope.sees_all(request.user):
            own = list(scope.visible(Guild.objects.active(), request.user)[:2])
            if len(own) == 1:
                initial["guild"] = own[0].pk
        return initial

    @admin.display(description=_("kept address"))
    def address_shown(self, channel: Channel) -> str:
        """Enough of the address to recognise it, but not enough to use it."""
        if not channel.is_readable:
            return UNREADABLE
        return (
            f"{urlsplit(channel.address).scheme}://… ({channel.hash[:6]})"
            if channel.address
            else NOTHING
        )

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """A new address starts without the errors and pauses of the old one."""
        if not change:
            super().save_model(request, obj, form, change)
        elif form.cleaned_data["address"] and "address" in form.changed_data:
            obj.error, obj.not_before, obj.refused_since = "", None, None
            obj.save(update_fields=["address", "error", "not_before", "refused_since"])

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        """Delete the channel, and clear the alarms about it."""
        for kind in (Alarm.Kind.CHANNEL_GONE, Alarm.Kind.CHANNEL_SILENT):
            Alarm.objects.clear(kind, str(obj.guild_id))
        super().delete_model(request, obj)
