"""Cursors of periodic steps get a table of their own; the heartbeat table keeps signs of life."""

from django.db import migrations, models

import giftcodes.models.clock

#: Name in giftcodes_heartbeat, name in giftcodes_cursor.
_NAMES = "VALUES ('twins', 'duplicates'), ('alarms', 'alarms'), ('sweep', 'sweep'), ('awake', 'awake')"

_MOVE = f"""
WITH moved AS (
    DELETE FROM giftcodes_heartbeat h USING ({_NAMES}) AS name (old, new)
    WHERE h.name = name.old
    RETURNING name.new, h.at
)
INSERT INTO giftcodes_cursor (name, at) SELECT new, at FROM moved
"""

_MOVE_BACK = f"""
WITH moved AS (
    DELETE FROM giftcodes_cursor c USING ({_NAMES}) AS name (old, new)
    WHERE c.name = name.new
    RETURNING name.old, c.at
)
INSERT INTO giftcodes_heartbeat (name, at) SELECT old, at FROM moved
ON CONFLICT (name) DO UPDATE SET at = excluded.at
"""


class Migration(migrations.Migration):
    dependencies = [("giftcodes", "0021_names")]

    operations = [
        migrations.CreateModel(
            name="Cursor",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=giftcodes.models.clock.Clock())),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunSQL(_MOVE, _MOVE_BACK),
    ]
