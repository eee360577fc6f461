"""The pages of links, for people who have not logged in: accept an invitation, choose a password.

The address of a link contains its secret, which must not stay in the address bar or in logs. So
the address only redirects to a page whose address is the same for everybody. The session keeps the
hash of the secret, as the table does. Opening a link changes nothing, because chat programs open
every link to show a preview of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import login, password_validation
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.shortcuts import redirect, render
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from giftcodes.admin.common.html import link
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.tokens import token_hash
from giftcodes.models import Guild, Invitation
from giftcodes.models.roles import Role
from giftcodes.services.changes import record_change
from giftcodes.services.discord_links import NewPasswordUnlinks
from giftcodes.services.links import (
    LinkRefused,
    NameTaken,
    accept,
    choose_password,
    guilds_of,
    is_taken,
    join,
    join_obstacle,
    note_refusal,
    open_invitation,
    open_password_link,
)

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

_INVITATION = "invitation"
_PASSWORD = "password_link"  # noqa: S105 - a name in the session
_BACKEND = "django.contrib.auth.backends.ModelBackend"
_RULES: dict[type[Any], Any] = {
    password_validation.MinimumLengthValidator: _("At least %(min_length)d characters."),
    password_validation.CommonPasswordValidator: _("Not one that many people use."),
    password_validation.UserAttributeSimilarityValidator: _("Not like your user name."),
    NewPasswordUnlinks: "",
}
_TAKEN = _("This user name is taken. Choose another one.")


def _rules() -> list[str]:
    """What a password must be like, in plain words."""
    found = [
        _RULES[type(one)] % vars(one) if type(one) in _RULES else one.get_help_text()
        for one in password_validation.get_default_password_validators()
    ]
    return list(filter(None, found))


class PasswordForm(forms.Form):
    """A new password, typed twice. Django's validators check it."""

    password1 = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=4096,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label=_("Password again"),
        strip=False,
        max_length=4096,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        """Take the user who chooses the password, if the account exists already."""
        super().__init__(*args, **kwargs)
        self._user = user
        self.fields["password1"].help_text = " ".join(_rules())

    def clean(self) -> dict[str, Any]:
        """Check that both passwords are the same, and good enough."""
        cleaned = super().clean() or {}
        first, second = cleaned.get("password1"), cleaned.get("password2")
        if first and second and first != second:
            self.add_error("password2", _("The two passwords are not the same. Type them again."))
        elif first:
            try:
                password_validation.validate_password(first, self._owner())
            except ValidationError as error:
                self.add_error("password1", error)
        return cleaned

    def _owner(self) -> User | None:
        return self._user


class AccountForm(PasswordForm):
    """A new account."""

    username = UsernameField(
        label=_("User name"),
        max_length=150,
        validators=[UnicodeUsernameValidator(), MaxLengthValidator(150)],
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
        help_text=_("You log in with it. Letters, digits and @ . + - _ are possible."),
    )
    field_order = ("username", "password1", "password2")

    def clean(self) -> dict[str, Any]:
        """Check last whether the name is free.

        A name is checked only if everything else is right. A free name then creates the account,
        which uses up the link. A taken name counts as a refusal, and too many refusals end the
        link. So no one can try many names with one link to find out which of them have an account.
        """
        cleaned = super().clean()
        if not self.errors and is_taken(cleaned["username"]):
            self.add_error("username", _TAKEN)
        return cleaned

    def _owner(self) -> User | None:
        return User(username=self.cleaned_data.get("username", ""))


