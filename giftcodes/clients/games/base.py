"""One request to a game and what became of it. The base owns HTTP; a game's file signs and translates."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from giftcodes.clients.games.config import ProviderConfig
from giftcodes.clients.games.health import Checkup, Health, health_url, judge
from giftcodes.clients.http import ExchangeError, NotSentError, Response, Transport, Truncation
from giftcodes.clients.http.headers import count, reset_after_seconds, retry_after_seconds
from giftcodes.clients.http.redactor import Redactor
from giftcodes.domain.outcomes import ODD_ANSWERS, PROVING, Outcome, meaning
from giftcodes.domain.text import one_line, plain_text

#: An answer has about a hundred bytes.
MAX_BYTES = 64 * 1024
MSG_LENGTH = 200
ERR_CODE_LENGTH = 20
BODY_LENGTH = 2000

_BODY_IS_KEPT = ODD_ANSWERS | {Outcome.CAPTCHA, Outcome.FORBIDDEN}


@dataclass(frozen=True, slots=True)
class RateReport:
    """What an answer says about the request limit. Each may be missing; times are from now."""

    limit: int | None = None
    remaining: int | None = None
    retry_after_seconds: float | None = None
    reset_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request. Texts hold no secret, and nothing that PostgreSQL cannot store.

    `body` is an excerpt, and only there where the answer is not one of the game's known ones, or refuses us.
    `detail` says what happened where there is no answer, or only a part of it.
    """

    outcome: Outcome
    http_status: int | None
    err_code: str
    msg: str
    latency_ms: int
    body: str
    rate: RateReport
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A signed request: form fields, headers, and those of the values that must never be stored or shown."""

    fields: Mapping[str, str]
    headers: Mapping[str, str]
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A body, translated. The texts are as the game sent them."""

    outcome: Outcome
    msg: str = ""
    err_code: str = ""
    detail: str = ""


class GameClient(ABC):
    """Redeems codes for players of one game. Safe to share between threads."""

    def __init__(
        self, config: ProviderConfig, *, total_seconds: float, connect_seconds: float
    ) -> None:
        self.config = config
        self._transport = Transport(
            total_seconds=total_seconds, connect_seconds=connect_seconds, max_bytes=MAX_BYTES
        )

    def redeem(self, *, player_id: str, code: str, realm: int) -> Answer:
        """Send one request, once, and say what became of it. Never raises; never sleeps.

        Takes at most `total_seconds`. UNREACHABLE promises that nothing arrived; whatever may have arrived
        without an answer that can be trusted is UNANSWERED, UNREADABLE, UNRECOGNISED or SERVER_ERROR.

        Args:
            player_id: decimal digits.
            code: as it was published.
            realm: the state or kingdom.
        """
        started = time.monotonic()
        hide = Redactor(self.config.salt, self.config.feed_key)
        reply: Response | None = None
        try:
            order = self.order(player_id=player_id, code=code, realm=realm)
            hide = Redactor(self.config.salt, self.config.feed_key, *order.secrets)
            reply = self._transport.exchange(
                "POST", self.config.api_url, headers=order.headers, form=order.fields
            )
            verdict = self._judge(reply)
        except ExchangeError as error:
            lost = Outcome.UNREACHABLE if isinstance(error, NotSentError) else Outcome.UNANSWERED
            verdict = Verdict(lost, detail=str(error))
        except Exception as error:  # noqa: BLE001 (the caller has written an attempt and waits for its end)
            # Before the exchange nothing was sent; after it there is an answer, which we failed to read.
            broken = Outcome.UNREADABLE if reply else Outcome.UNREACHABLE
            verdict = Verdict(broken, detail=f"{type(error).__name__}: {error}")
        return _answer(verdict, reply, hide, latency_ms=round((time.monotonic() - started) * 1000))

    def check_health(self) -> Checkup | None:
        """Ask once whether the service is up, without a player and without a code. Never raises; never sleeps.

        None: no such question is known for this protocol, or for this API address.
        """
        url, order = health_url(self.config.api_url), self.health_order()
        if not url or order is None:
            return None
        started = time.monotonic()
        hide = Redactor(self.config.salt, self.config.feed_key, *order.secrets)
        status: int | None = None
        try:
            reply = self._transport.exchange("POST", url, headers=order.headers, form=order.fields)
            status, (health, detail) = reply.status, judge(reply)
        except Exception as error:  # noqa: BLE001 (the one who asks wants words, whatever is wrong)
            health, detail = Health.DOWN, str(error) or type(error).__name__
        latency_ms = round((time.monotonic() - started) * 1000)
        return Checkup(health, status, latency_ms, one_line(hide(detail), MSG_LENGTH))

    def health_order(self) -> SignedRequest | None:
        """Sign the question whether the service is up. None: the protocol has none."""
        return None

    @abstractmethod
    def order(self, *, player_id: str, code: str, realm: int) -> SignedRequest:
        """Sign a request."""

    @abstractmethod
    def translate(self, body: bytes) -> Verdict:
        """Say what a whole body means, without regard to the HTTP status."""

    def _judge(self, reply: Response) -> Verdict:
        """What HTTP says goes before what the body says: a proxy's page must not pass for the game's word.

        An error of the client's (4xx) is read like an answer, since the game might send its own there; a
        proof that the player has the code is believed with 2xx only. 401 and 403 have a meaning of their own
        where the body is no known answer.
        """
        if reply.status == 429:
            return Verdict(Outcome.THROTTLED, detail=reply.cut)
        if reply.status >= 500:
            return Verdict(Outcome.SERVER_ERROR, detail=reply.cut)
        if (
            reply.status in (401, 403)
            and not meaning(self.translate(reply.body).outcome).recognised
        ):
            return Verdict(Outcome.FORBIDDEN, detail=f"HTTP {reply.status}")
        if reply.cut is not Truncation.NOT_CUT:
            slow = reply.cut is Truncation.TOO_SLOW
            return Verdict(Outcome.UNANSWERED if slow else Outcome.UNREADABLE, detail=reply.cut)
        if reply.status < 200 or 300 <= reply.status < 400:
            return Verdict(Outcome.UNREADABLE, detail="A redirect, or a status that is no answer.")
        verdict = self.translate(reply.body)
        if reply.status >= 400 and verdict.outcome in PROVING:
            return Verdict(
                Outcome.UNRECOGNISED,
                verdict.msg,
                verdict.err_code,
                "A success with a failing status.",
            )
        return verdict


def _answer(verdict: Verdict, reply: Response | None, hide: Redactor, *, latency_ms: int) -> Answer:
    kept = (
        reply.body.decode("utf-8", "replace") if reply and verdict.outcome in _BODY_IS_KEPT else ""
    )
    return Answer(
        outcome=verdict.outcome,
        http_status=reply.status if reply else None,
        err_code=one_line(hide(verdict.err_code), ERR_CODE_LENGTH),
        msg=one_line(hide(verdict.msg), MSG_LENGTH),
        latency_ms=latency_ms,
        body=plain_text(hide(kept), BODY_LENGTH),
        rate=_rate(reply.headers) if reply else RateReport(),
        detail=one_line(hide(verdict.detail), MSG_LENGTH),
    )


def _rate(headers: Mapping[str, str]) -> RateReport:
    return RateReport(
        limit=count(headers, "X-RateLimit-Limit"),
        remaining=count(headers, "X-RateLimit-Remaining"),
        retry_after_seconds=retry_after_seconds(headers),
        reset_after_seconds=reset_after_seconds(headers),
    )
