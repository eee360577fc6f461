"""Channels that the library Apprise supports (https://github.com/caronc/apprise/wiki).

Their messages cannot be edited. The module `services` decides which addresses are allowed, and
`safe_text` makes names harmless. The rule about private addresses (`http.destinations`) applies to
every connection that Apprise makes. Redirects are not followed.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from giftcodes.clients.channels.apprise_http import noted_answers, take_over
from giftcodes.clients.channels.base import (
    UNNAMED_WAIT_SECONDS,
    BadAddressError,
    ChannelRules,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
)
from giftcodes.clients.channels.safe_text import Markup, cut, safe
from giftcodes.clients.channels.services import (
    Service,
    check_arguments,
    host_of,
    scheme_of,
    service_of,
    services_allowed,
)
from giftcodes.clients.http.guard import Guard, guarded
from giftcodes.clients.http.headers import retry_after_seconds
from giftcodes.domain.sentences import Sentence

if TYPE_CHECKING:
    import requests

_NOTIFY_TYPES = {
    Severity.RUNNING: "info",
    Severity.GOOD: "success",
    Severity.NEUTRAL: "info",
    Severity.ATTENTION: "warning",
    Severity.ALARM: "failure",
}
TITLE_LENGTH, TEXT_LENGTH = 200, 3000
_WIKI = "https://github.com/caronc/apprise/wiki"


class AppriseClient:
    """The client of one channel that Apprise supports.

    Args:
        address: an address such as `tgram://token/chat`. It is a secret.
        total_seconds: the limit for one message.
        rules: which addresses are allowed.

    Raises:
        BadAddressError: Apprise is not installed, or the address is unknown or not allowed.
    """

    can_edit = False

    def __init__(self, address: str, *, total_seconds: float, rules: ChannelRules) -> None:
        self._service = service_of(address, rules)
        self._plugin = _plugin(address, self._service, seconds=total_seconds)
        self._seconds = total_seconds
        self._rules = rules
        self.host = host_of(self._service, self._plugin)

    def create(self, message: Message) -> Delivery:
        """Post a message, once.

        Apprise returns only True or False, so this method also looks at the HTTP answers. After
        False, the message may have been posted. It was certainly not posted only if no connection
        was made, or if the only answer asks us to wait. Apprise has no time limit for the whole
        request, so it is called in a thread, which is abandoned when the time is up.
        """
        results: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        threading.Thread(
            target=lambda: results.put(self._send(message)), name="apprise", daemon=True
        ).start()
        try:
            return results.get(timeout=self._seconds)
        except queue.Empty:
            return Delivery(
                DeliveryOutcome.UNKNOWN,
                error=Sentence.of("service_no_answer", seconds=f"{self._seconds:g}"),
            )

    def _send(self, message: Message) -> Delivery:
        with guarded(self._rules.private_hosts) as guard, noted_answers() as answers:
            try:
                is_sent = bool(self._plugin.notify(**arguments_of(message, self._service.markup)))
            except Exception:  # noqa: BLE001 (dropped: its text may contain the address)
                is_sent = False
        return _delivery(is_sent=is_sent, guard=guard, answers=answers)

    def edit(self, message_id: str, message: Message) -> Delivery:  # noqa: ARG002
        """Refuse, because Apprise cannot edit messages."""
        return Delivery(DeliveryOutcome.REFUSED, error=Sentence.of("service_no_edit"))


def _delivery(*, is_sent: bool, guard: Guard, answers: list[requests.Response]) -> Delivery:
    """Decide whether a message was delivered."""
    if guard.has_refused and not guard.has_connected:
        return Delivery(DeliveryOutcome.REFUSED, error=Sentence.of("channel_at_private_host"))
    if not is_sent and not guard.has_connected:
        return Delivery(DeliveryOutcome.LATER, error=Sentence.of("service_unreached"))
    if not is_sent and len(answers) == 1 and answers[0].status_code == 429:
        return Delivery(
            DeliveryOutcome.LATER,
            error=Sentence.of("service_too_many"),
            wait_seconds=retry_after_seconds(answers[0].headers) or UNNAMED_WAIT_SECONDS,
        )
    if is_sent and any(_is_web_page(answer) for answer in answers):
        return Delivery(
            DeliveryOutcome.UNKNOWN,
            error=Sentence.of("service_web_page"),
        )
    if is_sent:
        return Delivery(DeliveryOutcome.DELIVERED)
    return Delivery(
        DeliveryOutcome.UNKNOWN,
        error=Sentence.of("service_refused"),
    )


def _is_web_page(answer: requests.Response) -> bool:
    try:
        return answer.content.lstrip()[:1] == b"<"
    except RuntimeError:  # The plug-in has read the body in pieces, and accepted it.
        return False


def _plugin(address: str, service: Service, *, seconds: float) -> Any:
    """Create Apprise's object for an address."""
    try:
        # Imported here because it costs half a second and some memory, and few installations need
        # it.
        import apprise
        from apprise.plugins import url_to_dict
    except ImportError as error:
        raise BadAddressError(Sentence.of("apprise_missing")) from error
    # Apprise's log lines contain addresses, at every log level.
    logging.getLogger("apprise").disabled = True
    parsed: dict[str, Any] | None = url_to_dict(address)  # type: ignore[no-untyped-call]
    plugin = None
    if parsed and parsed.get("schema") == scheme_of(address):
        check_arguments(service, parsed)
        parsed |= {"cto": seconds / 2, "rto": seconds / 2}
        asset = apprise.AppriseAsset(http_redirects=False)
        plugin = apprise.Apprise.instantiate(parsed, asset=asset)
        take_over()
    if plugin is None:
        raise BadAddressError(
            Sentence.of(
                "apprise_unknown_address",
                scheme=scheme_of(address),
                wiki=_WIKI,
                allowed=services_allowed(),
            )
        )
    return plugin


def unknown_schemes(names: Iterable[str]) -> list[str]:
    """Return the schemes that Apprise does not know, or no schemes if it is not installed."""
    wanted = list(names)
    if not wanted:
        return []
    try:
        from apprise.manager_plugins import NotificationManager
    except ImportError:
        return []
    known = NotificationManager().schemas()  # type: ignore[no-untyped-call]
    return [name for name in wanted if name.strip().lower().removesuffix("://") not in known]


def arguments_of(message: Message, markup: Markup) -> dict[str, str]:
    """Return the message as arguments for Apprise. All texts except our own link are made safe."""
    facts = "\n".join(f"{name}: {value}" for name, value in message.facts)
    words = "\n\n".join(part for part in (message.text, facts) if part)
    room = TEXT_LENGTH - (len(message.url) + 2 if message.url else 0)
    text = cut(safe(words, markup), room)
    title = cut(safe(message.title, markup), TITLE_LENGTH)
    body = "\n\n".join(part for part in (text, message.url) if part) or title
    return {
        "title": title,
        "body": body,
        "notify_type": _NOTIFY_TYPES[message.severity],
        "body_format": "markdown" if markup is Markup.MARKDOWN else "text",
    }
