"""Carry over what the rows already say: members whom the game does not know, and codes closed by one USED."""

from django.db import migrations

# A member with a row that needs correction is asked once a week, not for each new code.
_MARK_MEMBERS = """
UPDATE giftcodes_member person
SET refused_realm = known.asked_realm, refused_at = known.at
FROM (
    SELECT DISTINCT ON (m.member_id) m.member_id, m.asked_realm, m.updated_at AS at
    FROM giftcodes_memberredemption m
    WHERE m.state = 'needs_correction' AND m.asked_realm IS NOT NULL
    ORDER BY m.member_id, m.updated_at DESC
) known
WHERE person.id = known.member_id
  AND NOT EXISTS (
    -- The game has accepted the player with this realm since: it checks that pair before the code.
    SELECT FROM giftcodes_memberredemption later
    WHERE later.member_id = known.member_id AND later.asked_realm = known.asked_realm AND later.updated_at > known.at
      AND later.outcome IN ('success', 'received', 'same_type', 'level_too_low', 'spend_too_low', 'vip_too_low',
                            'code_used_up', 'code_not_found', 'code_expired'))
"""

# USED closed a code after two members. It may be the accounts' limit, so that the code is probed once more.
_PROBE_CODES = """
UPDATE giftcodes_giftcode
SET next_probe_at = clock_timestamp(), probes = 0
WHERE state = 'closed' AND closed_outcome = 'code_used_up' AND closed_at > clock_timestamp() - interval '14 days'
"""


class Migration(migrations.Migration):
    dependencies = [("giftcodes", "0013_answers")]

    operations = [
        migrations.RunSQL(_MARK_MEMBERS, migrations.RunSQL.noop),
        migrations.RunSQL(_PROBE_CODES, migrations.RunSQL.noop),
    ]