# --- Invitations ----------------------------------------------------------------------------------
@never_cache
@require_GET
def invitation_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Open the link of an invitation."""
    return _opened(request, _INVITATION, token_hash(secret), open_invitation)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """The page of the invitation that was opened in this browser."""
    key = request.session.get(_INVITATION, "")
    try:
        row = open_invitation(key)
        if isinstance(request.user, User):
            return _join(request, row, key)
        return _accept(request, row, key)
    except LinkRefused as refusal:
        return _refused(request, refusal)


def _accept(request: HttpRequest, row: Invitation, key: str) -> HttpResponse:
    form = AccountForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            user, _row = accept(
                key,
                username=form.cleaned_data["username"],
                password=form.cleaned_data["password1"],
            )
        except NameTaken:
            form.add_error("username", _TAKEN)
        else:
            return _welcome(request, user, row)
    if form.is_bound:
        note_refusal(row)
    return _page(
        request,
        "invitation.html",
        title=gettext("Welcome"),
        form=form,
        invitation=row,
        guilds=guilds_of(row),
        role=Role(row.role),
    )


def _welcome(request: HttpRequest, user: User, row: Invitation) -> HttpResponse:
    guilds = guilds_of(row)
    record_change(user.pk, [user], Sentence.of("did_accept_invitation", user=str(row.made_by)))
    login(request, user, backend=_BACKEND)
    request.session.pop(_INVITATION, None)
    if guilds:
        words = gettext("Your account is ready. You are an officer of {}.")
        messages.success(request, format_html(words, _names(guilds)))
    else:
        messages.success(request, gettext("Your account is ready."))
    return redirect("admin:index")


def _join(request: HttpRequest, row: Invitation, key: str) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    if obstacle := join_obstacle(row, user):
        return _refused(request, LinkRefused(obstacle))
    if request.method == "POST" and "join" in request.POST:
        guilds, _row = join(key, user)
        request.session.pop(_INVITATION, None)
        record_change(user.pk, [user], Sentence.of("did_accept_invitation", user=str(row.made_by)))
        words = gettext("You are an officer of {} now.")
        messages.success(request, format_html(words, _names(guilds)))
        return redirect("admin:index")
    return _page(
        request,
        "join.html",
        title=gettext("One more guild"),
        invitation=row,
        guilds=guilds_of(row),
    )


# --- Passwords ------------------------------------------------------------------------------------
@never_cache
@require_GET
def password_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Open the link for a new password."""
    return _opened(request, _PASSWORD, token_hash(secret), open_password_link)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """The page for the new password, after its link was opened in this browser."""
    key = request.session.get(_PASSWORD, "")
    try:
        row = open_password_link(key)
        form = PasswordForm(request.POST if request.method == "POST" else None, user=row.user)
        if request.method == "POST" and form.is_valid():
            user = choose_password(key, password=form.cleaned_data["password1"])
            record_change(user.pk, [user], Sentence.of("did_choose_password"))
            login(request, user, backend=_BACKEND)
            request.session.pop(_PASSWORD, None)
            messages.success(request, gettext("Your new password is set. You are logged in."))
            return redirect("admin:index")
    except LinkRefused as refusal:
        return _refused(request, refusal)
    if form.is_bound:
        note_refusal(row)
    return _page(
        request, "password.html", title=gettext("A new password"), form=form, account=row.user
    )


# --- Common ---------------------------------------------------------------------------------------
def _opened(request: HttpRequest, name: str, key: str, find: Any) -> HttpResponse:
    """Remember a link that can be used, and redirect to its page."""
    try:
        find(key)
    except LinkRefused as refusal:
        return _refused(request, refusal)
    request.session[name] = key
    return redirect("invitation" if name == _INVITATION else "password")


def _refused(request: HttpRequest, refusal: LinkRefused) -> HttpResponse:
    return _page(
        request,
        "refused.html",
        title=gettext("This link does not work"),
        refusal=str(refusal),
        status=410,
    )


def _page(request: HttpRequest, template: str, *, status: int = 200, **values: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), **values}
    return render(request, f"accounts/{template}", context, status=status)


def _names(guilds: list[Guild]) -> SafeString:
    """The names of the guilds, as links to their pages."""
    return format_html_join(", ", "{}", ((link(guild),) for guild in guilds))
