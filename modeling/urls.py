"""Addresses of training, models, predictions and exports; all below ``cohorts/``."""

from django.urls import path

from modeling.views import models, panels

app_name = "modeling"
urlpatterns = [
    path("<slug:cohort_code>/models/", models.model_list, name="models"),
    path("<slug:cohort_code>/models/retrain/", models.retrain, name="retrain"),
    path("<slug:cohort_code>/models/schedule/", models.schedule, name="schedule"),
    path("<slug:cohort_code>/models/predict/", models.predict, name="predict"),
    path("<slug:cohort_code>/models/<int:pk>/promote/", models.promote_version, name="promote"),
    path("<slug:cohort_code>/models/runs/<int:number>/", models.run_detail, name="run"),
    path("<slug:cohort_code>/export/", models.export, name="export"),
    path("<slug:cohort_code>/panels/models/", panels.cohort_panel, name="cohort-panel"),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/panels/prediction/",
        panels.patient_panel,
        name="patient-panel",
    ),
]
