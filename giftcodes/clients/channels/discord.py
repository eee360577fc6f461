"""Discord's webhooks: one message is created, and edited as things go on.

Facts: https://discord.com/developers/docs/resources/webhook and …/topics/rate-limits. The version is named in the
address, because Discord counts `retry_after` in milliseconds where none is named, and in seconds from version 8 on.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from giftcodes.clients.channels.base import (
    ERROR_LENGTH,
    BadAddressError,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
    shortened,
)
from giftcodes.clients.http import NoAnswerError, NotSentError, Response, Transport, Truncation
from giftcodes.clients.http.headers import LONGEST_WAIT_SECONDS, retry_after_seconds
from giftcodes.clients.http.redactor import Redactor
from giftcodes.domain.text import one_line

MAX_BYTES = 64 * 1024
TITLE_LENGTH, TEXT_LENGTH, FACTS, NAME_LENGTH, VALUE_LENGTH, TOTAL_LENGTH = (
    256,
    4096,
    25,
    256,
    1024,
    6000,
)
#: Of a 429 that names no time: the sender's own back-off is longer, and grows.
UNNAMED_WAIT_SECONDS = 1.0
#: After a success. If more is wanted, the next request is refused, and says so.
LONGEST_REST_SECONDS = 3_600.0

_PATH = re.compile(r"/api(?:/v[0-9]+)?/webhooks/([0-9]{1,25})/([A-Za-z0-9_.-]{1,120})/?")
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_MARKUP = re.compile(r"([\\*_~`|>#\[\]<@])")
_COLOURS = {
    Severity.RUNNING: 0x3498DB,
    Severity.GOOD: 0x2ECC71,
    Severity.ATTENTION: 0xF1C40F,
    Severity.ALARM: 0xE74C3C,
}
# Discord's own codes: https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_NO_SUCH_CHANNEL, _NO_SUCH_MESSAGE, _NO_SUCH_WEBHOOK, _BAD_TOKEN = 10003, 10008, 10015, 50027
_NO_REASON = 0
#: Too many edits of this one message: of an announcement channel, or older than an hour.
_EDITED_TOO_OFTEN = frozenset({20022, 30046})
#: A new message opens an archived thread, unless it is locked; an edit does not.
_CLOSED_THREAD = frozenset({50083, 160005})


class Discord:
    """One webhook.

    Args:
        address: as Discord shows it. A secret: whoever has it can post.
        total_seconds: one request in all.
        connect_seconds: of these, the most for reaching Discord.

    Raises:
        BadAddressError: it is not the address of a webhook.
    """

    can_edit = True

    def __init__(self, address: str, *, total_seconds: float, connect_seconds: float) -> None:
        self._url, self._query, secrets = _parts(address)
        self._hide = Redactor(*secrets)
        self._seconds = (total_seconds, connect_seconds)

    def create(self, post: Message) -> Delivery:
        """Post a new message, and learn its id."""
        return self._ask("POST", self._url, {**self._query, "wait": "true"}, post)

    def edit(self, message_id: str, post: Message) -> Delivery:
        """Replace what a message says. Safe to repeat."""
        return self._ask("PATCH", f"{self._url}/messages/{message_id}", self._query, post)

    def _ask(self, method: str, url: str, query: dict[str, str], post: Message) -> Delivery:
        total, connect = self._seconds
        transport = Transport(total_seconds=total, connect_seconds=connect, max_bytes=MAX_BYTES)
        address = f"{url}?{urlencode(query)}" if query else url
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            reply = transport.exchange(method, address, headers=headers, body=_encoded(post))
        except NotSentError as error:
            return self._failed(DeliveryOutcome.LATER, f"Discord could not be reached ({error}).")
        except NoAnswerError as error:
            return self._failed(DeliveryOutcome.UNKNOWN, f"Discord did not answer ({error}).")
        except Exception as error:  # noqa: BLE001 (a channel must never stop anything else)
            return self._failed(
                DeliveryOutcome.UNKNOWN, f"The message could not be sent ({type(error).__name__})."
            )
        finally:
            transport.close()
        return self._judge(reply, is_edit=method == "PATCH")

    def _judge(self, reply: Response, *, is_edit: bool) -> Delivery:
        status, said = reply.status, _json(reply)
        if status == 204 or (200 <= status < 300 and _id(said)):
            return _delivered(reply, said)
        if status < 400:
            return self._failed(
                DeliveryOutcome.UNKNOWN, f"An answer came that is not Discord's (HTTP {status})."
            )
        if status >= 500:
            return self._failed(
                DeliveryOutcome.UNKNOWN, f"Discord's server failed (HTTP {status})."
            )
        code = _code(said)
        if is_edit and code in _EDITED_TOO_OFTEN | _CLOSED_THREAD:
            return self._failed(
                DeliveryOutcome.FROZEN,
                f"Discord takes no edit of this message: {said.get('message', '')}",
            )
        if status == 429:
            words = "Discord, or a proxy before it, asks for fewer messages (HTTP 429)."
            return self._failed(DeliveryOutcome.LATER, words, _wait_seconds(reply, said))
        if code is None:
            words = f"Not Discord itself but a proxy before it refused the message (HTTP {status})."
            return self._failed(DeliveryOutcome.LATER, words, _wait_seconds(reply, said))
        fate, words = _refusal(status, code, str(said.get("message", "")))
        return self._failed(
            fate, words, _wait_seconds(reply, said) if fate is DeliveryOutcome.LATER else 0.0
        )

    def _failed(self, fate: DeliveryOutcome, error: str, wait_seconds: float = 0.0) -> Delivery:
        words = shortened(one_line(self._hide(error), 4 * ERROR_LENGTH), ERROR_LENGTH)
        return Delivery(fate, error=words, wait_seconds=wait_seconds)


def is_webhook(address: str) -> bool:
    """Whether an address is that of a Discord webhook, and not another channel's."""
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and _PATH.fullmatch(parts.path) is not None


