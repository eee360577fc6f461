"""Channels of other services, by an Apprise address (https://github.com/caronc/apprise/wiki).

Their messages cannot be edited.
"""

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

_NOTIFY_TYPES = {
    Severity.RUNNING: "info",
    Severity.GOOD: "success",
    Severity.ATTENTION: "warning",
    Severity.ALARM: "failure",
}
TITLE_LENGTH, TEXT_LENGTH = 200, 3000


class AppriseClient:
    """The client of one channel, by Apprise.

    Args:
        address: such as `tgram://token/chat`. A secret.
        total_seconds: the limit for one message.

    Raises:
        BadAddressError: Apprise is not installed, or does not know the address.
    """

    can_edit = False

    def __init__(self, address: str, *, total_seconds: float) -> None:
        self._service = _service(address, seconds=total_seconds)
        self._seconds = total_seconds

    def create(self, message: Message) -> Delivery:
        """Post a message, once.

        Apprise returns only True or False: no status, no body, no time to wait. True is any success
        of HTTP, also that of a proxy's page. False may mean that only the answer was lost, so its
        outcome is unknown. Apprise has no time limit for the whole request, so it runs in a thread,
        which is abandoned when the time is over.
        """
        results: queue.SimpleQueue[bool] = queue.SimpleQueue()

        def send() -> None:
            try:
                results.put(bool(self._service.notify(**_arguments(message))))
            except Exception:  # noqa: BLE001 (its text may contain the address)
                results.put(False)

        threading.Thread(target=send, name="apprise", daemon=True).start()
        try:
            if results.get(timeout=self._seconds):
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

    def edit(self, message_id: str, message: Message) -> Delivery:  # noqa: ARG002
        """Refuse: Apprise cannot edit."""
        return Delivery(
            DeliveryOutcome.REFUSED, error="This kind of channel cannot change a message."
        )


def _service(address: str, *, seconds: float) -> Any:
    try:
        # Imported here: it takes half a second and some memory, and few installations need it.
        import apprise
    except ImportError as error:
        message = "For channels other than Discord's the package apprise must be installed."
        raise BadAddressError(message) from error
    # Its log lines contain addresses, at every level.
    logging.getLogger("apprise").disabled = True
    joiner = "&" if "?" in address else "?"
    service = apprise.Apprise.instantiate(
        f"{address}{joiner}cto={seconds / 2:g}&rto={seconds / 2:g}"
    )
    if service is None:
        message = "Apprise does not know this address: look at its list of services."
        raise BadAddressError(message)
    return service


def _arguments(message: Message) -> dict[str, str]:
    facts = "\n".join(f"{name}: {value}" for name, value in message.facts)
    body = "\n\n".join(part for part in (message.text, facts, message.url) if part) or message.title
    title, body = shortened(message.title, TITLE_LENGTH), shortened(body, TEXT_LENGTH)
    return {"title": title, "body": body, "notify_type": _NOTIFY_TYPES[message.severity]}
