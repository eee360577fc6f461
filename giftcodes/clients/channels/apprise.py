"""Any other channel, by an Apprise address (https://github.com/caronc/apprise/wiki): it can only be added to."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any

from giftcodes.clients.channels.base import (
    BadAddressError,
    Delivery,
    DeliveryOutcome,
    Message,
    Severity,
    shortened,
)

_KINDS = {
    Severity.RUNNING: "info",
    Severity.GOOD: "success",
    Severity.ATTENTION: "warning",
    Severity.ALARM: "failure",
}
TITLE_LENGTH, TEXT_LENGTH = 200, 3000


class AppriseChannel:
    """One channel of another service.

    Args:
        address: such as `tgram://token/chat`. A secret.
        total_seconds: as long as a message may take.

    Raises:
        BadAddressError: Apprise is not installed, or knows no such address.
    """

    can_edit = False

    def __init__(self, address: str, *, total_seconds: float) -> None:
        self._service = _service(address, seconds=total_seconds)
        self._seconds = total_seconds

    def create(self, post: Message) -> Delivery:
        """Post a message, once.

        Apprise says yes or no, and nothing else: no status, no body, no time to wait. Its yes is any success of HTTP,
        also a proxy's page. Its no may mean that only the answer was lost: that is unknown. It takes no time limit for
        the whole; a thread that is stuck in it is left to end by itself.
        """
        told: queue.SimpleQueue[bool] = queue.SimpleQueue()

        def send() -> None:
            try:
                told.put(bool(self._service.notify(**_words(post))))
            except Exception:  # noqa: BLE001 (its text may hold the address)
                told.put(False)

        threading.Thread(target=send, name="apprise", daemon=True).start()
        try:
            if told.get(timeout=self._seconds):
                return Delivery(DeliveryOutcome.DELIVERED)
        except queue.Empty:
            return Delivery(
                DeliveryOutcome.UNKNOWN,
                error=f"The channel's service did not answer in {self._seconds:g} s.",
            )
        return Delivery(
            DeliveryOutcome.UNKNOWN,
            error="The channel's service did not take the message. Check its address.",
        )

    def edit(self, message_id: str, post: Message) -> Delivery:  # noqa: ARG002
        """Not possible."""
        return Delivery(
            DeliveryOutcome.REFUSED, error="This kind of channel cannot change a message."
        )


def _service(address: str, *, seconds: float) -> Any:
    try:
        import apprise  # It takes half a second and some memory, and most installations never need it.
    except ImportError as error:
        message = "For channels other than Discord's the package apprise must be installed."
        raise BadAddressError(message) from error
    # Its lines, at any level, repeat addresses.
    logging.getLogger("apprise").disabled = True
    joiner = "&" if "?" in address else "?"
    service = apprise.Apprise.instantiate(
        f"{address}{joiner}cto={seconds / 2:g}&rto={seconds / 2:g}"
    )
    if service is None:
        message = "Apprise knows no such address: look at its list of services."
        raise BadAddressError(message)
    return service


def _words(post: Message) -> dict[str, str]:
    facts = "\n".join(f"{name}: {value}" for name, value in post.facts)
    body = "\n\n".join(part for part in (post.text, facts, post.url) if part) or post.title
    title, body = shortened(post.title, TITLE_LENGTH), shortened(body, TEXT_LENGTH)
    return {"title": title, "body": body, "notify_type": _KINDS[post.tone]}
