"""The runs that people asked for, until a worker has started each; and no IDs that begin with 0."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0028_help_texts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='giftcode',
            name='released_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='historicalmember',
            name='player_id',
            field=models.CharField(max_length=20, validators=[django.core.validators.RegexValidator('\\A[1-9][0-9]{2,19}\\Z', "A player ID is digits only (8 to 10 as a rule), and does not begin with 0. The game shows it in the player's profile.")], verbose_name='player ID'),
        ),
        migrations.AlterField(
            model_name='member',
            name='player_id',
            field=models.CharField(max_length=20, validators=[django.core.validators.RegexValidator('\\A[1-9][0-9]{2,19}\\Z', "A player ID is digits only (8 to 10 as a rule), and does not begin with 0. The game shows it in the player's profile.")], verbose_name='player ID'),
        ),
        migrations.CreateModel(
            name='RunRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('claimed_at', models.DateTimeField(null=True)),
                ('gift_code', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='giftcodes.giftcode')),
                ('guild', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='giftcodes.guild')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('guild', 'gift_code'), name='one_request_for_a_guild_and_a_code')],
            },
        ),
    ]
