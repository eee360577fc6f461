"""Seed beat's entries for announcements and alarms, as 0002 does."""

from django.db import migrations

ENTRIES = [
    ("Announce: send what people are to be told", "giftcodes.tasks.announce", 5),
    ("Alarms: find what needs a person", "giftcodes.tasks.alarms", 60),
]


def seed(apps, schema_editor):
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, path, seconds in ENTRIES:
        every, _ = interval.objects.get_or_create(every=seconds, period="seconds")
        task.objects.get_or_create(name=name, defaults={"task": path, "interval": every})


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0003_announcements"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
