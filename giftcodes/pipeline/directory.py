"""Ask a directory of players for the names and realms of players who agreed (decision 16).

Runs never wait for a directory.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from giftcodes.clients.directories import DirectoryAnswer, LookupStatus, look_up
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain import log_lines
from giftcodes.domain.backoff import retry_delay_seconds
from giftcodes.domain.outcomes import PROVING, Outcome
from giftcodes.domain.sentences import Sentence, english
from giftcodes.domain.text import isolated
from giftcodes.models import Directory, DirectoryLookup, Guild, Heartbeat, Member, database_now
from giftcodes.models.directory import providers_with_directory
from giftcodes.models.games import game
from giftcodes.models.guild import member_words, own_realm
from giftcodes.sql import fetch, statement

#: The time between two requests for a player who agreed.
EVERY = dt.timedelta(days=7)
#: The time limits of a request and of its connection. A claim lasts for one request plus a margin.
TOTAL_SECONDS, CONNECT_SECONDS, LEASE_MARGIN_SECONDS = 6.0, 3.0, 20.0
#: The time between two searches for players who have agreed, or who no longer agree.
ENROL_SECONDS = 50.0
#: The longest pause of a directory that fails, the pause of one that refuses our key, and the
#: longest pause that a 429 can ask for.
LONGEST_REST_SECONDS, KEY_REST_SECONDS, LONGEST_WAIT_SECONDS = 3_600.0, 900.0, 86_400.0
#: A player whose request failed is looked up again after this time. It doubles with each failure,
#: up to a day.
PLAYER_REST_SECONDS, LONGEST_PLAYER_REST_SECONDS = 600.0, 86_400.0
HOST_LENGTH = 100

_REFUSING = [Outcome.WRONG_REALM.value, Outcome.NO_SUCH_PLAYER.value]


@dataclass(frozen=True, slots=True)
class GameAnswers:
    """The moments at which the game last accepted, and last refused, a player in a realm."""

    proven_at: dt.datetime | None = None
    refused_at: dt.datetime | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the last answer is a refusal."""
        return self.refused_at is not None and (
            self.proven_at is None or self.refused_at > self.proven_at
        )

    def is_proven_since(self, moment: dt.datetime | None) -> bool:
        return self.proven_at is not None and (moment is None or self.proven_at >= moment)


@dataclass(frozen=True, slots=True)
class Named:
    """The realm that the directory names, since when it does, and when its last answer came."""

    realm: int | None = None
    since: dt.datetime | None = None
    answered_at: dt.datetime | None = None


def takes_realm(
    *, now: int, said: int, before: Named, answers_now: GameAnswers, answers_said: GameAnswers
) -> bool:
    """Whether a member gets the realm that the directory names. The game's own answers weigh more.

    Args:
        now: the realm that is sent to the game now.
        said: the realm that the directory names.
        before: what the directory named last time.
        answers_now: the game's answers about the player in the realm `now`.
        answers_said: the game's answers about the player in the realm `said`.
    """
    if said == now:
        return False
    has_said_so = before.realm == said and before.since is not None
    if has_said_so and answers_said.is_refused and answers_said.refused_at >= before.since:  # type: ignore[operator]
        return False  # The game refused the realm that the directory still names.
    if answers_now.is_refused:
        return True
    # Otherwise the directory is followed only if the member's realm came from it, and the game has
    # not accepted that realm since the directory's last answer.
    return before.realm == now and not answers_now.is_proven_since(before.answered_at)


@dataclass(slots=True)
class LookupResult:
    """The result of one lookup.

    Args:
        may_go_on: whether the answer was good. If so, the next request may follow at once.
        guild_ids: the guilds in which a member's realm has changed. That member may be tried again.
        message: a sentence for a person.
    """

    may_go_on: bool = False
    guild_ids: list[int] = field(default_factory=list)
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Claim:
    token: int
    lookup_id: int
    player_id: str


def enrol() -> list[str]:
    """Insert a row for each player who has agreed, and delete the rows of all others.

    This is done about once a minute.

    Returns:
        The games that have a directory.
    """
    games = providers_with_directory()
    if Heartbeat.beat("directory", rest_seconds=ENROL_SECONDS):
        DirectoryLookup.objects.forget()
        for provider in games:
            DirectoryLookup.objects.enrol(provider)
    return games


def seconds_until_due() -> float | None:
    """0 if a game has a directory, because players may have to be looked up. Otherwise None."""
    return 0.0 if providers_with_directory() else None


