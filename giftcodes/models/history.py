"""Versions of guilds, members and codes. They show what people changed (django-simple-history).

The journal and the attempts show what the pipeline wrote. The pipeline leaves no versions, because
each version is one more row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models import OuterRef, Subquery
from django.db.models.signals import pre_save
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from giftcodes.models.fields import SentenceField

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.db.models import Model

#: The change reason of a version that keeps the row as it was before its first change.
FIRST_KNOWN = "first known"


class Versions(HistoricalRecords):  # type: ignore[misc] # Untyped.
    """The versions of a model. Each save that writes a tracked field leaves one.

    A row that was written without a version (by the feed, or in bulk) gets its first one before it
    is changed, so that the values before each change are known.
    """

    def __init__(self, **options: Any) -> None:
        """Take the options of HistoricalRecords."""
        super().__init__(
            history_id_field=models.BigAutoField(),
            history_change_reason_field=SentenceField(null=True),  # type: ignore[misc]
            **options,
        )

    def get_meta_options(self, model: type[Model]) -> dict[str, Any]:
        """Give versions no permissions of their own, because they are read with their row."""
        return {**super().get_meta_options(model), "default_permissions": ()}

    def get_meta_options_m2m(self, through_model: type[Model]) -> dict[str, Any]:
        """Give the versions of relations no permissions, because they are read with their row."""
        return {**super().get_meta_options_m2m(through_model), "default_permissions": ()}

    def finalize(self, sender: type[Model], **kwargs: Any) -> None:
        """Also connect a handler that sees rows before they are saved."""
        super().finalize(sender, **kwargs)
        if sender is self.cls:
            pre_save.connect(self._before_save, sender=sender, weak=False)

    def post_save(
        self, instance: Model, created: bool, using: str | None = None, **kwargs: Any
    ) -> None:
        """Leave a version, unless only untracked fields were written."""
        if self._is_tracked(kwargs.get("update_fields")):
            super().post_save(instance, created, using=using, **kwargs)

    def m2m_changed(
        self, instance: Model, action: str, pk_set: Any, reverse: bool, **_signal: Any
    ) -> None:
        """Leave a version, even if the relation was changed from its other end.

        Clearing the relation from its other end leaves no version, because the signal does not say
        which rows were in it. No code clears a relation in this way.
        """
        rows = self.cls._default_manager.filter(pk__in=pk_set or []) if reverse else [instance]
        for row in rows:
            if action.startswith("pre_"):
                self._keep_first(row)
            else:
                self.create_historical_record(row, "~")

    def _before_save(self, instance: Model, **kwargs: Any) -> None:
        if not kwargs["raw"] and self._is_tracked(kwargs["update_fields"]):
            for row in self.cls._default_manager.filter(pk=instance.pk):
                self._keep_first(row)

    def _keep_first(self, row: Any) -> None:
        """If a row has no version, leave one that has the stored row and its relations."""
        if not row.history.exists():
            known = type(row)._default_manager.get(pk=row.pk)
            known._change_reason = FIRST_KNOWN
            self.create_historical_record(known, "~")

    def _is_tracked(self, written: Collection[str] | None) -> bool:
        return written is None or any(
            field.name in written for field in self.fields_included(self.cls)
        )


def keep_first_versions(rows: Iterable[Any]) -> None:
    """Leave a first version of each row that has none, before the rows are changed in bulk.

    Args:
        rows: rows of one model, as they are in the database. The model's versions must not include
            relations.
    """
    rows = list(rows)
    if not rows:
        return
    versions = type(rows[0]).history
    known = set(versions.filter(id__in=[row.pk for row in rows]).values_list("id", flat=True))
    unknown = [row for row in rows if row.pk not in known]
    versions.bulk_history_create(unknown, update=True, default_change_reason=FIRST_KNOWN)


def update_with_versions(rows: Collection[Any], fields: Iterable[str], **about: Any) -> None:
    """Update rows and leave a version of each, in two statements.

    `bulk_update` would take seconds for a thousand rows.

    Args:
        rows: rows of one model that has versions, with their new values.
        fields: the names of the fields to write.
        about: options of `bulk_history_create` for the versions.
    """
    if not rows:
        return
    model = type(next(iter(rows)))
    columns = [model._meta.pk, *(model._meta.get_field(name) for name in fields)]
    names = [connection.ops.quote_name(column.column) for column in columns]
    values = [
        [column.get_db_prep_save(getattr(row, column.attname), connection) for row in rows]
        for column in columns
    ]
    arrays = ", ".join(f"%s::{_type_of(column)}[]" for column in columns)
    assigned = ", ".join(f"{name} = new.{name}" for name in names[1:])
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS old SET {assigned} FROM unnest({arrays}) AS new({', '.join(names)})"  # noqa: S608
            f" WHERE old.{names[0]} = new.{names[0]}",
            values,
        )
    model.history.bulk_history_create(rows, update=True, **about)


def _type_of(column: Any) -> str:
    """The SQL type of a column. For a serial primary key it is the integer type."""
    return str(column.rel_db_type(connection) if column.primary_key else column.db_type(connection))


def delete_with_versions(rows: Collection[Any], *, reason: str) -> None:
    """Delete rows and leave a version that records the deletion of each, in two statements.

    Django's own deletion would take one statement for each row.

    Args:
        rows: rows of one model that has versions. They must be locked, and no row of another table
            may refer to them: otherwise the database refuses the commit.
        reason: the change reason of the versions.
    """
    if not rows:
        return
    model = type(next(iter(rows)))
    versions = model.history.model
    moment = timezone.now()
    versions.objects.bulk_create(
        versions(
            history_type="-",
            history_date=moment,
            history_user=versions.get_default_history_user(row),
            history_change_reason=reason,
            **{column.attname: getattr(row, column.attname) for column in versions.tracked_fields},
        )
        for row in rows
    )
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute(f"DELETE FROM {table} WHERE id = ANY(%s)", [[row.pk for row in rows]])  # noqa: S608


def versions_before(model: type[Any], versions: Iterable[Any]) -> dict[int, Any]:
    """The version that precedes each of these versions, by the id of the row.

    Args:
        model: the model of the rows that have these versions.
        versions: the versions, at most one for each row.
    """
    kept = model.history.model.objects
    earlier = kept.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id")).order_by(
        "-history_id"
    )
    ids = [version.history_id for version in versions]
    found = kept.filter(history_id__in=ids).values_list(
        Subquery(earlier.values("history_id")[:1]), flat=True
    )
    return {
        version.id: version for version in kept.filter(history_id__in=[pk for pk in found if pk])
    }


class MemberVersion(models.Model):
    """An additional field of a member's version: the import that made the version, if any."""

    member_import = models.ForeignKey(
        "giftcodes.MemberImport",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("import"),
    )

    class Meta:
        abstract = True
