"""Dates get bounds. What lies outside is moved to the bound first, and the row says so where it has a place for notes."""

import datetime

from django.db import migrations, models

import giftcodes.domain.validators

FIRST, LAST = "2000-01-01", "2100-01-01"
# Table, column, its type, and the column that takes a note.
COLUMNS = [
    ("giftcodes_giftcode", "expires_at", "timestamptz", "reason"),
    ("giftcodes_giftcode", "published_on", "date", "reason"),
    ("giftcodes_member", "consented_on", "date", "notes"),
    ("giftcodes_historicalgiftcode", "expires_at", "timestamptz", ""),
    ("giftcodes_historicalgiftcode", "published_on", "date", ""),
    ("giftcodes_historicalmember", "consented_on", "date", ""),
    ("django_celery_beat_periodictask", "expires", "timestamptz", "description"),
    ("django_celery_beat_periodictask", "start_time", "timestamptz", "description"),
    ("django_celery_beat_clockedschedule", "clocked_time", "timestamptz", ""),
]
# The tables of beat are a package's: its models cannot have constraints of ours, but its tables can.
OF_BEAT = [(table, column) for table, column, _, _ in COLUMNS if table.startswith("django_celery_beat_")]


def mend(_apps, schema_editor):
    """In SQL alone: some of these values cannot be read by Python."""
    with schema_editor.connection.cursor() as cursor:
        # A table with checks that wait for the commit cannot be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, column, kind, notes in COLUMNS:
            first, last = (f"{kind} '{day}{' 00:00+00' if kind == 'timestamptz' else ''}'" for day in (FIRST, LAST))
            moved = f"least(greatest({column}, {first}), {last})"
            shown = f"({column} AT TIME ZONE 'UTC')::text" if kind == "timestamptz" else f"{column}::text"
            noted = (
                f", {notes} = concat_ws(' ', nullif({notes}, ''), '{column} was ' || {shown} "
                f"|| ', which is out of bounds, and was moved to ' || ({moved})::date || '.')"
                if notes
                else ""
            )
            cursor.execute(
                f"UPDATE {table} SET {column} = {moved}{noted} WHERE {column} < {first} OR {column} > {last}"
            )


def constraint(table, column):
    return f"redeemer_{column}_within_bounds"


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0014_known_answers"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.RunPython(mend, migrations.RunPython.noop),
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD CONSTRAINT {constraint(table, column)} CHECK ({column} "
                f"BETWEEN timestamptz '{FIRST} 00:00+00' AND timestamptz '{LAST} 00:00+00')",
                f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint(table, column)}",
            )
            for table, column in OF_BEAT
        ),
        migrations.AlterField(
            model_name="giftcode",
            name="expires_at",
            field=models.DateTimeField(
                blank=True, null=True, validators=[giftcodes.domain.validators.validate_moment], verbose_name="expires"
            ),
        ),
        migrations.AlterField(
            model_name="giftcode",
            name="published_on",
            field=models.DateField(
                blank=True, null=True, validators=[giftcodes.domain.validators.validate_day], verbose_name="published"
            ),
        ),
        migrations.AlterField(
            model_name="historicalgiftcode",
            name="expires_at",
            field=models.DateTimeField(
                blank=True, null=True, validators=[giftcodes.domain.validators.validate_moment], verbose_name="expires"
            ),
        ),
        migrations.AlterField(
            model_name="historicalgiftcode",
            name="published_on",
            field=models.DateField(
                blank=True, null=True, validators=[giftcodes.domain.validators.validate_day], verbose_name="published"
            ),
        ),
        migrations.AlterField(
            model_name="historicalmember",
            name="consented_on",
            field=models.DateField(
                blank=True, null=True, validators=[giftcodes.domain.validators.validate_day], verbose_name="consented on"
            ),
        ),
        migrations.AlterField(
            model_name="member",
            name="consented_on",
            field=models.DateField(
                blank=True, null=True, validators=[giftcodes.domain.validators.validate_day], verbose_name="consented on"
            ),
        ),
        migrations.AddConstraint(
            model_name="giftcode",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    published_on__gte=datetime.date(2000, 1, 1), published_on__lte=datetime.date(2100, 1, 1)
                ),
                name="published_within_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="giftcode",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    expires_at__gte=datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc),
                    expires_at__lte=datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc),
                ),
                name="end_within_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    consented_on__gte=datetime.date(2000, 1, 1), consented_on__lte=datetime.date(2100, 1, 1)
                ),
                name="consent_within_bounds",
            ),
        ),
        migrations.AlterField(
            model_name="alarm",
            name="kind",
            field=models.CharField(
                choices=[
                    ("provider_paused", "provider paused"),
                    ("no_progress", "run without progress"),
                    ("feed_silent", "feed silent or failing"),
                    ("uncovered", "guild without a run for an active code"),
                    ("no_members", "guild without members"),
                    ("channel_gone", "channel gone"),
                    ("beat_silent", "beat does not tick"),
                    ("bad_row", "a row that cannot be worked on"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
    ]
