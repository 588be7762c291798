from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("modeling", "0007_promotion_rule")]

    operations = [
        migrations.AlterField(
            model_name="report",
            name="kind",
            field=models.CharField(
                choices=[
                    ("study", "Study report"),
                    ("model_card", "Model card"),
                    ("clear", "CLEAR checklist"),
                    ("metrics", "METRICS score"),
                    ("tripod", "TRIPOD+AI checklist"),
                    ("probast", "PROBAST+AI assessment"),
                ],
                max_length=12,
            ),
        ),
    ]
