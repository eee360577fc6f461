"""Drop indexes that begin like others: each update of a row had to write all of them."""
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0043_sources'),
    ]

    operations = [
        migrations.AlterField(
            model_name='attempt',
            name='gift_code',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='giftcodes.giftcode', verbose_name='gift code'),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='member_redemption',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='giftcodes.memberredemption', verbose_name='member redemption'),
        ),
        migrations.AlterField(
            model_name='memberredemption',
            name='covered_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='covers', to='giftcodes.memberredemption', verbose_name='covered by'),
        ),
        migrations.AlterField(
            model_name='memberredemption',
            name='gift_code',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='giftcodes.giftcode', verbose_name='gift code'),
        ),
        migrations.AddIndex(
            model_name='memberredemption',
            index=models.Index(condition=models.Q(('covered_by__isnull', False)), fields=['covered_by'], name='share_covered'),
        ),
    ]
