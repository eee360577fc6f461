"""/metrics: the state of the system for Prometheus, in its text format or in OpenMetrics."""

from __future__ import annotations

import ipaddress
import threading
import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.http.request import split_domain_port
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from giftcodes.queries.metrics import METRICS, Samples
from giftcodes.queries.metrics import metrics as read_metrics
from giftcodes.sql import execute
from redeemer.client_address import was_passed_on
from redeemer.security import client_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpRequest

#: A request is answered within this time, even if the database does not answer. Prometheus waits
#: for ten seconds.
ANSWER_SECONDS = 5.0
#: The time limit for each statement, for PostgreSQL.
_STATEMENT_LIMIT = "2s"
_NO_DATABASE = "The database does not answer."
_WHAT_IS_NEEDED = (
    "This address needs the token METRICS_TOKEN, as the header “Authorization: Bearer <token>”."
)
_NOT_LOCAL = (
    "Without METRICS_TOKEN, only a program on the same machine can read this address, at "
    "127.0.0.1 or localhost."
)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics.

    If METRICS_TOKEN is set, the status is 401 for a request without this token. If it is not set,
    the status is 404 for a request that is not from this machine. It is 503 if the database does
    not answer in time.
    """
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    found = _Reading().result(ANSWER_SECONDS)
    if found is None:
        return _line(_NO_DATABASE, 503)
    # This import takes half a megabyte of memory, so only a process that is asked for metrics does
    # it.
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_Families(found)), content_type=content_type)


# --- Access ---------------------------------------------------------------------------------------
def _refusal(request: HttpRequest) -> HttpResponse | None:
    if not settings.METRICS_TOKEN:
        return None if _is_local(request) else _line(_NOT_LOCAL, 404)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        return None
    response = _line(_WHAT_IS_NEEDED, 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _is_local(request: HttpRequest) -> bool:
    """Whether the request comes from this machine, and not through a proxy on it.

    If a visitor's request comes through such a proxy, the connection is local, and the visitor can
    send the name of this machine. But then the proxy has added its headers.
    """
    if was_passed_on(request.META):
        return False
    host, _port = split_domain_port(request.get_host())
    address = client_address(request)
    if host not in settings.THIS_MACHINE or address is None:
        return False
    return ipaddress.ip_address(address).is_loopback


def _line(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


# --- Reading --------------------------------------------------------------------------------------
class _Reading:
    """Reads the metrics in a thread of its own, so that the request can give up waiting for it.

    A server that is frozen neither answers nor closes the connection, so no limit of its own helps.
    Only one reading takes place at a time, so that only one thread waits for a frozen server.
    """

    _only_one = threading.Lock()

    def __init__(self, read: Callable[[], dict[str, Samples]] = read_metrics) -> None:
        self._read = read
        self._found: dict[str, Samples] | Exception | None = None

    def result(self, seconds: float) -> dict[str, Samples] | None:
        """Return the metrics, or None if the database does not answer within this time.

        Raises:
            Exception: whatever else went wrong.
        """
        ends_at = time.monotonic() + seconds
        if not self._only_one.acquire(timeout=seconds):
            return None
        thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        thread.start()
        thread.join(max(0.0, ends_at - time.monotonic()))
        found = self._found
        if isinstance(found, DatabaseError):
            return None
        if isinstance(found, Exception):
            raise found
        return found

    def _run(self) -> None:
        try:
            with transaction.atomic():
                execute(f"SET LOCAL statement_timeout = '{_STATEMENT_LIMIT}'")
                self._found = self._read()
        except Exception as error:  # noqa: BLE001 - the request raises it
            self._found = error
        finally:
            try:
                connection.close()
            finally:
                self._only_one.release()


class _Families:
    """The metrics as prometheus_client encodes them: a collector."""

    def __init__(self, found: dict[str, Samples]) -> None:
        self._found = found

    def collect(self) -> Iterator[Any]:
        """Yield each metric with its samples."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        for name, samples in self._found.items():
            metric = METRICS[name]
            kind = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
            family = kind(metric.name, metric.help, labels=metric.labels)
            for labels, value in sorted(samples.items()):
                family.add_metric(labels, value)
            yield family
