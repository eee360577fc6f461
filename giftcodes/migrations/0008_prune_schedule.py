"""Seed beat's entry for pruning once, as 0002 does: an operator edits it, and no start overwrites it."""

from django.db import migrations


def seed(apps, schema_editor):
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = interval.objects.get_or_create(every=1, period="days")
    task.objects.get_or_create(
        name="Prune: what is old and proves nothing", defaults={"task": "giftcodes.tasks.prune", "interval": every}
    )


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0007_scale"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