def escaped(text: str) -> str:
    """Foreign text that Discord shows as it is: no markup, no link, no mention."""
    text = text.encode("utf-8", "replace").decode()
    return _MARKUP.sub(r"\\\1", text.replace("@", "@\u200b").replace("://", ":\u200b//"))


def payload(post: Message) -> dict[str, Any]:
    """The message as Discord wants it, within its lengths. It can mention nobody, whatever it says."""
    room = TOTAL_LENGTH
    embed: dict[str, Any] = {"color": _COLOURS[post.tone]}
    embed["title"], room = _fit(escaped(post.title), TITLE_LENGTH, room)
    if post.url:
        embed["url"] = post.url
    fields = []
    for name, value in post.facts[:FACTS]:
        shown_name, room = _fit(escaped(name) or "\u200b", NAME_LENGTH, room)
        shown_value, room = _fit(escaped(value) or "\u200b", VALUE_LENGTH, room)
        if shown_name and shown_value:
            fields.append({"name": shown_name, "value": shown_value, "inline": True})
    embed["description"], room = _fit(escaped(post.text), TEXT_LENGTH, room)
    embed["fields"] = fields
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _fit(text: str, limit: int, room: int) -> tuple[str, int]:
    """Text that is not too long, and the room that is left. An escape sign at the cut would swallow what follows."""
    limit = min(limit, room)
    if _length(text) > limit:
        kept = shortened(text, limit, length=_length).removesuffix("…")
        text = f"{kept.rstrip(chr(92))}…" if limit > 0 else ""
    return text, room - _length(text)


def _length(text: str) -> int:
    """As Discord counts: UTF-16 units, so that an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def _encoded(post: Message) -> bytes:
    return json.dumps(payload(post)).encode()


def _parts(address: str) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """The address with the version of ours, what it asks for (a thread), and what of it is secret."""
    parts = urlsplit(address.strip())
    match = _PATH.fullmatch(parts.path)
    if match is None or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        message = "This is not the address of a Discord webhook: copy it in the channel's settings, “Integrations”."
        raise BadAddressError(message)
    if parts.scheme != "https" and parts.hostname not in _LOCAL_HOSTS:
        message = "The address of a webhook is a secret: it must begin with https://."
        raise BadAddressError(message)
    thread = {name: value for name, value in parse_qsl(parts.query) if name == "thread_id"}
    number, token = match.groups()
    url = f"{parts.scheme}://{parts.netloc}/api/v10/webhooks/{number}/{token}"
    return url, thread, (address, address.strip(), f"{number}/{token}", token)


def _json(reply: Response) -> dict[str, Any]:
    try:
        said = json.loads(reply.body) if reply.cut is Truncation.NOT_CUT else {}
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _code(said: dict[str, Any]) -> int | None:
    """Discord's own code of an error; None: the answer is not Discord's."""
    code = said.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _refusal(status: int, code: int, words: str) -> tuple[DeliveryOutcome, str]:
    """What a refusal of Discord's own means, and what to do."""
    if code == _NO_SUCH_MESSAGE:
        return DeliveryOutcome.GONE, "The message was deleted in the channel."
    if code in (_NO_SUCH_WEBHOOK, _BAD_TOKEN):
        return (
            DeliveryOutcome.GONE,
            f"The webhook does not exist any more (HTTP {status}). Make a new one.",
        )
    if code == _NO_SUCH_CHANNEL:
        return (
            DeliveryOutcome.GONE,
            "The channel or thread of the webhook does not exist any more. Choose another.",
        )
    if code in _CLOSED_THREAD:
        return (
            DeliveryOutcome.REFUSED,
            "The thread is archived and locked. Open it in Discord, or choose another channel.",
        )
    if status in (401, 403, 404) and code == _NO_REASON:
        return (
            DeliveryOutcome.LATER,
            f"Discord refused the message and gave no reason (HTTP {status}: {words}).",
        )
    if status in (401, 403, 404):
        return (
            DeliveryOutcome.GONE,
            f"The webhook may not post there (HTTP {status}: {words}). Make a new one.",
        )
    return DeliveryOutcome.REFUSED, f"Discord refused the message (HTTP {status}): {words}"


def _id(said: dict[str, Any]) -> str:
    found = re.fullmatch(r"[0-9]{1,25}", str(said.get("id", "")))
    return found[0] if found else ""


def _delivered(reply: Response, said: dict[str, Any]) -> Delivery:
    """Posted. Without an id nobody can edit it; where no request is left, the channel rests."""
    rest = 0.0
    if reply.headers.get("X-RateLimit-Remaining", "").strip() == "0":
        rest = min(_seconds(reply.headers.get("X-RateLimit-Reset-After")), LONGEST_REST_SECONDS)
    return Delivery(DeliveryOutcome.DELIVERED, message_id=_id(said), wait_seconds=rest)


def _wait_seconds(reply: Response, said: dict[str, Any]) -> float:
    """The longest of what is asked for. All are seconds, the body's since version 8 of the API."""
    asked = [
        _seconds(reply.headers.get("X-RateLimit-Reset-After")),
        _seconds(said.get("retry_after")),
        retry_after_seconds(reply.headers) or 0.0,
    ]
    return max(asked) or UNNAMED_WAIT_SECONDS


def _seconds(value: object) -> float:
    """A time of the sender's in seconds, at most a day; 0.0: it is none."""
    try:
        seconds = float(str(value))
    except ValueError:
        return 0.0
    return min(seconds, LONGEST_WAIT_SECONDS) if seconds > 0 else 0.0
