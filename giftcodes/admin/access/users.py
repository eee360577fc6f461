"""Users: their roles, the guilds of officers, and links for new passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from giftcodes.admin.access.link_page import address_of, link_page
from giftcodes.admin.common.base import Page
from giftcodes.admin.common.html import NOTHING, link, list_link, model_url, page_url
from giftcodes.admin.common.row_select import RowSelectMultiple
from giftcodes.admin.common.scoped import Scoped, without_clear
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Guild, Invitation, Member
from giftcodes.models.fields import without_notes
from giftcodes.models.roles import GROUPS, Role, give_flags, give_group, role_of
from giftcodes.services.links import PASSWORD_DAYS, make_password_link

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """A user: the name, the role, and the guilds of an officer."""

    username = UsernameField(
        label=_("User name"),
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The person logs in with this name. Tell the person before you change it."),
    )
    role = forms.ChoiceField(
        label=_("Role"), choices=Role.choices, widget=UnfoldAdminRadioSelectWidget
    )
    guilds = forms.ModelMultipleChoiceField(
        label=_("Officer of"),
        queryset=without_notes(Guild.objects.all()),
        required=False,
        # The widget needs a field that refers to guilds. User has none, so that of Member is used.
        widget=RowSelectMultiple(Member._meta.get_field("guild"), admin.site),
        help_text=_(
            "The guilds that an officer sees and acts on. You can also choose the officers on the "
            "page of each guild."
        ),
    )

    class Meta:
        model = User
        fields = ["username", "is_active", "groups"]
        help_texts = {
            "is_active": _(
                "A user who is not active cannot log in. Users are never deleted, because the "
                "journal names them."
            ),
            "groups": _(
                "These groups add permissions to those of the role. The role “Custom” has no "
                "permissions of its own."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = self.instance
        self.initial.setdefault("role", role_of(user).value if user.pk else Role.OFFICER.value)
        without_clear(self.fields["guilds"])
        if user.pk:
            self.initial["guilds"] = user.guilds.all()
        if "groups" in self.fields:
            self.fields["groups"].queryset = Group.objects.exclude(  # type: ignore[attr-defined]
                name__in=GROUPS.values()
            )

    def clean(self) -> dict[str, Any] | None:
        """Allow guilds only for roles that may act on them, and keep at least one administrator."""
        cleaned = super().clean()
        may_act = self.cleaned_data.get("role") not in (Role.VIEWER, Role.NONE)
        if self.cleaned_data.get("guilds") and not may_act:
            self.add_error(
                "guilds",
                _("This role has no guilds. Choose the role “Guild officer”, or no guilds."),
            )
        if self._removes_last_administrator():
            self.add_error(
                "role",
                _("This is the last administrator. Make another user an administrator first."),
            )
        return cleaned

    def _removes_last_administrator(self) -> bool:
        user = self.instance
        stays = self.cleaned_data.get("role") == Role.ADMINISTRATOR and self.cleaned_data.get(
            "is_active", True
        )
        if stays or not User.objects.filter(pk=user.pk, is_superuser=True).exists():
            return False
        # If two administrators demote each other at once, the lock makes one wait for the other.
        others = User.objects.select_for_update().filter(is_superuser=True, is_active=True)
        return all(row.pk == user.pk for row in others)


class PersonAdmin(Page):
    intro = _("Who may log in, and what each person sees and does.")
    form = PersonForm
    change_form_template = "admin/giftcodes/user/change_form.html"
    list_display = ["username", "role_shown", "guilds_shown", "is_active", "last_login"]
    list_filter = ["is_active", "groups", "guilds"]
    search_fields = ["username"]
    ordering = ["username"]
    readonly_fields = ["last_login", "date_joined", "invited_by"]
    fieldsets = [
        (None, {"fields": ["username", "role", "guilds", "is_active"]}),
        (_("Account"), {"fields": ["last_login", "date_joined", "invited_by"]}),
        (_("Further groups"), {"fields": ["groups"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.prefetch_related("groups", "guilds")

    def get_urls(self) -> list[Any]:
        """Add the page that makes a password link, and redirect Django's password page."""
        making = path(
            "<path:object_id>/password-link/",
            self.admin_site.admin_view(self.password_link),
            name="auth_user_password_link",
        )
        old = path(
            "<path:object_id>/password/",
            self.admin_site.admin_view(self.old_password_page),
            name="auth_user_password_change",
        )
        return [making, old, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Add links to the invitations and to the rules for officers."""
        here = {}
        if request.user.is_superuser:
            rules = format_html(
                '<a href="{}">{}</a>', reverse("admin:officer_rules"), _("Rules for officers")
            )
            invitations = list_link(Invitation, _("Invitations"))
            here = {"intro": format_html("{} {} · {}", self.intro, invitations, rules)}
        return super().changelist_view(request, {**here, **(extra_context or {})})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Invite the person, who then chooses the user name and the password."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)
        return HttpResponseRedirect(model_url(Invitation, "add"))

    def password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a link with which the user chooses a new password, and show it once."""
        user = self._changeable(request, object_id)
        if request.method != "POST":
            return HttpResponseRedirect(page_url(user))
        if not user.is_active:
            words = gettext("%s is not active. Make the user active first.")
            self.message_user(request, words % user, messages.WARNING)
            return HttpResponseRedirect(page_url(user))
        secret = make_password_link(user, made_by=request.user)  # type: ignore[arg-type]
        self.log_change(request, user, Sentence.of("did_make_password_link"))
        words = gettext(
            "Send the link to {user} in a private message: anyone who opens it can set the "
            "password. It works once, for {days} days. The old password works until it is replaced."
        )
        return link_page(
            request,
            title=gettext("A new password for %s") % user,
            address=address_of(request, "password_link", secret),
            words=format_html(words, user=user, days=PASSWORD_DAYS),
            next_steps=[
                (gettext("Back to %s") % user, page_url(user)),
                (gettext("See all users"), self.list_url),
            ],
        )

    def old_password_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the page of the user."""
        return HttpResponseRedirect(page_url(self._changeable(request, object_id)))

    def _changeable(self, request: HttpRequest, object_id: str) -> User:
        user: User = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        return user

    @admin.display(description=_("role"))
    def role_shown(self, user: User) -> str:
        if user.is_superuser:
            return str(Role.ADMINISTRATOR.label)
        names = {group.name for group in user.groups.all()}
        role = next((role for role, name in GROUPS.items() if name in names), Role.CUSTOM)
        return str(role.label if user.is_staff else Role.NONE.label)

    @admin.display(description=_("officer of"))
    def guilds_shown(self, user: User) -> SafeString | str:
        guilds = user.guilds.all()
        return format_html_join(", ", "{}", ((link(guild),) for guild in guilds)) or NOTHING

    @admin.display(description=_("invited by"))
    def invited_by(self, user: User) -> SafeString | str:
        """The people whose invitations this user has accepted."""
        accepted = user.invitations.select_related("made_by").order_by("pk")
        rows = ((link(one, one.made_by or NOTHING),) for one in accepted)
        return format_html_join(", ", "{}", rows) or NOTHING

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the flags of the role with the user."""
        give_flags(obj, Role(form.cleaned_data["role"]))
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Set the group and the guilds, which need a saved user."""
        super().save_related(request, form, formsets, change)
        give_group(form.instance, Role(form.cleaned_data["role"]))
        form.instance.guilds.set(form.cleaned_data["guilds"])

    # Only administrators may change users: a person who can do that can create an administrator.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Always false: the journal refers to users. A user who leaves is made inactive instead."""
        return False


class RoleGroupAdmin(Scoped, GroupAdmin, ModelAdmin):  # type: ignore[misc]
    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> list[str]:  # noqa: ARG002
        """Roles find their groups by name, so the names of these groups cannot change."""
        return ["name"] if obj and obj.name in GROUPS.values() else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_role = isinstance(obj, Group) and obj.name in GROUPS.values()
        return bool(request.user.is_superuser) and not is_role

    def get_actions(self, request: HttpRequest) -> Any:
        """Leave out the bulk deletion. Groups are deleted one at a time, with a confirmation."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
