"""What others on our address take of the game's limit; and ticks four times a second, so that no window waits for one."""

from django.db import migrations, models

TICK = "Tick: dispatch what is due"


def tick_faster(apps, schema_editor):
    """Unless an operator has chosen another interval."""
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = interval.objects.get_or_create(every=250_000, period="microseconds")
    task.objects.filter(name=TICK, interval__every=1, interval__period="seconds").update(interval=every)


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0005_roles"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [
        migrations.AddField(
            model_name="ratebudget",
            name="others",
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name="of them not ours"),
        ),
        migrations.AddField(
            model_name="ratebudget",
            name="reserve",
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name="left to others"),
        ),
        migrations.RunPython(tick_faster, migrations.RunPython.noop),
    ]
