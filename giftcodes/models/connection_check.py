"""The last test of each connection: to a game, to an added feed, or to the operator's channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.findings import Finding, FindingKind, Topic
from giftcodes.models.clock import Clock, clock_plus
from giftcodes.models.games import fingerprint

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from giftcodes.clients.games.config import ProviderConfig

#: A test that has not ended after this time was lost with its process. Each of its requests takes
#: at most 15 s by default.
LOST_AFTER_SECONDS = 90.0

#: A test that no worker has begun after this time is enqueued again.
FORGOTTEN_AFTER_SECONDS = 5.0

#: Findings that say nothing about the connection itself.
_NO_VERDICT = {
    FindingKind.LIMIT_USED_UP,
    FindingKind.LIMIT_USED_UP_FOR,
    FindingKind.OPERATOR_PAUSE,
    FindingKind.THROTTLED,
}


class ConnectionCheckQuerySet(models.QuerySet["ConnectionCheck"]):
    def request(self, name: str, *, user_id: int | None, config_hash: str) -> int | None:
        """Ask for a test. A worker does it.

        Args:
            name: the game, `OPERATOR_CHANNEL`, or the name of a feed's test (`services.sources`).
            user_id: the person who asked for it.
            config_hash: the fingerprint of what is tested.

        Returns:
            The number of the test. None if a test of the same values is under way.
        """
        _row, is_new = self.get_or_create(
            pk=name, defaults={"asked_by_id": user_id, "config_hash": config_hash}
        )
        if is_new:
            return 1
        changed = (
            self.filter(pk=name)
            .exclude(self._under_way(), config_hash=config_hash)
            .update(
                token=F("token") + 1,
                asked_at=Clock(),
                asked_by=user_id,
                config_hash=config_hash,
                started_at=None,
                finished_at=None,
                findings=[],
            )
        )
        return self.values_list("token", flat=True).get(pk=name) if changed else None

    def claim(self, name: str, token: int) -> bool:
        """Begin a test. Return False if another task began it or a newer test was asked for."""
        waiting = self.filter(pk=name, token=token, started_at__isnull=True)
        return bool(waiting.update(started_at=Clock()))

    def finish(self, name: str, token: int, found: Iterable[tuple[Topic, Finding]]) -> bool:
        """Store the findings of a test. Return False if a newer test was asked for meanwhile."""
        rows = [{"topic": topic.value, **finding.to_json()} for topic, finding in found]
        ours = self.filter(pk=name, token=token, finished_at__isnull=True)
        return bool(ours.update(findings=rows, finished_at=Clock()))

    def forgotten(self) -> list[ConnectionCheck]:
        """The tests that no worker has begun in time, probably because their message was lost."""
        old = clock_plus(-FORGOTTEN_AFTER_SECONDS)
        return list(self.filter(self._under_way(), started_at__isnull=True, asked_at__lt=old))

    def _under_way(self) -> Q:
        recent = Q(asked_at__gt=clock_plus(-LOST_AFTER_SECONDS))
        return recent & Q(finished_at__isnull=True)


class ConnectionCheck(models.Model):
    """A test of a connection that a person asked for, and what it found.

    A test sends requests, so a worker does it, and the page reads this row.
    """

    name = models.CharField(max_length=60, primary_key=True)
    token = models.PositiveIntegerField(default=1)
    #: The fingerprint of the configuration that is tested.
    config_hash = models.CharField(max_length=16)
    asked_at = models.DateTimeField(_("asked for"), db_default=Clock())
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("tested"), null=True)
    findings = models.JSONField(default=list)

    objects = ConnectionCheckQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection test")
        verbose_name_plural = _("connection tests")
        #: Only administrators open the page, so no permission is needed.
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def found(self) -> list[tuple[Topic, Finding]]:
        """The topic and the finding of each check, in the order of the checks."""
        rows: list[dict[str, Any]] = self.findings
        return [(Topic(row["topic"]), Finding.from_json(row)) for row in rows]

    def is_under_way(self, now: dt.datetime) -> bool:
        """Whether the test waits or runs. After `LOST_AFTER_SECONDS`, it counts as lost."""
        waited = (now - self.asked_at).total_seconds()
        return self.finished_at is None and waited < LOST_AFTER_SECONDS

    def is_about(self, config: ProviderConfig) -> bool:
        """Whether the test was done with this configuration."""
        return self.config_hash == fingerprint(config)

    @property
    def is_good(self) -> bool | None:
        """Whether the game accepts our requests. None if the test did not find that out."""
        if self.finished_at is None:
            return None
        if any(one.kind is FindingKind.SIGNATURE_ACCEPTED for _topic, one in self.found):
            return True
        return False if self.trouble is not None else None

    @property
    def trouble(self) -> Finding | None:
        """The first finding that shows that the game cannot be used."""
        return next(
            (
                one
                for topic, one in self.found
                if one.ok is False
                and topic in (Topic.SALT, Topic.SERVICE, Topic.GAME)
                and one.kind not in _NO_VERDICT
            ),
            None,
        )
