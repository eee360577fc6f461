"""Seed beat's entries once. They are rows, so that an operator edits them in the admin and no start overwrites them."""

from django.db import migrations

ENTRIES = [
    ("Tick: dispatch what is due", "giftcodes.tasks.tick", 1),
    ("Poll the feeds that are due", "giftcodes.tasks.poll", 5),
    ("Sweep: drive on what was left behind", "giftcodes.tasks.sweep", 10),
    ("Catch up: new, corrected and leaving members", "giftcodes.tasks.catch_up", 60),
]


def seed(apps, schema_editor):
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, path, seconds in ENTRIES:
        every, _ = interval.objects.get_or_create(every=seconds, period="seconds")
        task.objects.get_or_create(name=name, defaults={"task": path, "interval": every})


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
