"""The base class of the game clients.

It does the HTTP; a subclass signs the requests and translates the answers.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from giftcodes.clients.games.config import ProviderConfig
from giftcodes.clients.games.health import Health, HealthReport, health_url, read_health
from giftcodes.clients.http import ExchangeError, NotSentError, Response, Transport, Truncation
from giftcodes.clients.http.headers import count, reset_after_seconds, retry_after_seconds
from giftcodes.clients.http.redactor import Redactor
from giftcodes.domain.outcomes import ODD_ANSWERS, PROVING, Outcome, meaning
from giftcodes.domain.text import one_line, plain_text

#: An ordinary answer has about a hundred bytes.
MAX_BYTES = 64 * 1024
MSG_LENGTH = 200
ERR_CODE_LENGTH = 20
BODY_LENGTH = 2000

_BODY_IS_KEPT = ODD_ANSWERS | {Outcome.CAPTCHA, Outcome.FORBIDDEN}


@dataclass(frozen=True, slots=True)
class RateReport:
    """What an answer says about the request limit. Times are counted from now.

    A value is None if the answer does not contain it.
    """

    limit: int | None = None
    remaining: int | None = None
    retry_after_seconds: float | None = None
    reset_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one request. Its texts contain no secret, and PostgreSQL can store them.

    Args:
        outcome: what the answer means, or why there is none.
        http_status: the HTTP status. None if there is no answer.
        err_code, msg: the values as the game sent them.
        latency_ms: the milliseconds from the start of the request to the end of the answer.
        body: an excerpt of the body if the answer is unknown or refuses us, else empty.
        rate: what the headers say about the request limit.
        detail: why there is no answer, or what is wrong with the answer. Empty if `msg` suffices.
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
    """A signed request. `secrets` are the values in it that must never be stored or shown."""

    fields: Mapping[str, str]
    headers: Mapping[str, str]
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Translation:
    """The meaning of a body. `msg` and `err_code` are as the game sent them."""

    outcome: Outcome
    msg: str = ""
    err_code: str = ""
    detail: str = ""


class GameClient(ABC):
    """Redeems codes for players of one game. Threads may share it."""

    def __init__(
        self, config: ProviderConfig, *, total_seconds: float, connect_seconds: float
    ) -> None:
        self.config = config
        self._transport = Transport(
            total_seconds=total_seconds,
            connect_seconds=connect_seconds,
            max_bytes=MAX_BYTES,
            private_hosts=config.api_hosts,
        )
        self._hide = Redactor(config.salt, config.feed_key)

    def redeem(self, *, player_id: str, code: str, realm: int) -> Answer:
        """Send one request, once. Never raises and never sleeps; takes at most `total_seconds`.

        The outcome UNREACHABLE guarantees that nothing arrived. If the request may have arrived but
        there is no answer that can be trusted, the outcome is UNANSWERED, UNREADABLE, UNRECOGNISED
        or SERVER_ERROR.

        Args:
            player_id: decimal digits.
            code: the code as it was published.
            realm: the number of the state or kingdom.
        """
        started = time.monotonic()
        hide_request = Redactor()
        response: Response | None = None
        try:
            request = self.sign_redeem(player_id=player_id, code=code, realm=realm)
            hide_request = Redactor(*request.secrets)
            response = self._transport.exchange(
                "POST", self.config.api_url, headers=request.headers, form=request.fields
            )
            translation = self._interpret(response)
        except ExchangeError as error:
            lost = Outcome.UNREACHABLE if isinstance(error, NotSentError) else Outcome.UNANSWERED
            translation = Translation(lost, detail=str(error))
        except Exception as error:  # noqa: BLE001 (the attempt needs a result)
            # If there is no response, nothing was sent. If there is one, it could not be read.
            broken = Outcome.UNREADABLE if response else Outcome.UNREACHABLE
            translation = Translation(broken, detail=f"{type(error).__name__}: {error}")
        return _answer(
            translation,
            response,
            lambda text: self._hide(hide_request(text)),
            latency_ms=round((time.monotonic() - started) * 1000),
        )

    def check_health(self) -> HealthReport | None:
        """Check once whether the service is up, without a player or a code. Never raises or sleeps.

        Returns None if no health check is known for this protocol or this API URL.
        """
        url, request = health_url(self.config.api_url), self.sign_health_check()
        if not url or request is None:
            return None
        started = time.monotonic()
        hide_request = Redactor(*request.secrets)
        status: int | None = None
        try:
            response = self._transport.exchange(
                "POST", url, headers=request.headers, form=request.fields
            )
            status, (health, detail) = response.status, read_health(response)
        except Exception as error:  # noqa: BLE001 (the report describes every error)
            health, detail = Health.DOWN, str(error) or type(error).__name__
        latency_ms = round((time.monotonic() - started) * 1000)
        detail = self._hide(hide_request(detail))
        return HealthReport(health, status, latency_ms, one_line(detail, MSG_LENGTH))

    def sign_health_check(self) -> SignedRequest | None:
        """Return the signed health check, or None if the protocol has none."""
        return None

    @abstractmethod
    def sign_redeem(self, *, player_id: str, code: str, realm: int) -> SignedRequest:
        """Return the signed request that redeems a code."""

    @abstractmethod
    def translate(self, body: bytes) -> Translation:
        """Return the meaning of a body, whatever the HTTP status is. The body may be cut."""

    def _interpret(self, response: Response) -> Translation:
        """Return the meaning of a response.

        The status takes precedence over the body, which may be a proxy's page. The body of a client
        error (4xx) is translated too, because it might be the game's own answer. But such an answer
        never proves that the player has the code. The outcome of a 401 or 403 without a known
        answer is FORBIDDEN.
        """
        if response.status == 429:
            return Translation(Outcome.THROTTLED, detail=response.truncation)
        if response.status >= 500:
            return Translation(Outcome.SERVER_ERROR, detail=response.truncation)
        if (
            response.status in (401, 403)
            and not meaning(self.translate(response.body).outcome).recognised
        ):
            return Translation(Outcome.FORBIDDEN, detail=f"HTTP {response.status}")
        if response.truncation is not Truncation.NONE:
            slow = response.truncation is Truncation.TOO_SLOW
            return Translation(
                Outcome.UNANSWERED if slow else Outcome.UNREADABLE, detail=response.truncation
            )
        if response.status < 200 or 300 <= response.status < 400:
            return Translation(
                Outcome.UNREADABLE, detail="The HTTP status is a redirect, or below 200."
            )
        translation = self.translate(response.body)
        if response.status >= 400 and translation.outcome in PROVING:
            return Translation(
                Outcome.UNRECOGNISED,
                translation.msg,
                translation.err_code,
                "The body reports a success, but the HTTP status an error.",
            )
        return translation


def _answer(
    translation: Translation,
    response: Response | None,
    hide: Callable[[str], str],
    *,
    latency_ms: int,
) -> Answer:
    kept = (
        response.body.decode("utf-8", "replace")
        if response and translation.outcome in _BODY_IS_KEPT
        else ""
    )
    return Answer(
        outcome=translation.outcome,
        http_status=response.status if response else None,
        err_code=one_line(hide(translation.err_code), ERR_CODE_LENGTH),
        msg=one_line(hide(translation.msg), MSG_LENGTH),
        latency_ms=latency_ms,
        body=plain_text(hide(kept), BODY_LENGTH),
        rate=_rate(response.headers) if response else RateReport(),
        detail=one_line(hide(translation.detail), MSG_LENGTH),
    )


def _rate(headers: Mapping[str, str]) -> RateReport:
    return RateReport(
        limit=count(headers, "X-RateLimit-Limit"),
        remaining=count(headers, "X-RateLimit-Remaining"),
        retry_after_seconds=retry_after_seconds(headers),
        reset_after_seconds=reset_after_seconds(headers),
    )
