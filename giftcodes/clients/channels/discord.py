"""Discord's webhooks: create a message, and edit it later.

Documentation: https://discord.com/developers/docs/resources/webhook and …/topics/rate-limits. Our
URL names version 10 of the API. Since version 8, `retry_after` is in seconds; if the URL named no
version, it would be in milliseconds.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from giftcodes.clients.channels.base import (
    ERROR_LENGTH,
    UNNAMED_WAIT_SECONDS,
    BadAddressError,
    ChannelRules,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
    shortened,
)
from giftcodes.clients.channels.safe_text import ZERO_WIDTH_SPACE, Markup, cut, safe
from giftcodes.clients.http import (
    ForbiddenHostError,
    NoAnswerError,
    NotSentError,
    Response,
    Transport,
    Truncation,
)
from giftcodes.clients.http.headers import LONGEST_WAIT_SECONDS, retry_after_seconds
from giftcodes.clients.http.redactor import Redactor
from giftcodes.domain.sentences import Sentence
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
#: The longest wait after a delivered message. If Discord needs a longer one, it refuses the next
#: request.
LONGEST_PAUSE_SECONDS = 3_600.0

_PATH = re.compile(r"/api(?:/v[0-9]+)?/webhooks/([0-9]{1,25})/([A-Za-z0-9_.-]{1,120})/?")
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_DISCORD_HOSTS = ("discord.com", "discordapp.com")
#: Replaces characters that look alike, so that `_NAME` is found in a host such as `d1sc0rd.com`.
_LOOK_ALIKES = str.maketrans("01l", "oii", "-_")
_NAME = "discord"
#: The origin of webhooks whose address is in Apprise's form.
ORIGIN = "https://discord.com"
#: Apprise's form of the address of a webhook.
_APPRISE = re.compile(
    r"discord://(?:[^/?#@]*@)?([0-9]{1,25})/([A-Za-z0-9_.-]{1,120})/?(?:\?(.*))?",
    re.IGNORECASE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\([\\*_~`|>#\[\]<])")
_COLOURS = {
    Severity.RUNNING: 0x3498DB,
    Severity.GOOD: 0x2ECC71,
    Severity.NEUTRAL: 0x95A5A6,
    Severity.ATTENTION: 0xF1C40F,
    Severity.ALARM: 0xE74C3C,
}
# Discord's own codes: https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
NO_SUCH_CHANNEL, NO_SUCH_MESSAGE, _NO_SUCH_WEBHOOK, _BAD_TOKEN = 10003, 10008, 10015, 50027
NO_REASON = 0
#: The codes for too many edits of a message that is in an announcement channel or older than an
#: hour.
_EDITED_TOO_OFTEN = frozenset({20022, 30046})
#: The codes for an archived thread. A new message opens it unless it is locked; an edit does not.
CLOSED_THREAD = frozenset({50083, 160005})


class DiscordClient:
    """The client of one webhook.

    Args:
        address: the address as Discord shows it, or in Apprise's form, `discord://number/token`.
            It is a secret, because nothing else is needed to post.
        total_seconds: the limit for one request.
        connect_seconds: the part of `total_seconds` that connecting may take.
        rules: which addresses are allowed.

    Raises:
        BadAddressError: the address does not belong to a webhook, or does not use HTTPS.
    """

    can_edit = True

    def __init__(
        self, address: str, *, total_seconds: float, connect_seconds: float, rules: ChannelRules
    ) -> None:
        self._url, self._query, secrets = _parts(address)
        self._hide = Redactor(*secrets)
        self._seconds = (total_seconds, connect_seconds)
        self._rules = rules
        self.host = urlsplit(self._url).hostname or ""
        self._headers: dict[str, str] = {}

    def create(self, message: Message) -> Delivery:
        """Post a new message. The delivery contains the message's ID."""
        query = {**self._query, "wait": "true"}
        return self._request("POST", self._url, query, payload(message))

    def edit(self, message_id: str, message: Message) -> Delivery:
        """Replace a message. This is safe to repeat."""
        url = f"{self._url}/messages/{message_id}"
        return self._request("PATCH", url, self._query, payload(message))

    def _request(
        self, method: str, url: str, query: dict[str, str], content: dict[str, Any]
    ) -> Delivery:
        total, connect = self._seconds
        transport = Transport(
            total_seconds=total,
            connect_seconds=connect,
            max_bytes=MAX_BYTES,
            private_hosts=self._rules.private_hosts,
        )
        address = f"{url}?{urlencode(query)}" if query else url
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= self._headers
        body = json.dumps(content).encode()
        try:
            response = transport.exchange(method, address, headers=headers, body=body)
        except ForbiddenHostError:
            return self._failed(DeliveryOutcome.REFUSED, "channel_at_private_host")
        except NotSentError as error:
            return self._failed(DeliveryOutcome.LATER, "discord_unreached", error=str(error))
        except NoAnswerError as error:
            return self._failed(DeliveryOutcome.UNKNOWN, "discord_no_answer", error=str(error))
        except Exception as error:  # noqa: BLE001 (a channel must not break its caller)
            return self._failed(
                DeliveryOutcome.UNKNOWN, "message_not_sent", error=type(error).__name__
            )
        finally:
            transport.close()
        return self._delivery(response, is_edit=method == "PATCH")

    def _delivery(self, response: Response, *, is_edit: bool) -> Delivery:
        status, answer = response.status, _json(response)
        if status == 204 or (200 <= status < 300 and _id(answer)):
            return _delivered(response, answer)
        if status < 400:
            return self._failed(DeliveryOutcome.UNKNOWN, "discord_not_discord", status=status)
        if status >= 500:
            return self._failed(DeliveryOutcome.UNKNOWN, "discord_failed", status=status)
        code = _code(answer)
        if is_edit and code in _EDITED_TOO_OFTEN | CLOSED_THREAD:
            return self._failed(
                DeliveryOutcome.FROZEN,
                "discord_no_edit",
                said=str(answer.get("message", "")),
            )
        if status == 429:
            wait = _wait_seconds(response, answer)
            return self._failed(DeliveryOutcome.LATER, "discord_too_many", wait)
        if code is None:
            wait = _wait_seconds(response, answer)
            return self._failed(DeliveryOutcome.LATER, "discord_proxy_refused", wait, status=status)
        outcome, key = self._refusal(status, code)
        wait = _wait_seconds(response, answer) if outcome is DeliveryOutcome.LATER else 0.0
        if outcome is DeliveryOutcome.DELIVERED:
            return Delivery(outcome)
        said = str(answer.get("message", ""))
        return self._failed(outcome, key, wait, status=status, said=said)

    def _refusal(self, status: int, code: int) -> tuple[DeliveryOutcome, str]:
        """Return the outcome of a refusal by Discord itself, and the key of its sentence."""
        return _refusal(status, code)

    def _failed(
        self,
        outcome: DeliveryOutcome,
        key: str,
        wait_seconds: float = 0.0,
        **values: str | int,
    ) -> Delivery:
        """Return the delivery of a message that was not posted, or may not have been posted.

        Args:
            outcome: which of these, and whether a retry makes sense.
            key: the key of the sentence about it.
            wait_seconds: how long Discord asks us to wait.
            values: the values of the sentence. Texts come from outside, so they may be long or
                contain a secret.
        """
        safe = {
            name: value
            if isinstance(value, int)
            else shortened(one_line(self._hide(value), 4 * ERROR_LENGTH), ERROR_LENGTH)
            for name, value in values.items()
        }
        return Delivery(outcome, error=Sentence.of(key, **safe), wait_seconds=wait_seconds)


