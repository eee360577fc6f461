"""All tasks. An arrow leads to the next step:

    poll -> fan_out -> redeem (start: lock, refuse duplicates)
         -> dispatch -> redeem_member -> finish
    tick: dispatch what is due
    sweep, catch_up: work that was left behind
    directory: names and realms of members who agreed
    check_connection: the test of a connection, when a person asks for it
    announce, alarms, weekly: messages to guilds, to the operator and to players
    keep_figures: counts for /metrics
    prune: old rows

The database is the queue, and Celery only wakes the workers. Each task calls one step.
When the step has committed, the task enqueues the next task. A lost message delays the work until a
tick or the sweep. A duplicate message finds nothing to do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from celery import shared_task
from django.db import transaction

from giftcodes import messages
from giftcodes.domain import failpoints, log_lines
from giftcodes.models import (
    Channel,
    ConnectionCheck,
    DirectoryLookup,
    Feed,
    Heartbeat,
    JoinLink,
    RunRequest,
    StoredSetting,
    Trigger,
)
from giftcodes.models.directory import providers_with_directory
from giftcodes.models.encrypted import encrypt_again
from giftcodes.models.failure_isolation import FailureIsolation
from giftcodes.models.games import game
from giftcodes.models.start_rules import providers_on
from giftcodes.notifications import alarms as alarms_step
from giftcodes.notifications import announcements as announce_step
from giftcodes.notifications import weekly as weekly_step
from giftcodes.pipeline import catch_up as catch_up_step
from giftcodes.pipeline import code_lifecycle
from giftcodes.pipeline import directory as directory_step
from giftcodes.pipeline import dispatch as dispatch_step
from giftcodes.pipeline import fan_out as fan_out_step
from giftcodes.pipeline import figures as figures_step
from giftcodes.pipeline import finish as finish_step
from giftcodes.pipeline import poll as poll_step
from giftcodes.pipeline import prune as prune_step
from giftcodes.pipeline import redeem as redeem_step
from giftcodes.pipeline import start_many as start_many_step
from giftcodes.pipeline import start_or_refuse as start_step
from giftcodes.pipeline import sweep as sweep_step
from giftcodes.services import connections, joining, old_rows

#: A tick that comes this soon after another tick does nothing: it waited in the queue, or came from
#: a second beat.
TICK_REST_SECONDS = 0.1
#: How many players at most are looked up in a game's directory after each run of the task
#: `directory`. Each lookup has its own message.
LOOKUPS = 5
#: A thread goes on with the next claim of its message until so many seconds are over.
QUICK_SECONDS = 1.0
#: How many requested runs one message starts. Other messages are handled before the next runs.
REQUESTS = 10


def enqueue_on_commit(task: Any, *args: Any, **kwargs: Any) -> None:
    """Enqueue a task after the commit. If the broker is down, the next tick does the work."""

    def publish() -> None:
        try:
            messages.publish(task, args, kwargs)
        except Exception as error:  # noqa: BLE001
            _report_not_taken(task, error)

    transaction.on_commit(publish, robust=True)


def _report_not_taken(task: Any, error: Exception) -> None:
    log_lines.warning(
        "The broker did not take a message; the next tick does the work.",
        task=task.name,
        error=type(error).__name__,
    )


def for_each(providers: list[str], work: Callable[[str], Any]) -> None:
    """Do the work for each game, even after a failure. Raise the first error at the end."""
    errors: list[Exception] = []
    for provider in providers:
        try:
            work(provider)
        except Exception as error:  # noqa: BLE001
            errors.append(error)
    if errors:
        raise errors[0]


@shared_task
def tick() -> None:
    """Dispatch for each game, and leave a heartbeat.

    It runs four times a second while there is work, and every four seconds otherwise.
    """
    if not Heartbeat.beat("tick", rest_seconds=TICK_REST_SECONDS):
        return
    for_each(providers_on(), dispatch)


@shared_task
def poll(provider: str = "", *, force: bool = False) -> None:
    """Poll the feeds that are due, and fan out each new code.

    The main feeds are polled here. Each other feed has a message of its own, so that a feed that
    does not answer delays no other feed.
    """

    def ask(name: str) -> None:
        if game(name).has_feed:
            fan_out_each(poll_step.poll(name, force=force).fresh_code_ids)

    for feed_id in poll_step.due_feeds(provider, force=force):
        enqueue_on_commit(poll_feed, feed_id, force=force)
    for_each([provider] if provider else providers_on(), ask)


@shared_task
def poll_feed(feed_id: int, *, force: bool = False) -> None:
    """Poll one feed if it still exists and is due, and fan out each new code."""
    if Feed.objects.filter(pk=feed_id).exists():
        fan_out_each(poll_step.poll_feed(feed_id, force=force).fresh_code_ids)


def fan_out_each(code_ids: Iterable[int]) -> None:
    """Enqueue the fan-out of each new code of a feed."""
    for code_id in code_ids:
        enqueue_on_commit(fan_out, code_id, Trigger.POLL)


@shared_task
def fan_out(gift_code_id: int, trigger: str = Trigger.POLL, user_id: int | None = None) -> None:
    """Insert the rows of a code and start its runs, a few guilds at a time."""
    want_lookups()
    while fan_out_step.make_batch(gift_code_id):
        start_many(gift_code_id, trigger, user_id)
    start_many(gift_code_id, trigger, user_id)
    # Two kinds are left: redemptions whose row lock another transaction held, and running ones with
    # member redemptions that were cancelled when the code was closed. Those must be reopened.
    for guild_id, code_id in fan_out_step.fan_out(gift_code_id):
        enqueue_on_commit(redeem, guild_id, code_id, trigger, user_id)


@shared_task
def redeem(guild_id: int, gift_code_id: int, trigger: str, user_id: int | None = None) -> None:
    """Start the run of a code for a guild under the row lock, and refuse a duplicate run."""
    if provider := start_run(guild_id, gift_code_id, Trigger(trigger), user_id):
        enqueue_on_commit(dispatch, provider)


@shared_task
def start_requested() -> None:
    """Start a few runs that a person requested. Other messages are handled before the next few.

    If a start fails, its request stays, and is claimed again when its claim is a minute old.
    """
    providers = set()
    with FailureIsolation("requested runs", is_left_out=_is_requested) as isolation:
        for request in RunRequest.objects.claim(REQUESTS):
            pair = (request.guild_id, request.gift_code_id)
            provider = isolation.call(
                str(request), start_run, *pair, Trigger.ADMIN, request.user_id
            )
            if provider is not None:
                request.delete()
                providers.add(provider)
    for provider in sorted(filter(None, providers)):
        enqueue_on_commit(dispatch, provider)
    if RunRequest.objects.free().exists():
        enqueue_on_commit(start_requested)


def _is_requested(what: str) -> bool:
    """Whether a request with this text, such as `guild 3 with code 17`, still waits."""
    return any(str(request) == what for request in RunRequest.objects.iterator())


def start_run(guild_id: int, gift_code_id: int, trigger: Trigger, user_id: int | None) -> str:
    """Start a run, or refuse it. Returns the game that has work, or an empty string."""
    result = start_step.start(
        guild_id=guild_id, gift_code_id=gift_code_id, trigger=trigger, user_id=user_id
    )
    if not result.has_work:
        return ""
    finish(result.redemption_id)
    return provider_of(result.redemption_id)


def start_many(gift_code_id: int, trigger: str, user_id: int | None = None) -> None:
    """Start the waiting redemptions of a code."""
    for batch in start_many_step.start_many(
        gift_code_id, trigger=Trigger(trigger), user_id=user_id
    ):
        for redemption_id in batch.maybe_over:
            finish(redemption_id)
        enqueue_on_commit(dispatch, batch.provider)


@shared_task
def dispatch(provider: str) -> None:
    """Claim the next rows, and enqueue the messages for them."""
    claims = dispatch_step.dispatch(provider)
    if not claims:
        return
    try:
        with messages.together(redeem_member.app):
            for first, *others in dispatch_step.for_messages(claims):
                failpoints.hit("before-publish")
                enqueue_on_commit(redeem_member, *first, *others)
    except Exception as error:  # noqa: BLE001
        _report_not_taken(redeem_member, error)


@shared_task
def redeem_member(member_redemption_id: int, token: int, *others: Sequence[int]) -> None:
    """Redeem the code for one member, and for a few others if that goes quickly.

    If the game answers slowly, the other claims get messages of their own, so that threads that are
    free do not wait for this one.

    Args:
        member_redemption_id, token: a claim.
        others: more claims, each with the same two values.
    """
    end = time.monotonic() + QUICK_SECONDS
    claims = deque([(member_redemption_id, token), *others])
    try:
        redeem_claimed(*claims.popleft())
        while claims and time.monotonic() < end:
            redeem_claimed(*claims.popleft())
    finally:
        for claim in claims:
            enqueue_on_commit(redeem_member, *claim)


def redeem_claimed(member_redemption_id: int, token: int) -> None:
    """Redeem the code for one member, and enqueue what follows from the answer."""
    follow_up = redeem_step.redeem_member(member_redemption_id, token)
    if follow_up is None:
        return
    failpoints.hit("after-record")
    if follow_up.closed_code_id:
        enqueue_on_commit(close_code, follow_up.closed_code_id)
    if follow_up.reopened_code_id:
        code_lifecycle.note_reopened(follow_up.reopened_code_id)
        enqueue_on_commit(fan_out, follow_up.reopened_code_id, Trigger.CATCH_UP)
    if follow_up.behind_guild_id:
        enqueue_on_commit(catch_up, [follow_up.behind_guild_id])
    for redemption_id in follow_up.finished:
        enqueue_on_commit(finish, redemption_id)
    if follow_up.has_room:
        enqueue_on_commit(dispatch, follow_up.provider)


@shared_task
def close_code(gift_code_id: int) -> None:
    """Cancel the member redemptions of a closed code that still wait."""
    for redemption_id in code_lifecycle.cancel_waiting(gift_code_id):
        finish(redemption_id)


@shared_task
def finish(redemption_id: int) -> None:
    """Unlock the redemption if its run is over."""
    finish_step.finish(redemption_id)


@shared_task
def catch_up(guild_ids: list[int] | None = None) -> None:
    """Handle members who have joined, left or been corrected since their guild's runs."""
    # A pass over only some guilds clears no alarm, because the bad row may be in another guild.
    with FailureIsolation("catch-up", is_left_out=lambda _what: bool(guild_ids)) as isolation:
        for redemption_id in catch_up_step.withdraw_leavers(isolation):
            isolation.call(f"redemption {redemption_id}", finish, redemption_id)
        for guild_id, code_id in catch_up_step.find_behind(guild_ids):
            isolation.call(
                f"guild {guild_id} with code {code_id}", redeem, guild_id, code_id, Trigger.CATCH_UP
            )


