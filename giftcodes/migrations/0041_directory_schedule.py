"""Seed beat's entry for directories of players once, as 0002 does: an operator edits it, and no start overwrites it."""

from django.db import migrations


def seed(apps, schema_editor):
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = interval.objects.get_or_create(every=5, period="seconds")
    task.objects.get_or_create(
        name="Directory: look up members who agreed", defaults={"task": "giftcodes.tasks.directory", "interval": every}
    )


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0040_directory"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