def look_up_next(provider: str) -> LookupResult:
    """Ask the directory of a game for the next player, if it may be asked, and record the answer.

    Args:
        provider: the game's name.

    Raises:
        KeyError: no such game is configured.
    """
    config = game(provider)
    if not config.has_directory:
        return LookupResult(
            message=f"{config.title} has no directory: set {provider.upper()}_DIRECTORY_KEY."
        )
    claim = _claim(config)
    if claim is None:
        return LookupResult(message="No player is due, or the directory rests.")
    answer = look_up(
        config,
        claim.player_id,
        total_seconds=min(TOTAL_SECONDS, settings.HTTP_SECONDS),
        connect_seconds=CONNECT_SECONDS,
    )
    return record(config, claim, answer)


@transaction.atomic(durable=True)
def _claim(config: ProviderConfig) -> _Claim | None:
    """Count the request and set the player's next turn, before the request is sent."""
    Directory.objects.get_or_create(provider=config.name)
    directory = Directory.objects.select_for_update(no_key=True).get(pk=config.name)
    now = database_now()
    if directory.may_ask_at(rate=config.directory_rate, per_day=config.directory_per_day, now=now):
        return None
    found = DirectoryLookup.objects.take_next(config.name)
    if found is None:
        return None
    lease = dt.timedelta(seconds=TOTAL_SECONDS + LEASE_MARGIN_SECONDS)
    directory.take(rate=config.directory_rate, lease=lease, now=now)
    directory.save()
    DirectoryLookup.objects.filter(pk=found[0]).update(asked_at=now, due_at=now + lease)
    return _Claim(directory.token, *found)


@transaction.atomic(durable=True)
def record(config: ProviderConfig, claim: _Claim, answer: DirectoryAnswer) -> LookupResult:
    """Record an answer. If another worker has taken the claim since, nothing is changed."""
    directory = Directory.objects.select_for_update(no_key=True).get(pk=config.name)
    if directory.token != claim.token:
        return LookupResult(message="The claim was lost; the answer is not used.")
    now = database_now()
    directory.give_back(now=now)
    if answer.status not in (LookupStatus.FOUND, LookupStatus.NOT_FOUND):
        _note_failure(config, directory, claim, answer, now=now)
        return LookupResult(message=english(answer.error or ""))
    directory.failures, directory.error, directory.key_refused = 0, "", False
    directory.answered_at, directory.not_before = now, None
    directory.save()
    return _take_in(config, claim, answer, now=now)


def _note_failure(
    config: ProviderConfig,
    directory: Directory,
    claim: _Claim,
    answer: DirectoryAnswer,
    *,
    now: dt.datetime,
) -> None:
    """Record a failure, and let the directory rest. Members are not changed."""
    directory.failures += 1
    directory.error = answer.error or ""
    directory.key_refused = answer.status is LookupStatus.KEY_REFUSED
    rest = _rest_seconds(config, answer, directory.failures)
    directory.not_before = now + dt.timedelta(seconds=rest)
    directory.save()
    lookup = DirectoryLookup.objects.select_for_update().filter(pk=claim.lookup_id).first()
    if lookup:
        lookup.due_at = now
        if answer.status in (LookupStatus.UNREADABLE, LookupStatus.UNREACHABLE):
            # The next request is for another player, so that one bad entry does not stop the
            # others.
            lookup.failures += 1
            lookup.due_at = now + _delay(
                lookup.failures, PLAYER_REST_SECONDS, LONGEST_PLAYER_REST_SECONDS
            )
        lookup.save(update_fields=["due_at", "failures"])
    log_lines.warning(
        f"📇 The directory of players of {config.title}: {english(directory.error)}"
        f" It is asked again in {rest:.0f} s.",
        failures=directory.failures,
    )


def _rest_seconds(config: ProviderConfig, answer: DirectoryAnswer, failures: int) -> float:
    if answer.status is LookupStatus.KEY_REFUSED:
        return KEY_REST_SECONDS
    rest = _delay(failures, 30.0, LONGEST_REST_SECONDS).total_seconds()
    if answer.status is LookupStatus.THROTTLED and config.directory_rate:
        rest = max(rest, config.directory_rate.seconds)
    return max(rest, min(answer.retry_after_seconds or 0.0, LONGEST_WAIT_SECONDS))


def _delay(times: int, base: float, cap: float) -> dt.timedelta:
    jitter = random.random()  # noqa: S311
    return dt.timedelta(seconds=retry_delay_seconds(times, jitter=jitter, base=base, cap=cap))