@shared_task
def directory() -> None:
    """Every five seconds: start a few lookups in the directory of each game that has one."""
    for provider in directory_step.enrol():
        enqueue_on_commit(look_up, provider)


@shared_task
def look_up(provider: str, left: int = LOOKUPS) -> None:
    """Look up one player, and enqueue the next lookup. Other messages are handled in between."""
    result = directory_step.look_up_next(provider)
    if result.guild_ids:
        enqueue_on_commit(catch_up, result.guild_ids)
    if result.may_go_on and left > 1:
        enqueue_on_commit(look_up, provider, left - 1)


@shared_task
def sweep() -> None:
    """Every ten seconds: continue work that was left behind."""
    with FailureIsolation("sweep") as isolation:
        ended = isolation.call("codes that have ended", code_lifecycle.close_ended, isolation) or []
        findings = sweep_step.sweep(isolation)
        for code_id in {*ended, *findings.closed_codes}:
            isolation.call(f"code {code_id}", close_code, code_id)
        for redemption_id in findings.maybe_over:
            isolation.call(f"redemption {redemption_id}", finish, redemption_id)
        for code_id in findings.to_start:
            isolation.call(f"code {code_id}", start_many, code_id, Trigger.SWEEP)
        if isolation.call("requested runs", RunRequest.objects.free().exists):
            enqueue_on_commit(start_requested)
        for check in isolation.call("connection tests", ConnectionCheck.objects.forgotten) or []:
            enqueue_on_commit(check_connection, check.name, check.token)
        if isolation.call("codes to probe", code_lifecycle.probe_due, isolation):
            for provider in providers_on():
                enqueue_on_commit(dispatch, provider)


