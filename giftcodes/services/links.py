"""Make, renew, withdraw and use the links of invitations and of new passwords.

The person who opens a link has not logged in. So a link is checked again when it is used: it must
be open, and the person who made it must still be allowed to make it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TypeVar

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_changed
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from giftcodes.domain.tokens import token_hash
from giftcodes.models import Guild, Invitation, PasswordLink, Throttle, database_now
from giftcodes.models.link import MOST_REFUSALS, Link, LinkState, new_secret
from giftcodes.models.roles import Role, give_flags, give_group, promote_to_officers, role_of

#: How long links work.
INVITATION_DAYS = 7
PASSWORD_DAYS = 2
#: How many open invitations one person may have.
MOST_OPEN = 50
#: How many invitations the officers of one guild may make in a week, together. Each can become an
#: account with limits of its own, for example for codes. So unlimited invitations would let the
#: officers avoid these limits.
MOST_OF_GUILD = 10
_WEEK = 7 * 24 * 3_600

AnyLink = TypeVar("AnyLink", bound=Link)


class LinkRefused(Exception):  # noqa: N818 - an expected result, not a fault
    """A link cannot be used. The text says why and what to do."""


class NameTaken(Exception):  # noqa: N818 - an expected result, not a fault
    """There is an account with the chosen user name."""


# --- Who may invite -------------------------------------------------------------------------------
def guilds_to_offer(person: User) -> QuerySet[Guild]:
    """The guilds for which a person may invite: administrators for all, officers for their own."""
    return Guild.objects.all() if person.is_superuser else Guild.objects.filter(officers=person)


def has_room(person: User) -> bool:
    """Whether a person may make another invitation: fewer than `MOST_OPEN` are open."""
    rows = Invitation.objects.filter(made_by=person, used_at=None, withdrawn_at=None)
    return rows.filter(ends_at__gt=database_now()).count() < MOST_OPEN


@transaction.atomic
def count_invitation(person: User, guilds: Iterable[Guild]) -> str:
    """Count a new invitation of an officer for its guilds. Administrators are not limited.

    Args:
        person: the person who invites.
        guilds: the guilds of the invitation. If one of them refuses it, none of them counts it.

    Returns:
        Why the invitation must not be made, in words. Empty if it may be made.
    """
    if person.is_superuser:
        return ""
    # Each count locks a row. All invitations lock in the same order, so there is no deadlock.
    for guild in sorted(guilds, key=lambda one: one.pk):
        if Throttle.objects.take("invitation", str(guild.pk), most=MOST_OF_GUILD, seconds=_WEEK):
            # Otherwise each further try would use up more of the guilds that were counted before.
            transaction.set_rollback(True)
            return _(
                "In a week, the officers of guild %(guild)s may make %(most)d invitations. Wait, "
                "or ask an administrator to invite the person."
            ) % {"guild": guild, "most": MOST_OF_GUILD}
    return ""


# --- Making ---------------------------------------------------------------------------------------
@transaction.atomic
def invite(
    *,
    made_by: User,
    role: Role,
    guilds: Iterable[Guild],
    invited: str = "",
    days: int = INVITATION_DAYS,
) -> tuple[Invitation, str]:
    """Make an invitation.

    Args:
        made_by: an administrator, or an officer of all the guilds.
        role: the role of the new account. Officers can only invite officers.
        guilds: the guilds of the new officer.
        invited: who is invited, as a note for the list.
        days: how long the link works.

    Returns:
        The invitation, and the secret of its link, which is not stored.
    """
    secret = new_secret()
    row = Invitation.objects.create(
        invited=invited,
        role=role,
        made_by=made_by,
        secret_hash=token_hash(secret),
        ends_at=database_now() + dt.timedelta(days=days),
    )
    row.guilds.set(guilds)
    return row, secret


@transaction.atomic
def renew(invitation_id: int, *, days: int = INVITATION_DAYS) -> str | None:
    """Replace the link of an invitation by a new one. The old link stops working.

    The forms that were refused still count: a new link gives no further tries of user names.

    Returns:
        The secret of the new link. None if the invitation was accepted, or tried too often.
    """
    row = Invitation.objects.select_for_update().get(pk=invitation_id)
    if row.used_at is not None or row.refusals >= MOST_REFUSALS:
        return None
    secret = new_secret()
    row.secret_hash, row.ends_at = token_hash(secret), database_now() + dt.timedelta(days=days)
    row.withdrawn_at = None
    row.save(update_fields=["secret_hash", "ends_at", "withdrawn_at"])
    return secret


@transaction.atomic
def withdraw(invitation_id: int) -> bool:
    """End an invitation. Returns False if it was accepted or withdrawn before."""
    row = Invitation.objects.select_for_update().get(pk=invitation_id)
    now = database_now()
    if row.used_at is not None or row.withdrawn_at is not None:
        return False
    row.withdrawn_at = now
    row.save(update_fields=["withdrawn_at"])
    return True


@transaction.atomic
def make_password_link(user: User, *, made_by: User) -> str:
    """Make a link with which a user chooses a new password. Earlier links of the user end.

    Returns:
        The secret of the link, which is not stored.
    """
    now = database_now()
    PasswordLink.objects.filter(user=user, used_at=None, withdrawn_at=None).update(withdrawn_at=now)
    secret = new_secret()
    PasswordLink.objects.create(
        user=user,
        made_by=made_by,
        secret_hash=token_hash(secret),
        ends_at=now + dt.timedelta(days=PASSWORD_DAYS),
    )
    return secret


# --- Using ----------------------------------------------------------------------------------------
def open_invitation(secret_hash: str) -> Invitation:
    """The invitation with this secret, if it can be used now.

    Raises:
        LinkRefused: there is no such link, or it can no longer be used.
    """
    return _usable(Invitation.objects.select_related("made_by"), secret_hash)


def open_password_link(secret_hash: str) -> PasswordLink:
    """The password link with this secret, if it can be used now.

    Raises:
        LinkRefused: there is no such link, or it can no longer be used.
    """
    return _usable(PasswordLink.objects.select_related("made_by", "user"), secret_hash)


def guilds_of(invitation: Invitation) -> list[Guild]:
    """The guilds that an invitation gives: those for which its maker may still invite."""
    maker = invitation.made_by
    if maker is None:
        return []
    return list(guilds_to_offer(maker).filter(invitations=invitation))


def note_refusal(link: Link) -> None:
    """Count a form that was refused. After too many refusals, the link ends."""
    type(link)._default_manager.filter(pk=link.pk).update(refusals=F("refusals") + 1)


def accept(secret_hash: str, *, username: str, password: str) -> tuple[User, Invitation]:
    """Make the account of an invitation. Of two calls with the same link, one succeeds.

    Args:
        secret_hash: the hash of the secret in the link.
        username, password: as chosen. Both must have been validated.

    Raises:
        LinkRefused: the link can no longer be used.
        NameTaken: there is an account with this user name.
    """
    hashed = make_password(password)  # Hashing is slow, so it comes before the row lock.
    with transaction.atomic():
        row = _usable(_locked(Invitation), secret_hash)
        guilds, role = guilds_of(row), Role(row.role)
        if is_taken(username):
            raise NameTaken
        user = User(username=username, password=hashed)
        give_flags(user, role)
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError as error:
            raise NameTaken from error
        give_group(user, role)
        _join(user, guilds)
        _use(row, user)
    return user, row


@transaction.atomic
def join(secret_hash: str, user: User) -> tuple[list[Guild], Invitation]:
    """Add the guilds of an invitation to an existing account.

    Returns:
        The guilds that were added, and the invitation.

    Raises:
        LinkRefused: the link can no longer be used, or does not suit this account.
    """
    row = _usable(_locked(Invitation), secret_hash)
    if obstacle := join_obstacle(row, user):
        raise LinkRefused(obstacle)
    guilds = [guild for guild in guilds_of(row) if not guild.officers.filter(pk=user.pk).exists()]
    _join(user, guilds)
    promote_to_officers([user])
    _use(row, user)
    return guilds, row


def join_obstacle(invitation: Invitation, user: User) -> str:
    """Why an existing account cannot use an invitation. Empty if it can."""
    if invitation.role != Role.OFFICER:
        return _(
            "This invitation is for a new account. Log out first, and open the link again. To get "
            "another role for this account, ask an administrator."
        )
    if role_of(user) is Role.VIEWER:
        return _(
            "Your account is a viewer, which has no guilds. Ask an administrator to make you a "
            "guild officer."
        )
    if not any(not guild.officers.filter(pk=user.pk).exists() for guild in guilds_of(invitation)):
        return _("You are an officer of this guild already. Pass the link on, or leave it unused.")
    return ""


def choose_password(secret_hash: str, *, password: str) -> User:
    """Set the new password of a link's user. Sessions, API tokens and the link to Discord end.

    Args:
        secret_hash: the hash of the secret in the link.
        password: the new password, which must have been validated.

    Raises:
        LinkRefused: the link can no longer be used.
    """
    hashed = make_password(password)
    with transaction.atomic():
        row = _usable(_locked(PasswordLink), secret_hash)
        row.user.password = hashed
        row.user.save(update_fields=["password"])
        password_changed(password, row.user)
        row.used_at = database_now()
        row.save(update_fields=["used_at"])
    return row.user


def is_taken(username: str) -> bool:
    """Whether there is an account with this user name, in capital or small letters."""
    return User.objects.filter(username__iexact=username).exists()


def _join(user: User, guilds: Iterable[Guild]) -> None:
    for guild in guilds:
        # The version of the guild that is written now names the new officer as its author.
        guild._history_user = user  # type: ignore[attr-defined]
        guild.officers.add(user)


def _use(row: Invitation, user: User) -> None:
    row.used_at, row.accepted_by = database_now(), user
    row.save(update_fields=["used_at", "accepted_by"])


def _locked(model: type[AnyLink]) -> QuerySet[AnyLink]:
    return model._default_manager.select_for_update(of=("self",)).select_related("made_by")


def _usable(rows: QuerySet[AnyLink], secret_hash: str) -> AnyLink:
    row = rows.filter(secret_hash=secret_hash).first()
    if row is None:
        raise LinkRefused(
            _("This link is not known. Check that you copied all of it, or ask for a new one.")
        )
    if obstacle := _obstacle(row):
        raise LinkRefused(obstacle)
    return row


def _obstacle(link: Link) -> str:
    """Why a link cannot be used. Empty if it can."""
    state = link.state(database_now())
    if state is not LinkState.OPEN:
        return _STATE_WORDS[state]()
    maker = link.made_by
    if maker is None or not maker.is_active or not _may_still_make(link, maker):
        return _(
            "The person who made this link may no longer make such links. Ask another officer or "
            "an administrator for a new link."
        )
    return ""


def _may_still_make(link: Link, maker: User) -> bool:
    if maker.is_superuser:
        return not isinstance(link, PasswordLink) or link.user.is_active
    if not isinstance(link, Invitation) or link.role != Role.OFFICER or not maker.is_staff:
        return False
    return maker.has_perm("giftcodes.add_invitation") and bool(guilds_of(link))


_STATE_WORDS = {
    LinkState.USED: lambda: _(
        "This link was used already, and works only once. If that was you, log in. Otherwise ask "
        "for a new link."
    ),
    LinkState.WITHDRAWN: lambda: _("This link was withdrawn. Ask for a new one."),
    LinkState.ENDED: lambda: _("This link has ended. Ask for a new one."),
    LinkState.TRIED: lambda: _(
        "This link was tried too often without success, so it no longer works. Ask for a new one."
    ),
}
