"""Give beat's entries plain names. An entry that an operator has renamed keeps its name."""

from django.db import migrations

NAMES = {
    "Sweep: drive on what was left behind": "Sweep: continue what was left behind",
    "Announce: send what people are to be told": "Announce: send queued messages",
    "Alarms: find what needs a person": "Alarms: find what needs attention",
    "Prune: what is old and proves nothing": "Prune: delete old rows that prove nothing",
}


def rename(apps, schema_editor):
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for old, new in NAMES.items():
        if not tasks.filter(name=new).exists():
            tasks.filter(name=old).update(name=new)


def rename_back(apps, schema_editor):
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for old, new in NAMES.items():
        if not tasks.filter(name=old).exists():
            tasks.filter(name=new).update(name=old)


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0023_duplicates"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(rename, rename_back)]
