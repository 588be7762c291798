"""Addresses of images, masks, habitats and imports; all below ``cohorts/``."""

from django.urls import path

from imaging.views import files, imports, panels, stability

app_name = "imaging"
urlpatterns = [
    path("<slug:cohort_code>/import/", imports.import_images, name="import"),
    path("<slug:cohort_code>/extract/", imports.extract, name="extract"),
    path("<slug:cohort_code>/stability/", stability.stability, name="stability"),
    path("<slug:cohort_code>/stability/measure/", stability.measure_stability, name="stability-measure"),
    path("<slug:cohort_code>/stability/features.csv", stability.stability_table, name="stability-table"),
    path("<slug:cohort_code>/panels/imaging/", panels.cohort_panel, name="cohort-panel"),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/panels/imaging/", panels.patient_panel, name="patient-panel"
    ),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/<str:kind>/not-evaluable/",
        imports.not_evaluable,
        name="not-evaluable",
    ),
    path("segmentations/<int:pk>/volume.nii.gz", files.volume, name="volume"),
    path("segmentations/<int:pk>/mask.nii.gz", files.mask, name="mask"),
    path("habitat-maps/<int:pk>/labels.nii.gz", files.habitats, name="habitats"),
]
