"""Webhooks for programs: each message is JSON, and signed, so that the receiver knows who sent it.

The receiver computes HMAC-SHA256 of `timestamp.body` with the secret, compares it with the header,
and refuses old timestamps. docs/how-to/announce.md describes it for receivers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from giftcodes.clients.channels.base import (
    UNNAMED_WAIT_SECONDS,
    BadAddressError,
    ChannelRules,
    Delivery,
    DeliveryOutcome,
    Message,
)
from giftcodes.clients.http import (
    ForbiddenHostError,
    NoAnswerError,
    NotSentError,
    Response,
    Transport,
)
from giftcodes.clients.http.headers import retry_after_seconds
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.tokens import TokenKind, new_token

#: The address of such a channel begins with this, before `https://`.
PREFIX = "webhook+"
#: The limit for the body of an answer. The body is not used.
_MAX_BYTES = 64 * 1024
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_TIMESTAMP, _SIGNATURE, _ID = "Redeemer-Timestamp", "Redeemer-Signature", "Redeemer-Id"


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """The address of a receiver, with the secret that signs. All of it is a secret.

    Args:
        url: the receiver's address.
        secret: signs the messages. It is never sent.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def of(cls, address: str) -> Self | None:
        """The address, if it has this form. The secret is empty if there is none yet."""
        address = address.strip()
        if not address.startswith(PREFIX):
            return None
        url, _sign, secret = address.removeprefix(PREFIX).partition("#")
        return cls(url, secret)

    def with_new_secret(self) -> SignedAddress:
        """The same address with another secret."""
        return SignedAddress(self.url, new_token(TokenKind.HOOK))

    @property
    def stored(self) -> str:
        """The text that the table keeps, encrypted."""
        return f"{PREFIX}{self.url}#{self.secret}"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the header `Redeemer-Signature`.

    Args:
        secret: the secret of the channel.
        timestamp: when the message is sent, in seconds since 1970.
        body: the body, as it is sent.
    """
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1={signed.hexdigest()}"


class SignedClient:
    """The client of one receiver.

    Args:
        address: the address with its secret.
        total_seconds: the limit for one request.
        connect_seconds: the part of `total_seconds` that connecting may take.
        rules: which addresses are allowed.

    Raises:
        BadAddressError: the address cannot be used.
    """

    can_edit = False

    def __init__(
        self,
        address: SignedAddress,
        *,
        total_seconds: float,
        connect_seconds: float,
        rules: ChannelRules,
    ) -> None:
        self.host = _checked_host(address)
        self._address = address
        self._seconds = (total_seconds, connect_seconds)
        self._rules = rules

    def create(self, message: Message) -> Delivery:
        """Send a message, in one request.

        If the message is sent again later, it has the same id, so the receiver can recognise it.
        """
        event: dict[str, Any] = json.loads(message.event or "{}")
        timestamp, body = int(time.time()), _body(message, event)
        total, connect = self._seconds
        transport = Transport(
            total_seconds=total,
            connect_seconds=connect,
            max_bytes=_MAX_BYTES,
            private_hosts=self._rules.private_hosts,
        )
        headers = {
            "Content-Type": "application/json",
            _TIMESTAMP: str(timestamp),
            _SIGNATURE: signature(self._address.secret, timestamp, body),
            _ID: str(event.get("id", "")),
        }
        try:
            response = transport.exchange("POST", self._address.url, headers=headers, body=body)
        except ForbiddenHostError:
            return _failed(DeliveryOutcome.REFUSED, "channel_at_private_host")
        except NotSentError:
            return _failed(DeliveryOutcome.LATER, "service_unreached")
        except NoAnswerError:
            return _failed(DeliveryOutcome.LATER, "service_no_answer", seconds=f"{total:g}")
        except Exception as error:  # noqa: BLE001 (a channel must not break its caller)
            kind = type(error).__name__
            return _failed(DeliveryOutcome.UNKNOWN, "message_not_sent", error=kind)
        finally:
            transport.close()
        return _delivery(response)

    def edit(self, message_id: str, message: Message) -> Delivery:  # noqa: ARG002
        """Refuse, because a message that a program got cannot be changed."""
        return _failed(DeliveryOutcome.REFUSED, "service_no_edit")


def _delivery(response: Response) -> Delivery:
    """Decide what an answer means. A repetition does no harm: receivers recognise it by its id."""
    status = response.status
    if 200 <= status < 300:
        return Delivery(DeliveryOutcome.DELIVERED)
    if status == 410:
        return _failed(DeliveryOutcome.GONE, "receiver_gone")
    if status == 429 or status >= 500:
        wait = retry_after_seconds(response.headers) or 0.0
        if status == 429:
            wait = wait or UNNAMED_WAIT_SECONDS
        return _failed(DeliveryOutcome.LATER, "receiver_failed", wait, status=status)
    return _failed(DeliveryOutcome.REFUSED, "receiver_refused", status=status)


def _failed(
    outcome: DeliveryOutcome, key: str, wait_seconds: float = 0.0, **values: str | int
) -> Delivery:
    return Delivery(outcome, error=Sentence.of(key, **values), wait_seconds=wait_seconds)


def _body(message: Message, event: dict[str, Any]) -> bytes:
    """The message as JSON: what it says to people, and what programs read."""
    body = {
        "title": message.title,
        "text": message.text,
        "url": message.url,
        **event,
    }
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _checked_host(address: SignedAddress) -> str:
    """The host of an address that can be used.

    Raises:
        BadAddressError: the address is incomplete, or would show the messages to others.
    """
    try:
        parts = urlsplit(address.url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise BadAddressError(Sentence.of("address_not_of_webhook")) from None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise BadAddressError(Sentence.of("address_with_user"))
    if parts.scheme != "https" and host not in _LOCAL_HOSTS:
        raise BadAddressError(Sentence.of("webhook_not_https"))
    if not address.secret:
        raise BadAddressError(Sentence.of("webhook_without_secret"))
    return host
