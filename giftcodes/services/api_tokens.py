"""Make, revoke and check the tokens of the API.

A token stands for its maker. It works only while the maker may act for its guild, and it never
gives more rights than the maker has at that moment.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import isolated
from giftcodes.domain.tokens import TokenKind, new_token, token_hash
from giftcodes.models import ApiToken, Clock, Guild, Throttle, TokenScope
from giftcodes.models.clock import clock_plus
from giftcodes.models.roles import act_for_guild, is_limited, may_act_for

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

#: How many tokens may work at a time: for one guild, and for all guilds of one administrator.
MOST_TOKENS = 10
#: How many tokens a person may make in a day.
_MADE_IN_A_DAY = 20
_DAY = 24 * 3_600
#: How many requests may be sent in a minute, and how many that may change something: with all
#: tokens of one guild together, or with all tokens that one person has for all guilds. At ten
#: requests a second, the pages stay fast.
REQUESTS_IN_MINUTE = 600
CHANGES_IN_MINUTE = 60
#: `last_used_at` is written again after this many seconds, so that few requests write it.
_USE_NOTED_SECONDS = 60.0
_WRONG = "API token"


class TokenRefused(Exception):  # noqa: N818 - an expected result, not a fault
    """The token was not made. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request to the API.

    Args:
        token: the token.
        user: its maker, limited to the token's guild if it has one (`act_for_guild`).
    """

    token: ApiToken
    user: User

    @property
    def by(self) -> str:
        """What journals say besides the maker's name."""
        return Sentence.of("by_api_token", name=isolated(self.token.name))

    @property
    def is_limited(self) -> bool:
        """Whether the limits for officers hold. They always do with a token of a guild.

        The account alone does not tell this. So services that take its id get this value as well.
        """
        return is_limited(self.user)

    @property
    def rights(self) -> str:
        """What the maker may do at this moment. Equal texts mean equal rights."""
        user = self.user
        return "all" if user.is_superuser else " ".join(sorted(user.get_all_permissions()))


# --- On the pages ---------------------------------------------------------------------------------
@transaction.atomic
def make_token(
    user: User,
    guild: Guild | None,
    *,
    name: str,
    scope: TokenScope,
    ends_at: dt.datetime | None,
) -> str:
    """Make a token.

    Args:
        user: the maker. The caller has checked that this person may act for the guild.
        guild: the guild. None for all guilds, which only an administrator may choose.
        name: a name for lists, which says what uses the token.
        scope: what the token may do.
        ends_at: when the token ends. None means never.

    Returns:
        The token. It is shown once, and the table holds only its hash.

    Raises:
        TokenRefused: there are too many tokens.
        ValidationError: the name cannot be used.
    """
    assert user.pk is not None
    if guild is not None:
        Guild.objects.select_for_update(no_key=True).get(pk=guild.pk)
        live = ApiToken.objects.live().filter(guild=guild)
    else:
        get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)
        live = ApiToken.objects.live().filter(guild=None, made_by=user)
    if live.count() >= MOST_TOKENS:
        words = _("There are %(most)d tokens already. Revoke one that is not used any more.")
        raise TokenRefused(words % {"most": MOST_TOKENS})
    token = new_token(TokenKind.API)
    row = ApiToken(
        guild=guild,
        made_by=user,
        name=name,
        scope=scope,
        ends_at=ends_at,
        token_hash=token_hash(token),
    )
    row.full_clean(validate_constraints=False)
    if Throttle.objects.take("make API token", str(user.pk), most=_MADE_IN_A_DAY, seconds=_DAY):
        raise TokenRefused(_("You made very many tokens. Make the next one tomorrow."))
    row.save()
    return token


def revoke(rows: QuerySet[ApiToken], pk: int) -> ApiToken | None:
    """Revoke a token. Returns it, or None if it is not one of `rows` or was revoked before."""
    row = rows.filter(pk=pk, revoked_at=None).first()
    if row is None or not rows.filter(pk=pk, revoked_at=None).update(revoked_at=Clock()):
        return None
    return row


# --- At each request ------------------------------------------------------------------------------
def caller_of(token: str) -> Caller | None:
    """Who sends this token. None if no such token was ever made.

    Raises:
        TokenRefused: the token does not work any more.
    """
    rows = ApiToken.objects.select_related("made_by", "guild").with_liveness()
    row = rows.filter(token_hash=token_hash(token)).first()
    if row is None:
        return None
    if not row.is_live:  # type: ignore[attr-defined]
        raise TokenRefused(
            _("This token has ended, or a person has revoked it. Make a new one on the site.")
        )
    if not _has_rights(row):
        raise TokenRefused(
            _(
                "The person who made this token may not act for the guild any more, so the token "
                "does not work. Let another officer make a new one."
            )
        )
    user: User = row.made_by
    if row.guild_id is not None:
        act_for_guild(user, row.guild_id)
    return Caller(row, user)


def _has_rights(row: ApiToken) -> bool:
    """Whether the maker still has the rights for which the token was made."""
    user: User = row.made_by
    if row.guild is None:
        return user.is_active and user.is_staff and user.has_perm("giftcodes.view_every_guild")
    return may_act_for(user, row.guild)


def seconds_locked_out(address: str) -> int:
    """The seconds until an address that sent too many wrong tokens may send another. Else 0."""
    most = settings.AXES_FAILURE_LIMIT
    return Throttle.objects.seconds_until_allowed(_WRONG, address, most=most)


def count_wrong_token(address: str) -> None:
    """Count a wrong token of an address, with the limits of wrong logins (decision 12)."""
    Throttle.objects.take(
        _WRONG,
        address,
        most=settings.AXES_FAILURE_LIMIT,
        seconds=int(settings.AXES_COOLOFF_TIME.total_seconds()),
    )


def seconds_until_request(token: ApiToken, *, changes: bool) -> int:
    """Count a request. Returns 0 if it is accepted, else the seconds to wait.

    Args:
        token: the token.
        changes: whether the request may change something.
    """
    what, most = ("API change", CHANGES_IN_MINUTE) if changes else ("API", REQUESTS_IN_MINUTE)
    return Throttle.objects.take(what, token.limited_as, most=most, seconds=60)


def note_use(token: ApiToken) -> None:
    """Note that a token was used, at most once a minute."""
    before = clock_plus(-_USE_NOTED_SECONDS)
    rows = ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=before), pk=token.pk)
    rows.update(last_used_at=Clock())
