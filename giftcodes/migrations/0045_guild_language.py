"""Add the language of a guild's channels. Without one, it is the language of the site."""
import giftcodes.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0044_fewer_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='guild',
            name='language',
            field=models.CharField(blank=True, choices=giftcodes.models.fields.language_choices, db_default='', default='', help_text="The language of the messages in the guild's channels, and of the bot's messages to its members. Pages and answers are in the language of each reader.", max_length=10, verbose_name='language'),
        ),
        migrations.AddField(
            model_name='historicalguild',
            name='language',
            field=models.CharField(blank=True, choices=giftcodes.models.fields.language_choices, db_default='', default='', help_text="The language of the messages in the guild's channels, and of the bot's messages to its members. Pages and answers are in the language of each reader.", max_length=10, verbose_name='language'),
        ),
    ]
