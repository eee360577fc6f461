"""Decides which logins are refused, by the client's address and by the account.

After five wrong logins an address must wait, whatever the account (decision 12). An attacker with
many addresses could still try five passwords for one account from each of them. So after many
failed logins an account is guarded. While it is guarded, each network from which the account's
owner has never logged in gets one attempt in each cool-off time, instead of five for each address.
The attempts of one network never count for another network, so other people cannot lock out the
owner of an account.
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

#: An account is guarded when this many logins for it have failed within the cool-off time.
GUARDED_AFTER_FAILURES = 20
#: The prefix length of the networks that get one attempt each, by IP version. An attacker can
#: easily get all addresses of such a network, so they count as one.
_NETWORK_BITS = {4: 24, 6: 48}


class LoginHandler(AxesDatabaseHandler):  # type: ignore[misc] # Untyped.
    """Counts failed logins by address, as axes does, and guards accounts that are attacked."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Whether a login is refused without checking its password."""
        if super().is_locked(request, credentials):
            return True
        username = get_client_username(request, credentials)
        request.account_is_guarded = bool(username) and is_guarded_against(request, username)  # type: ignore[attr-defined]
        return bool(request.account_is_guarded)  # type: ignore[attr-defined]


def is_guarded_against(request: HttpRequest, username: str) -> bool:
    """Whether an account is guarded and the request's network has already used its attempt.

    Args:
        request: a request that has the attributes that axes adds.
        username: the name of the account. Names without an account are treated in the same way, so
            that the response does not reveal which accounts exist.
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
    """Return the rows whose attempt came from the same network as `address`.

    Args:
        rows: rows of axes, such as AccessAttempt or AccessLog.
        address: an IP address. None stands for the attempts whose address is not known.
    """
    if address is None:
        return rows.filter(ip_address__isnull=True)
    bits = _NETWORK_BITS[ip_address(address).version]
    network = ip_network((address, bits), strict=False)
    return rows.filter(ip_address__gte=str(network[0]), ip_address__lte=str(network[-1]))
