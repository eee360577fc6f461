"""Stored counts of rows, because counting that many rows at each request would take too long."""

from __future__ import annotations

from django.db import models

#: The name of a row of `Cursor`. The figures count all attempts that were answered up to its `at`.
CURSOR = "figures"


class KeptFigure(models.Model):
    """How many rows of a kind there are. `pipeline.figures` writes these rows every minute.

    The figures `attempts` only ever grow: they count every attempt with an answer, also those that
    were pruned since. The others are counted again each time. No page shows them; /metrics does.
    """

    class Of(models.TextChoices):
        ATTEMPTS = "attempts"
        GUILDS = "guilds"
        MEMBERS = "members"
        QUEUE = "queue"
        RUNS = "runs"
        ANNOUNCEMENTS = "announcements"
        NOTICES = "notices"

    of = models.CharField(max_length=15, choices=Of)
    #: The game. Empty if the rows belong to no game.
    provider = models.CharField(max_length=20, blank=True, default="")
    #: The outcome of the attempts, or the state of the other rows. Empty if they have none.
    what = models.CharField(max_length=20, blank=True, default="")
    number = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["of", "provider", "what"], name="one_kept_figure")
        ]

    def __str__(self) -> str:
        return f"{self.of} {self.provider} {self.what}: {self.number}"
