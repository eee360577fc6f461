"""The log lines that people read and monitoring looks for (README, “How to read the log”).

Their words are an interface: a change needs a note in CHANGELOG.md.
"""

from __future__ import annotations

from typing import Any

import structlog

from giftcodes.domain.served import Result

log: Any = structlog.get_logger("giftcodes")


def locked(guild: str, code: str) -> None:
    log.info(f"🔒 Locked auto-redeem for guild {guild} with code {code}")


def started(guild: str, code: str, *, members: int) -> None:
    log.info(f"🎁 Auto-Redeem Started (Guild: {guild}, Code: {code}, Members: {members})")


def duplicate(guild: str, code: str, *, trigger: str, user: str = "") -> None:
    log.warning(duplicate_text(guild, code), trigger=trigger, **({"user": user} if user else {}))


def duplicate_text(guild: str, code: str) -> str:
    """Return the text about a refused duplicate start, for the log and for people."""
    return (
        f"⚠️ Auto-redeem already in progress for guild {guild} with code {code}, skipping duplicate"
    )


def answered(member: str, words: str, *, settled: bool, guild: str, code: str) -> None:
    """Log the answer for one member. `settled` says whether the member now has the code."""
    if settled:
        log.info(f"✅ Redeemed for {member}: {words}", guild=guild, code=code)
    else:
        log.info(f"➖ Not redeemed for {member}: {words}", guild=guild, code=code)


def trouble(guild: str, code: str, what: str) -> None:
    """Log an error in a run. `what` says what happened and what happens next."""
    log.error(f"❌ Error in auto-redeem for guild {guild} with code {code}: {what}")


def complete(
    guild: str, code: str, *, success: int, already: int, failed: int, result: Result
) -> None:
    """Log the end of a run. The icon and the level say whether it is good news.

    If the run served no one, a second line says why.
    """
    counts = f"Success: {success}, Already: {already}, Failed: {failed}"
    line = f"{result.icon} Auto-Redeem Complete (Guild: {guild}, Code: {code}, {counts})"
    if not result.served_none:
        log.info(line, result=result.kind.value)
        return
    log.warning(line, result=result.kind.value)
    log.warning(
        f"{result.icon} No member of guild {guild} has code {code}: {result.words}, "
        f"{result.served.all_words}. {result.advice}".rstrip(),
        result=result.kind.value,
    )


def unlocked(guild: str, code: str) -> None:
    log.info(f"🔓 Unlocked auto-redeem for guild {guild} with code {code}")


def info(event: str, **fields: Any) -> None:
    """Log any other event for operators."""
    log.info(event, **fields)


def warning(event: str, **fields: Any) -> None:
    log.warning(event, **fields)
