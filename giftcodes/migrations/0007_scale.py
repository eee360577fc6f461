from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Indexes are made while everything runs on.
    atomic = False

    dependencies = [
        ('giftcodes', '0006_budget_reserve'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PrunedFigure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=20, verbose_name='game')),
                ('day', models.DateField(verbose_name='day')),
                ('of', models.CharField(choices=[('attempt', 'attempts'), ('event', 'journal entries')], max_length=10, verbose_name='of')),
                ('what', models.CharField(max_length=20, verbose_name='what')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
            ],
            options={
                'verbose_name': 'pruned figure',
                'verbose_name_plural': 'pruned figures',
                'ordering': ['-day', 'provider', 'of', 'what'],
            },
        ),
        AddIndexConcurrently(
            model_name='attempt',
            index=models.Index(condition=models.Q(('outcome__in', ['code_expired', 'code_not_found', 'code_used_up', 'level_too_low', 'no_such_player', 'not_login', 'not_sent', 'params_error', 'sign_error', 'spend_too_low', 'throttled', 'too_frequent', 'unreachable', 'vip_too_low', 'wrong_realm'])), fields=['id'], name='attempt_prunable'),
        ),
        AddIndexConcurrently(
            model_name='memberredemption',
            index=models.Index(condition=models.Q(('covered_by__isnull', True), ('state__in', ['cancelled', 'failed', 'needs_correction', 'not_eligible', 'pending', 'unconfirmed']), ('token__gt', 0)), fields=['id'], name='share_asked_in_vain'),
        ),
        AddIndexConcurrently(
            model_name='memberredemption',
            index=models.Index(condition=models.Q(('covered_by__isnull', True), ('state__in', ['already_received', 'redeemed', 'same_type'])), fields=['settled_at'], name='share_proofs'),
        ),
        AddIndexConcurrently(
            model_name='memberredemption',
            index=models.Index(condition=models.Q(('cancel_kind', 'code_closed'), ('state', 'cancelled')), fields=['redemption'], name='share_code_closed'),
        ),
        AddIndexConcurrently(
            model_name='redemptionevent',
            index=models.Index(condition=models.Q(('kind', 'refused')), fields=['at'], name='event_refused'),
        ),
        migrations.AddConstraint(
            model_name='prunedfigure',
            constraint=models.UniqueConstraint(fields=('day', 'provider', 'of', 'what'), name='one_figure_for_a_day'),
        ),
    ]
