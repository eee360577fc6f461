import giftcodes.domain.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0047_sentences'),
    ]

    operations = [
        migrations.AlterField(
            model_name='discordbot',
            name='state',
            field=models.CharField(choices=[('off', 'has no token'), ('connecting', 'connects'), ('connected', 'is connected'), ('token', 'Discord refuses the token'), ('intents', 'Discord refuses the intents that the bot asks for'), ('unreachable', 'Discord cannot be reached')], db_default='off', default='off', max_length=12),
        ),
        migrations.AlterField(
            model_name='guild',
            name='realm',
            field=models.PositiveIntegerField(help_text='The state or kingdom of most members. A member may have a different one.', validators=[giftcodes.domain.validators.validate_realm], verbose_name='state or kingdom'),
        ),
        migrations.AlterField(
            model_name='historicalguild',
            name='realm',
            field=models.PositiveIntegerField(help_text='The state or kingdom of most members. A member may have a different one.', validators=[giftcodes.domain.validators.validate_realm], verbose_name='state or kingdom'),
        ),
    ]
