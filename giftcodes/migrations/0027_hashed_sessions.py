"""Sessions are stored under a hash of their key (redeemer.sessions), so that people stay logged in.

Backwards, all sessions are deleted, and people log in again.
"""

from django.db import migrations

HASH = """
UPDATE django_session
SET session_key = left(encode(sha256(convert_to(session_key, 'UTF8')), 'hex'), 40)
"""
FORGET = "DELETE FROM django_session"


class Migration(migrations.Migration):
    dependencies = [
        ("giftcodes", "0026_encrypted_addresses"),
        ("sessions", "0001_initial"),
    ]

    operations = [migrations.RunSQL(HASH, FORGET)]
