"""Addresses of the site."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from config.views import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="cohorts:list"), name="home"),
    path(
        "login/",
        LoginView.as_view(template_name="cohorts/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("health/", health, name="health"),
    path("cohorts/", include("cohorts.urls")),
    path("cohorts/", include("imaging.urls")),
    path("cohorts/", include("modeling.urls")),
]
handler403 = "cohorts.views.errors.forbidden"
handler404 = "cohorts.views.errors.not_found"
handler500 = "cohorts.views.errors.server_error"
