"""The permission to see every guild, and the groups of officers and of viewers. A group that is there is left as it is."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUPS = {
    "Guild officers": [
        "view_guild",
        "change_guild",
        "view_member",
        "add_member",
        "change_member",
        "delete_member",
        "view_giftcode",
        "view_redemption",
        "change_redemption",
        "view_memberredemption",
        "view_redemptionevent",
        "view_attempt",
        "view_announcement",
        "view_alarm",
        "view_channel",
    ],
    "Viewers": [
        "view_every_guild",
        "view_guild",
        "view_member",
        "view_giftcode",
        "view_redemption",
        "view_memberredemption",
        "view_redemptionevent",
        "view_attempt",
        "view_announcement",
        "view_alarm",
        "view_alarmnotice",
        "view_channel",
        "view_ratebudget",
        "view_feed",
        "view_optout",
        "view_heartbeat",
    ],
}


def seed(apps, schema_editor):
    # Permissions are made after the last migration; the groups need them now.
    config = apps.get_app_config("giftcodes")
    config.models_module = getattr(config, "models_module", True)
    create_permissions(config, apps=apps, verbosity=0)
    group = apps.get_model("auth", "Group")
    permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        row, is_new = group.objects.get_or_create(name=name)
        if is_new:
            row.permissions.set(permission.objects.filter(content_type__app_label="giftcodes", codename__in=codenames))


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0004_announcement_schedule"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="guild",
            options={
                "ordering": ["name"],
                "permissions": [("view_every_guild", "Can view every guild, and the machine")],
                "verbose_name": "guild",
                "verbose_name_plural": "guilds",
            },
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
