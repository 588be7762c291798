"""Candidates, bounds on observed to expected, minima; a margin that was the old default becomes the new one."""

from typing import Any

from django.db import migrations, models


def narrow_margin(apps: Any, schema_editor: Any) -> None:
    """Set the margin to 0.03 where it is 0.05, which was the default: a challenger 0.03 worse passed it by right."""
    apps.get_model("modeling", "RetrainingPolicy").objects.filter(margin_auc=0.05).update(margin_auc=0.03)


class Migration(migrations.Migration):

    dependencies = [
        ('modeling', '0006_masks_of_snapshots'),
    ]

    operations = [
        migrations.AddField(
            model_name='retrainingpolicy',
            name='minimum_events',
            field=models.PositiveIntegerField(default=20, help_text='fewest of them in the smaller class'),
        ),
        migrations.AddField(
            model_name='retrainingpolicy',
            name='minimum_patients',
            field=models.PositiveIntegerField(default=60, help_text='fewest patients on whom a version is judged'),
        ),
        migrations.AddField(
            model_name='retrainingpolicy',
            name='oe_high',
            field=models.FloatField(default=1.25, help_text='highest acceptable ratio of observed to expected'),
        ),
        migrations.AddField(
            model_name='retrainingpolicy',
            name='oe_low',
            field=models.FloatField(default=0.8, help_text='lowest acceptable ratio of observed to expected'),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='state',
            field=models.CharField(choices=[('candidate', 'Candidate'), ('challenger', 'Challenger'), ('champion', 'Champion'), ('retired', 'Retired')], default='challenger', max_length=12),
        ),
        migrations.AlterField(
            model_name='prediction',
            name='standing',
            field=models.CharField(choices=[('training', 'Training patient: out-of-fold probability'), ('held_out', 'Held-out patient'), ('prospective', 'Before any known surgery, reading or outcome')], max_length=12),
        ),
        migrations.AlterField(
            model_name='promotion',
            name='kind',
            field=models.CharField(choices=[('first', 'First of its name'), ('approved', 'Approved after comparison'), ('overridden', 'Approved against the rule'), ('rollback', 'Rollback')], max_length=12),
        ),
        migrations.AlterField(
            model_name='promotion',
            name='verdict',
            field=models.JSONField(default=dict, help_text='what spoke for and against it, as it was shown'),
        ),
        migrations.AlterField(
            model_name='retrainingpolicy',
            name='margin_auc',
            field=models.FloatField(default=0.03, help_text='largest loss of AUC that still counts as not inferior'),
        ),
        migrations.RunPython(narrow_margin, migrations.RunPython.noop),
    ]
