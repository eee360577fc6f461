"""Invitations: people get an account, or one more guild, by a link that works once."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget

from giftcodes.admin.access.link_page import address_of, link_page
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import Page
from giftcodes.admin.common.html import NOTHING, badge, link, model_url, page_url
from giftcodes.admin.common.scoped import without_clear
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence, stored
from giftcodes.models import Guild, Invitation, database_now
from giftcodes.models.link import MOST_REFUSALS, LinkState
from giftcodes.models.roles import Role
from giftcodes.services.links import (
    INVITATION_DAYS,
    count_invitation,
    guilds_to_offer,
    has_room,
    invite,
    renew,
    withdraw,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

DAYS = [(1, _("1 day")), (INVITATION_DAYS, _("7 days")), (30, _("30 days"))]
#: The roles that an invitation can give.
_ROLES = [Role.OFFICER, Role.VIEWER, Role.ADMINISTRATOR]
_BADGES = {
    LinkState.OPEN: "running",
    LinkState.USED: "active",
    LinkState.TRIED: "failed",
}


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new invitation."""

    days = forms.TypedChoiceField(
        label=_("Works for"),
        choices=DAYS,
        coerce=int,
        initial=INVITATION_DAYS,
        widget=UnfoldAdminSelectWidget,
        help_text=_("After that, the link ends. You can renew it at any time."),
    )

    class Meta:
        model = Invitation
        fields = ["invited", "role", "guilds"]

    #: The person who invites. `InvitationAdmin.get_form` sets it.
    person: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "guilds" in self.fields:
            without_clear(self.fields["guilds"])

    def clean(self) -> dict[str, Any] | None:
        """Check that the guilds fit the role, and that the person may make another invitation."""
        cleaned = super().clean()
        role = self.cleaned_data.get("role", Role.OFFICER.value)
        guilds = self.cleaned_data.get("guilds")
        if role != Role.OFFICER and guilds:
            self.add_error(
                "guilds",
                _("This role has no guilds. Choose the role “Guild officer”, or no guilds."),
            )
        if not has_room(self.person):
            raise ValidationError(
                _("You have too many open invitations. Withdraw some of them first.")
            )
        if not self.errors and (obstacle := count_invitation(self.person, guilds or [])):
            raise ValidationError(obstacle)
        return cleaned