@shared_task
def announce() -> None:
    """Enqueue the next announcements, and notices.

    It runs after each announcement, every five seconds while messages wait, and at least once a
    minute otherwise.
    """
    for announcement_id, token in announce_step.claim():
        enqueue_on_commit(send_announcement, announcement_id, token)
    if alarms_step.has_notices():
        enqueue_on_commit(tell_operator)


@shared_task
def send_announcement(announcement_id: int, token: int) -> None:
    """Send one message to a guild's channel."""
    announce_step.send(announcement_id, token)
    enqueue_on_commit(announce)


@shared_task
def tell_operator() -> None:
    """Send the notices that wait for the operator."""
    alarms_step.send_notices()


@shared_task
def alarms() -> None:
    """Every minute: find the problems that need a person."""
    findings = alarms_step.evaluate()
    if findings.raised or findings.cleared:
        enqueue_on_commit(announce)


@shared_task
def weekly() -> None:
    """Every five minutes: queue the summaries that are due, and tell players of waiting codes."""
    if weekly_step.queue_summaries():
        enqueue_on_commit(announce)
    if link_ids := weekly_step.due_links():
        enqueue_on_commit(tell_player, *link_ids)


@shared_task
def tell_player(link_id: int, *others: int) -> None:
    """Send a player a direct message in Discord, if codes wait for the player.

    Then a message is enqueued for the `others`, so that players are told one after the other. If
    all were told at once while Discord does not answer, no thread would be left for the ticks.
    """
    try:
        weekly_step.tell_player(link_id)
    finally:
        if others:
            enqueue_on_commit(tell_player, *others)


