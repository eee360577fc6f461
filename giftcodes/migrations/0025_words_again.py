"""Plain words for a help text and a permission. Django does not rename a permission that exists."""

from django.db import migrations, models

OLD, NEW = "Can view every guild, and the machine", "Can view every guild, and the system"


def rename(apps, old, new):
    permissions = apps.get_model("auth", "Permission").objects
    permissions.filter(codename="view_every_guild", name=old).update(name=new)


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0024_schedule_names"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="guild",
            options={
                "ordering": ["name"],
                "permissions": [("view_every_guild", NEW)],
                "verbose_name": "guild",
                "verbose_name_plural": "guilds",
            },
        ),
        migrations.AlterField(
            model_name="ratebudget",
            name="paused_until",
            field=models.DateTimeField(
                help_text="Empty: until a person resumes it.", null=True, verbose_name="paused until"
            ),
        ),
        migrations.RunPython(
            lambda apps, _editor: rename(apps, OLD, NEW),
            lambda apps, _editor: rename(apps, NEW, OLD),
        ),
    ]