def is_webhook(address: str) -> bool:
    """Return whether an address has the form of a Discord webhook's address."""
    try:
        parts = urlsplit(_as_discord_writes(address))
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and _PATH.fullmatch(parts.path) is not None


def escaped(text: str) -> str:
    """Escape a text, so that Discord shows it without markup, links and mentions."""
    return safe(text, Markup.MARKDOWN)


def unescaped(text: str) -> str:
    """Return what Discord shows for an escaped text."""
    return _ESCAPED.sub(r"\1", text).replace(ZERO_WIDTH_SPACE, "")


def payload(message: Message) -> dict[str, Any]:
    """Return the message as JSON for Discord, within Discord's length limits.

    It mentions no user and no role, except for the role in `message.role_id`. `allowed_mentions`
    lists what may ping, whatever the texts contain. An edit never pings.
    """
    room = TOTAL_LENGTH
    embed: dict[str, Any] = {"color": _COLOURS[message.severity]}
    embed["title"], room = _fit(escaped(message.title), TITLE_LENGTH, room)
    if message.url:
        embed["url"] = message.url
    fields = []
    for name, value in message.facts[:FACTS]:
        shown_name, room = _fit(escaped(name) or "\u200b", NAME_LENGTH, room)
        shown_value, room = _fit(escaped(value) or "\u200b", VALUE_LENGTH, room)
        if shown_name and shown_value:
            fields.append({"name": shown_name, "value": shown_value, "inline": True})
    embed["description"], room = _fit(escaped(message.text), TEXT_LENGTH, room)
    embed["fields"] = fields
    mentions: dict[str, Any] = {"parse": []}
    body = {"embeds": [embed], "allowed_mentions": mentions}
    if message.role_id:
        body["content"] = f"<@&{message.role_id}>"
    if message.role_id and message.pings:
        mentions["roles"] = [message.role_id]
    return body


def _fit(text: str, limit: int, room: int) -> tuple[str, int]:
    """Return the text, cut to `limit` and `room`, and the room that is left after it."""
    text = cut(text, min(limit, room), length=length)
    return text, room - length(text)


def length(text: str) -> int:
    """Return the length as Discord counts it, in UTF-16 code units. Most emoji count as two."""
    return len(text.encode("utf-16-le")) // 2


