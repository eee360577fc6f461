"""Users: their roles, and the guilds of officers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminRadioSelectWidget

from giftcodes.admin.access.roles import GROUPS, Role, give_flags, give_group, role_of
from giftcodes.admin.common.base import Scoped, without_clear
from giftcodes.admin.common.html import NOTHING, link
from giftcodes.admin.common.row_select import RowSelectMultiple
from giftcodes.models import Guild, Member
from giftcodes.models.fields import without_notes

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin


class RoleFields(forms.Form):
    """A mixin for the forms of users: the role, and the guilds of an officer."""

    role = forms.ChoiceField(
        label=_("Role"), choices=Role.choices, widget=UnfoldAdminRadioSelectWidget
    )
    guilds = forms.ModelMultipleChoiceField(
        label=_("Officer of"),
        queryset=without_notes(Guild.objects.all()),
        required=False,
        # The search field for guilds is the same as on the page of a member.
        widget=RowSelectMultiple(Member._meta.get_field("guild"), admin.site),
        help_text=_(
            "The guilds that an officer sees and acts on. The page of a guild can also name its "
            "officers."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user: Any = self.instance  # type: ignore[attr-defined]
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
        may_act = self.cleaned_data.get("role") not in (Role.VIEWER, Role.NOBODY)
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
        user: Any = self.instance  # type: ignore[attr-defined]
        stays = self.cleaned_data.get("role") == Role.ADMINISTRATOR and self.cleaned_data.get(
            "is_active", True
        )
        if stays or not User.objects.filter(pk=user.pk, is_superuser=True).exists():
            return False
        return (
            not User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk).exists()
        )


class PersonChangeForm(RoleFields, UserChangeForm):
    pass


class PersonCreationForm(RoleFields, UserCreationForm):
    pass


class PersonAdmin(Scoped, _UserAdmin, ModelAdmin):
    form = PersonChangeForm
    add_form = PersonCreationForm
    change_password_form = AdminPasswordChangeForm

    list_display = ["username", "role_shown", "guilds_shown", "is_active", "last_login"]
    list_filter = ["is_active", "groups", "guilds"]
    filter_horizontal = ()
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password", "is_active"]}),
        (_("What this person may do"), {"fields": ["role", "guilds"]}),
        (
            _("Person"),
            {"fields": ["first_name", "last_name", "email", "last_login", "date_joined"]},
        ),
        (_("Further groups"), {"fields": ["groups"], "classes": ["collapse"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "usable_password", "password1", "password2"]}),
        (_("What this person may do"), {"fields": ["role", "guilds"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups", "guilds")

    @admin.display(description=_("role"))
    def role_shown(self, user: User) -> str:
        if user.is_superuser:
            return str(Role.ADMINISTRATOR.label)
        names = {group.name for group in user.groups.all()}
        role = next((role for role, name in GROUPS.items() if name in names), Role.CUSTOM)
        return str(role.label if user.is_staff else Role.NOBODY.label)

    @admin.display(description=_("officer of"))
    def guilds_shown(self, user: User) -> SafeString | str:
        guilds = user.guilds.all()
        return format_html_join(", ", "{}", ((link(guild),) for guild in guilds)) or NOTHING

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
