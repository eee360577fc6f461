"""Officers and viewers who see the members of a guild see its imports, if their groups exist."""

from django.contrib.auth.management import create_permissions
from django.db import migrations


def let_see(apps, schema_editor):
    # Permissions are made after the last migration; the groups need this one now.
    config = apps.get_app_config("giftcodes")
    config.models_module = getattr(config, "models_module", True)
    create_permissions(config, apps=apps, verbosity=0)
    permission = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="giftcodes", codename="view_memberimport"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=["Guild officers", "Viewers"]):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("giftcodes", "0009_history")]
    operations = [migrations.RunPython(let_see, migrations.RunPython.noop)]
