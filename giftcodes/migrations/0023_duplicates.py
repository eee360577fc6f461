"""A row that another guild's row proves names no guild any more: it has `covered_by`."""

from django.db import migrations

NEUTRAL = """
UPDATE giftcodes_memberredemption
SET reason = 'Covered: the player has it through another guild.'
WHERE covered_by_id IS NOT NULL AND reason LIKE 'Covered: the player has it through guild %'
"""


class Migration(migrations.Migration):
    dependencies = [("giftcodes", "0022_cursors")]

    operations = [migrations.RunSQL(NEUTRAL, migrations.RunSQL.noop)]
