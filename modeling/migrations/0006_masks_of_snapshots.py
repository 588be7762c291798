"""Tables that were frozen before masks were noted: today's masks of their patients, where they are older."""

from django.db import migrations


def note_masks(apps, schema_editor):
    Segmentation = apps.get_model("imaging", "Segmentation")
    for snapshot in apps.get_model("modeling", "TableSnapshot").objects.order_by("pk"):
        patients = snapshot.outcomes.order_by("patient_id").values_list("patient_id", flat=True)
        masks = Segmentation.objects.filter(
            timepoint__patient__in=list(patients), is_current=True, created_at__lt=snapshot.created_at
        )
        snapshot.segmentations.set(masks)
        snapshot.n_masks = masks.count()
        snapshot.save(update_fields=["n_masks"])


class Migration(migrations.Migration):
    dependencies = [
        ("imaging", "0004_lesions_and_persons"),
        ("modeling", "0005_withdrawn"),
    ]

    operations = [migrations.RunPython(note_masks, migrations.RunPython.noop)]