@shared_task
def check_connection(name: str, token: int) -> None:
    """Test a game, an added feed or the operator's channel, because a person asked for it."""
    connections.run_check(name, token)


@shared_task
def keep_figures() -> None:
    """Every minute: store the counts for /metrics that would take too long at each request."""
    figures_step.keep()


@shared_task
def prune() -> None:
    """Every day: delete old rows that prove nothing, and encrypt secrets with the newest key."""
    # Attempts are counted before they are deleted.
    figures_step.keep()
    pruned = prune_step.prune()
    if pruned.attempts or pruned.entries:
        log_lines.info(
            f"🧹 Pruned {pruned.attempts} attempt(s) and {pruned.entries} journal entries."
        )
    if number := Channel.objects.encrypt_again():
        log_lines.info(f"🔑 {number} channel address(es) were encrypted with the newest key.")
    if number := encrypt_again(StoredSetting.objects.all(), "value"):
        log_lines.info(f"🔑 {number} setting(s) were encrypted with the newest key.")
    if number := sum(encrypt_again(Feed.objects.all(), name) for name in ("address", "api_key")):
        log_lines.info(f"🔑 Encrypted {number} address(es) or key(s) of feeds with the new key.")
    if number := encrypt_again(JoinLink.objects.all(), "token"):
        log_lines.info(f"🔑 {number} join link(s) were encrypted with the newest key.")
    joining.prune()
    old_rows.delete_old_rows()


def want_lookups() -> None:
    """Before the runs start, make lookups due now if their members need a correction.

    This sends no request. The task `directory` starts the lookups a few seconds later.
    """
    DirectoryLookup.objects.want(providers_with_directory())


def provider_of(redemption_id: int) -> str:
    """The game of a redemption."""
    from giftcodes.models import Redemption

    name: str = Redemption.objects.values_list("gift_code__provider", flat=True).get(
        pk=redemption_id
    )
    return name