def _take_in(
    config: ProviderConfig, claim: _Claim, answer: DirectoryAnswer, *, now: dt.datetime
) -> LookupResult:
    """Store a good answer. The directory must be locked.

    This locks guilds, members and the lookup, in the usual order.
    """
    members = _lock_members(config.name, claim.player_id)
    lookup = DirectoryLookup.objects.select_for_update().filter(pk=claim.lookup_id).first()
    if lookup is None:
        return LookupResult(
            may_go_on=True,
            message="The player no longer agrees; the answer is not used.",
        )
    result = LookupResult(may_go_on=True)
    if answer.status is LookupStatus.FOUND and answer.realm is not None:
        result.guild_ids = _correct_all(config, members, lookup, answer)
        is_news = lookup.realm != answer.realm
        lookup.realm_since = now if is_news else lookup.realm_since
        lookup.name, lookup.realm = answer.name, answer.realm
    lookup.said, lookup.answered_at, lookup.failures = answer.status.value, now, 0
    lookup.urgent, lookup.due_at = False, now + EVERY
    lookup.save()
    result.message = english(answer.error or "")
    return result


def _lock_members(provider: str, player_id: str) -> list[Member]:
    """Lock the player's memberships that may be changed: the active ones with consent."""
    rows = Member.objects.eligible().filter(
        guild__provider=provider,
        guild__active=True,
        player_id=player_id,
        consented_on__isnull=False,
    )
    # The guilds are locked so that their realms do not change while they are compared.
    guild_ids = list(rows.order_by().values_list("guild_id", flat=True))
    guilds = (
        Guild.objects.select_for_update(no_key=True)
        .filter(pk__in=guild_ids, active=True)
        .order_by("pk")
        .in_bulk()
    )
    locked = list(
        rows.filter(guild__in=guilds).select_for_update(no_key=True, of=["self"]).order_by("pk")
    )
    for member in locked:
        member.guild = guilds[member.guild_id]
    return locked


def _correct_all(
    config: ProviderConfig, members: list[Member], lookup: DirectoryLookup, answer: DirectoryAnswer
) -> list[int]:
    """Correct each of the player's memberships.

    Returns:
        The ids of the guilds in which the member's realm has changed.
    """
    answers = _game_answers(config.name, lookup.player_id)
    moved = []
    for member in members:
        if "realm" in _correct(config, member, lookup, answer, answers):
            moved.append(member.guild_id)
    return sorted(moved)


def _correct(
    config: ProviderConfig,
    member: Member,
    lookup: DirectoryLookup,
    answer: DirectoryAnswer,
    answers: dict[int, GameAnswers],
) -> list[str]:
    """Set the fields that the directory knows better. The history names it as the source.

    Returns:
        The fields that have changed.
    """
    assert answer.realm is not None
    changes: dict[str, str] = {}
    # If the directory still gives the same name as last time, the nickname stays: a person may have
    # changed it since.
    if answer.name not in (lookup.name, member.nickname):
        before = isolated(member.nickname) or "none"
        changes["nickname"] = f"nickname {before} → {isolated(answer.name)}"
        member.nickname = answer.name
    now = member.guild.realm if member.realm is None else member.realm
    if takes_realm(
        now=now,
        said=answer.realm,
        before=Named(lookup.realm, lookup.realm_since, lookup.answered_at),
        answers_now=answers.get(now, GameAnswers()),
        answers_said=answers.get(answer.realm, GameAnswers()),
    ):
        changes["realm"] = f"{config.realm_word} {now} → {answer.realm}"
        member.realm = own_realm(member.guild, answer.realm)
    if changes:
        host = str(urlsplit(config.directory_url).hostname)[:HOST_LENGTH]
        source = Sentence.of("from_directory", host=host)
        member._change_reason = source  # type: ignore[attr-defined]
        member.save(update_fields=list(changes))
        who = member_words(member.nickname, member.player_id)
        log_lines.info(
            f"📇 {english(source)} {who}: {', '.join(changes.values())}", guild=member.guild.name
        )
    return list(changes)


def _game_answers(provider: str, player_id: str) -> dict[int, GameAnswers]:
    """What the game said about a player in any guild, by realm."""
    rows = fetch(
        statement("directory", "game_answers"),
        provider=provider,
        player=player_id,
        proving=[outcome.value for outcome in PROVING],
        refusing=_REFUSING,
    )
    return {realm: GameAnswers(proven, refused) for realm, proven, refused in rows}
