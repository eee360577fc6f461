"""Invitations, links for passwords, proposed codes; and officers do the whole job for their guilds."""

import datetime
import django.db.models.deletion
import giftcodes.domain.validators
import giftcodes.models.clock
import giftcodes.models.fields
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

#: What officers may do from now on, in their own guilds, and what viewers may see.
GRANTS = {
    "Guild officers": [
        "add_giftcode",
        "add_optout",
        "add_channel",
        "change_channel",
        "delete_channel",
        "view_invitation",
        "add_invitation",
        "change_invitation",
        "view_codeproposal",
    ],
    "Viewers": ["view_codeproposal"],
}


def grant(apps, schema_editor):
    # Permissions are made after the last migration; the groups need these now.
    config = apps.get_app_config("giftcodes")
    config.models_module = getattr(config, "models_module", True)
    create_permissions(config, apps=apps, verbosity=0)
    permission = apps.get_model("auth", "Permission")
    for name, codenames in GRANTS.items():
        granted = permission.objects.filter(content_type__app_label="giftcodes", codename__in=codenames)
        for group in apps.get_model("auth", "Group").objects.filter(name=name):
            group.permissions.add(*granted)


def take_back(apps, schema_editor):
    permission = apps.get_model("auth", "Permission")
    for name, codenames in GRANTS.items():
        granted = permission.objects.filter(content_type__app_label="giftcodes", codename__in=codenames)
        for group in apps.get_model("auth", "Group").objects.filter(name=name):
            group.permissions.remove(*granted)


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0031_player_words'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OfficerRules',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('new_codes', models.CharField(choices=[('add', 'Officers add new codes. A new code is redeemed at once.'), ('propose', 'Officers propose new codes. An administrator approves each of them.')], default='add', max_length=10, verbose_name='new codes')),
            ],
            options={
                'verbose_name': 'rules for officers',
                'verbose_name_plural': 'rules for officers',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('secret_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(db_default=giftcodes.models.clock.Clock(), editable=False, verbose_name='made')),
                ('ends_at', models.DateTimeField(editable=False, verbose_name='ends')),
                ('used_at', models.DateTimeField(editable=False, null=True, verbose_name='used')),
                ('withdrawn_at', models.DateTimeField(editable=False, null=True, verbose_name='withdrawn')),
                ('refusals', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ('invited', models.CharField(blank=True, help_text='For your own list, such as the name in the game. The person does not see it.', max_length=80, verbose_name='who is invited')),
                ('role', models.CharField(choices=[('administrator', 'Administrator: sees and does everything'), ('officer', 'Guild officer: sees and acts on their own guilds only'), ('viewer', 'Viewer: sees every guild, changes nothing'), ('custom', 'Custom: may do only what the further groups allow'), ('nobody', 'May not log in')], default='officer', max_length=15, verbose_name='role')),
                ('accepted_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='invitations', to=settings.AUTH_USER_MODEL, verbose_name='accepted by')),
                ('guilds', models.ManyToManyField(blank=True, related_name='invitations', to='giftcodes.guild', verbose_name='guilds')),
                ('made_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='PasswordLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('secret_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(db_default=giftcodes.models.clock.Clock(), editable=False, verbose_name='made')),
                ('ends_at', models.DateTimeField(editable=False, verbose_name='ends')),
                ('used_at', models.DateTimeField(editable=False, null=True, verbose_name='used')),
                ('withdrawn_at', models.DateTimeField(editable=False, null=True, verbose_name='withdrawn')),
                ('refusals', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ('made_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='password_links', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'password link',
                'verbose_name_plural': 'password links',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='CodeProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(choices=giftcodes.models.fields.provider_choices, max_length=20, verbose_name='game')),
                ('code', models.CharField(max_length=32, verbose_name='code')),
                ('folded', models.CharField(editable=False, max_length=32)),
                ('expires_at', models.DateTimeField(blank=True, null=True, validators=[giftcodes.domain.validators.validate_moment], verbose_name='expires')),
                ('rewards', models.TextField(blank=True, verbose_name='rewards')),
                ('state', models.CharField(choices=[('waiting', 'waits for an administrator'), ('approved', 'approved'), ('rejected', 'rejected')], default='waiting', max_length=10, verbose_name='state')),
                ('proposed_at', models.DateTimeField(db_default=giftcodes.models.clock.Clock(), verbose_name='proposed')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided')),
                ('answer', models.CharField(blank=True, max_length=200, verbose_name='answer')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('gift_code', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='proposals', to='giftcodes.giftcode', verbose_name='gift code')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='code_proposals', to=settings.AUTH_USER_MODEL, verbose_name='proposed by')),
            ],
            options={
                'verbose_name': 'proposed code',
                'verbose_name_plural': 'proposed codes',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['id'], name='proposal_waiting')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('provider', 'folded', 'proposed_by'), name='one_waiting_proposal_of_a_code_by_a_person'), models.CheckConstraint(condition=models.Q(('expires_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('expires_at__lte', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='proposed_end_within_bounds')],
            },
        ),
        migrations.RunPython(grant, take_back),
    ]
