"""Seed beat's entry for directories of players once, as 0002 does; and let viewers see how the directories do."""

from django.contrib.auth.management import create_permissions
from django.db import migrations


def seed(apps, schema_editor):
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = interval.objects.get_or_create(every=5, period="seconds")
    task.objects.get_or_create(
        name="Directory: look up members who agreed", defaults={"task": "giftcodes.tasks.directory", "interval": every}
    )


def let_see(apps, schema_editor):
    # Permissions are made after the last migration; the group needs these now.
    config = apps.get_app_config("giftcodes")
    config.models_module = getattr(config, "models_module", True)
    create_permissions(config, apps=apps, verbosity=0)
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="giftcodes", codename__in=["view_directory", "view_directorylookup"]
    )
    for group in apps.get_model("auth", "Group").objects.filter(name="Viewers"):
        group.permissions.add(*permissions)


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0017_directory"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunPython(let_see, migrations.RunPython.noop),
    ]
