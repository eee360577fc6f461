"""Which logins are refused: those of an address, and those of many addresses for one account.

After five wrong logins an address waits, whatever the account (decision 12). An attacker with many
addresses could still try five passwords for one account from each of them. So an account for which
many logins have failed is guarded: a network from which it has never logged in has one attempt in
the time in which it would have five for each address. What one network does never counts for
another, so the owner of an account cannot be locked out by others.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.db.models import Sum

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: An account is guarded when so many logins for it have failed within the cool-off time.
GUARDED_AFTER_FAILURES = 20
#: The networks of which each has one attempt: an attacker easily gets all addresses of one.
_NETWORK_BITS = {4: 24, 6: 48}


class LoginHandler(AxesDatabaseHandler):  # type: ignore[misc] # Untyped.
    """Counts failed logins by address as axes does, and guards accounts that are guessed at."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Whether a login is refused without a look at its password."""
        if super().is_locked(request, credentials):
            return True
        username = get_client_username(request, credentials)
        request.account_is_guarded = bool(username) and is_guarded_against(request, username)  # type: ignore[attr-defined]
        return bool(request.account_is_guarded)  # type: ignore[attr-defined]


def is_guarded_against(request: HttpRequest, username: str) -> bool:
    """Whether an account is guarded, and the request's network has used its attempt.

    Args:
        request: with the attributes of axes.
        username: of the account. It need not exist, so that nothing is told about accounts.
    """
    failed = AccessAttempt.objects.filter(
        username=username, attempt_time__gte=get_cool_off_threshold(request)
    )
    failures = failed.aggregate(Sum("failures_since_start"))["failures_since_start__sum"] or 0
    if failures < GUARDED_AFTER_FAILURES:
        return False
    address = request.axes_ip_address  # type: ignore[attr-defined]
    succeeded = AccessLog.objects.filter(username=username)
    return not of_network(succeeded, address).exists() and of_network(failed, address).exists()


def of_network(rows: QuerySet[Any], address: str | None) -> QuerySet[Any]:
    """Those of these attempts that came from the network of an address."""
    if address is None:
        return rows.filter(ip_address__isnull=True)
    bits = _NETWORK_BITS[ip_address(address).version]
    network = ip_network((address, bits), strict=False)
    return rows.filter(ip_address__gte=str(network[0]), ip_address__lte=str(network[-1]))
