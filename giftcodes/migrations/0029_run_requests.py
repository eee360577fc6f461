"""The runs that people asked for, until a worker has started each."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0028_help_texts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