@admin.register(Invitation)
class InvitationAdmin(Page):
    intro = _(
        "Each invitation is a link that works once. The person who opens it chooses a user name "
        "and a password."
    )
    empty_hint = _("No invitations yet: press “Add invitation”, and send the link to the person.")
    form = InvitationForm
    list_display = ["__str__", "state_shown", "gives", "made_by", "ends_at", "accepted_shown"]
    list_select_related = ["made_by", "accepted_by"]
    search_fields = ["invited"]
    search_help_text = _("Who is invited")
    autocomplete_fields = ["guilds"]
    actions = ["renew", "withdraw"]
    quiet_buttons = True
    _shown = (
        "invited",
        "state_shown",
        "gives",
        "made_by_shown",
        "created_at",
        "ends_at",
        "accepted_shown",
        "used_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        rows: QuerySet[Invitation] = super().get_queryset(request)
        return rows.prefetch_related("guilds")

    def decorate(self, request: HttpRequest, rows: list[Invitation]) -> None:  # noqa: ARG002
        """Ask the database once for the time, on which the state of every link depends."""
        now = database_now()
        for row in rows:
            row.asked_at = now  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may invite: administrators, and officers for their guilds."""
        return super().has_add_permission(request) and (
            request.user.is_superuser or guilds_to_offer(request.user).exists()  # type: ignore[arg-type]
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Always false: the list says who invited whom. An invitation is withdrawn instead."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        """Let only administrators choose the role."""
        if obj:
            return [(None, {"fields": self._shown})]
        role = ["role"] if request.user.is_superuser else []
        return [(None, {"fields": [*role, "guilds", "invited", "days"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:  # noqa: ARG002
        return self._shown if obj else ()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Leave out the buttons that lead away without showing the link, or that change nothing."""
        hidden = dict.fromkeys(("show_save_and_add_another", *_save_of(object_id)), False)
        context = {**hidden, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def get_form(
        self,
        request: HttpRequest,
        obj: Invitation | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Tell the form who invites, and offer the roles and guilds that this person may give."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.person = request.user
        if role := form.base_fields.get("role"):
            role.widget = UnfoldAdminRadioSelectWidget()
            role.choices = [(one.value, one.label) for one in _ROLES]
        if guilds := form.base_fields.get("guilds"):
            guilds.queryset = guilds_to_offer(request.user)  # type: ignore[arg-type]
            guilds.label = _("Officer of")
            # Adding a guild from here would lead away from the invitation.
            guilds.widget.can_add_related = guilds.widget.can_view_related = False
            guilds.required = not request.user.is_superuser
            guilds.help_text = _("The guilds that the new officer sees and acts on.")
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Preselect the guild that the address names, or the only guild of an officer."""
        offered = guilds_to_offer(request.user)  # type: ignore[arg-type]
        asked = row_id(request.GET.get("guild"))
        chosen = list(offered.filter(pk=asked)) if asked else []
        if not chosen and not request.user.is_superuser:
            own = list(offered[:2])
            chosen = own if len(own) == 1 else []
        return {"guilds": chosen}

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        """Make the invitation and its link. Nothing of an invitation can be changed later."""
        if change:
            return
        role = Role(form.cleaned_data.get("role", Role.OFFICER.value))
        made, secret = invite(
            made_by=request.user,  # type: ignore[arg-type]
            role=role,
            guilds=form.cleaned_data["guilds"],
            invited=form.cleaned_data["invited"],
            days=form.cleaned_data["days"],
        )
        obj.pk, obj.ends_at, obj.secret = made.pk, made.ends_at, secret  # type: ignore[attr-defined]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: `save_model` has saved the guilds, too."""

    def log_addition(self, request: HttpRequest, obj: Invitation, message: Any) -> Any:  # noqa: ARG002
        """Log the addition. The message names no field values."""
        return super().log_addition(request, obj, stored(Sentence.of("did_invite")))

    def response_add(
        self,
        request: HttpRequest,
        obj: Invitation,
        post_url_continue: str | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Show the link, which is never shown again."""
        return self._link_page(request, obj, obj.secret)  # type: ignore[attr-defined]

    def _link_page(self, request: HttpRequest, invitation: Invitation, secret: str) -> HttpResponse:
        words = gettext(
            "Send the link to the person whom you invite, in a private message: the first person "
            "who opens it gets the account. It works once, until {}."
        )
        guilds = list(Guild.objects.filter(invitations=invitation)[:1])
        steps = [
            (gettext("Invite another person"), model_url(Invitation, "add")),
            (gettext("See all invitations"), self.list_url),
        ]
        if guilds:
            steps.append((gettext("Back to %s") % guilds[0], page_url(guilds[0])))
        return link_page(
            request,
            title=gettext("The link of the invitation"),
            address=address_of(request, "invitation_link", secret),
            words=format_html(words, _moment(invitation.ends_at)),
            next_steps=steps,
        )

    def buttons_of(self, row: Invitation) -> list[tuple[str, Any]]:
        """The actions that are possible in the state of the invitation."""
        state = row.state(database_now())
        if state is LinkState.USED:
            return []
        renewing = [("renew", "")] if row.refusals < MOST_REFUSALS else []
        return [*renewing, ("withdraw", "")] if state is LinkState.OPEN else renewing

    @admin.action(description=_("Make a new link"), permissions=["change"])
    def renew(self, request: HttpRequest, rows: QuerySet[Invitation]) -> HttpResponse | None:
        """Replace the link of an invitation. The new link works for `INVITATION_DAYS` from now."""
        row = rows.first()
        if row is None or rows.count() > 1:
            words = gettext("Choose one invitation: each link is shown only once.")
            self.message_user(request, words, messages.WARNING)
            return None
        if (secret := renew(row.pk)) is None:
            words = (
                gettext("This invitation was accepted already. Make a new one.")
                if row.used_at
                else gettext("The link was tried too often without success. Make a new invitation.")
            )
            self.message_user(request, words, messages.WARNING)
            return None
        self.log_change(request, row, Sentence.of("did_renew"))
        row.refresh_from_db()
        return self._link_page(request, row, secret)

    @admin.action(description=_("Withdraw"), permissions=["change"])
    def withdraw(self, request: HttpRequest, rows: QuerySet[Invitation]) -> None:
        """End invitations before they are accepted."""
        report = Report()
        for row in rows:
            if withdraw(row.pk):
                self.log_change(request, row, Sentence.of("did_withdraw"))
                report.done(
                    gettext(
                        "%s is withdrawn: its link no longer works. “Make a new link” undoes it."
                    )
                    % row
                )
            else:
                report.nothing(gettext("%s is not open, so there is nothing to withdraw.") % row)
        report.tell(request)

    @admin.display(description=pgettext_lazy("of a row", "state"))
    def state_shown(self, row: Invitation) -> SafeString:
        state = row.state(getattr(row, "asked_at", None) or database_now())
        return badge(_BADGES.get(state, state.value), state.label)

    @admin.display(description=_("gives"))
    def gives(self, row: Invitation) -> SafeString | str:
        """The role, and the guilds of an officer."""
        if row.role != Role.OFFICER:
            return Role(row.role).label.partition(":")[0]
        guilds = row.guilds.all()
        names = format_html_join(", ", "{}", ((link(guild),) for guild in guilds))
        return format_html("{} {}", gettext("Officer of"), names or gettext("no guild yet"))

    @admin.display(description=_("made by"))
    def made_by_shown(self, row: Invitation) -> str:
        """The name without a link, because officers may not open the pages of users."""
        return str(row.made_by) if row.made_by else NOTHING

    @admin.display(description=_("accepted by"))
    def accepted_shown(self, row: Invitation) -> str:
        return str(row.accepted_by) if row.accepted_by else NOTHING


def _save_of(object_id: str | None) -> tuple[str, ...]:
    """The key of the save button, to hide it on the page of an invitation that exists already."""
    return ("show_save",) if object_id else ()


def _moment(value: dt.datetime) -> str:
    return date_format(timezone.localtime(value), "Y-m-d H:i")