def _parts(address: str) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Return the URL of a webhook, its query (the thread, if any), and the secrets to redact.

    The URL names the version of the API that we use.
    """
    parts = urlsplit(_as_discord_writes(address))
    match = _PATH.fullmatch(parts.path)
    if match is None or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise BadAddressError(Sentence.of("address_not_discord"))
    if parts.scheme != "https" and parts.hostname not in _LOCAL_HOSTS:
        raise BadAddressError(Sentence.of("address_not_https"))
    if _imitates_discord(parts.hostname or ""):
        raise BadAddressError(Sentence.of("address_like_discord", origin=ORIGIN))
    thread = {name: value for name, value in parse_qsl(parts.query) if name == "thread_id"}
    number, token = match.groups()
    url = f"{parts.scheme}://{parts.netloc}/api/v10/webhooks/{number}/{token}"
    return url, thread, (address, address.strip(), f"{number}/{token}", token)


def _imitates_discord(host: str) -> bool:
    """Return whether a person could take a host for one of Discord's.

    A webhook may be at another host, such as a proxy. But if an officer trusted a stranger's
    address because it contains “discord”, the stranger would get the messages.
    """
    host = host.rstrip(".")
    if host in _DISCORD_HOSTS or host.endswith(tuple(f".{name}" for name in _DISCORD_HOSTS)):
        return False
    # Foreign letters may look like Latin ones. `xn--` begins their ASCII encoding.
    is_foreign = not host.isascii() or host.startswith("xn--") or ".xn--" in host
    return is_foreign or _NAME in host.translate(_LOOK_ALIKES)


def _as_discord_writes(address: str) -> str:
    match = _APPRISE.fullmatch(address.strip())
    if match is None:
        return address.strip()
    number, token, query = match.groups()
    threads = [
        value for name, value in parse_qsl(query or "") if name in ("thread", "thread_id") and value
    ]
    thread = f"?{urlencode({'thread_id': threads[-1]})}" if threads else ""
    return f"{ORIGIN}/api/webhooks/{number}/{token}{thread}"


def _json(response: Response) -> dict[str, Any]:
    try:
        answer = json.loads(response.body) if response.truncation is Truncation.NONE else {}
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _code(answer: dict[str, Any]) -> int | None:
    """Return Discord's error code, or None if the answer is not from Discord."""
    code = answer.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _refusal(status: int, code: int) -> tuple[DeliveryOutcome, str]:
    if code == NO_SUCH_MESSAGE:
        return DeliveryOutcome.DELETED, "discord_message_deleted"
    if code in (_NO_SUCH_WEBHOOK, _BAD_TOKEN):
        return DeliveryOutcome.GONE, "discord_webhook_gone"
    if code == NO_SUCH_CHANNEL:
        return DeliveryOutcome.GONE, "discord_webhook_channel_gone"
    if code in CLOSED_THREAD:
        return DeliveryOutcome.REFUSED, "discord_thread_closed"
    if status in (401, 403, 404) and code == NO_REASON:
        return DeliveryOutcome.LATER, "discord_no_reason"
    if status in (401, 403, 404):
        return DeliveryOutcome.GONE, "discord_webhook_forbidden"
    return REFUSED


#: The outcome of a refusal that says nothing about the channel, and the key of its sentence.
REFUSED = DeliveryOutcome.REFUSED, "discord_refused"


def _id(answer: dict[str, Any]) -> str:
    found = re.fullmatch(r"[0-9]{1,25}", str(answer.get("id", "")))
    return found[0] if found else ""


def _delivered(response: Response, answer: dict[str, Any]) -> Delivery:
    """Return the delivery of a posted message.

    If no request is left in the rate window, the delivery asks for a pause.
    """
    pause = 0.0
    if response.headers.get("X-RateLimit-Remaining", "").strip() == "0":
        pause = min(
            _seconds(response.headers.get("X-RateLimit-Reset-After")), LONGEST_PAUSE_SECONDS
        )
    return Delivery(DeliveryOutcome.DELIVERED, message_id=_id(answer), wait_seconds=pause)


def _wait_seconds(response: Response, answer: dict[str, Any]) -> float:
    """Return the longest of the waits that the answer asks for, in seconds.

    The result is `UNNAMED_WAIT_SECONDS` if the answer asks for none.
    """
    asked = [
        _seconds(response.headers.get("X-RateLimit-Reset-After")),
        _seconds(answer.get("retry_after")),
        retry_after_seconds(response.headers) or 0.0,
    ]
    return max(asked) or UNNAMED_WAIT_SECONDS


def _seconds(value: object) -> float:
    """Read seconds from a header or field, at most a day.

    The result is 0.0 if `value` is not a positive number.
    """
    try:
        seconds = float(str(value))
    except ValueError:
        return 0.0
    return min(seconds, LONGEST_WAIT_SECONDS) if seconds > 0 else 0.0
