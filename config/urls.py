"""Addresses of the site."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from cohorts.views import account, day, help, welcome
from config.views import health, translated_words

urlpatterns = [
    path("", day.home, name="home"),
    path("login/", welcome.LogIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("welcome/", welcome.welcome, name="welcome"),
    path("welcome/progress/", welcome.welcome_progress, name="welcome-progress"),
    path("account/", account.account, name="account"),
    path("account/password/", account.account_password, name="account-password"),
    path("account/theme/", account.theme, name="theme"),
    path("help/", help.help_page, name="help"),
    path("health/", health, name="health"),
    path("language/", require_POST(login_not_required(set_language)), name="set_language"),
    path("words.js", translated_words, name="words"),
    path("cohorts/", include("cohorts.urls")),
    path("cohorts/", include("imaging.urls")),
    path("cohorts/", include("modeling.urls")),
]
handler403 = "cohorts.views.errors.forbidden"
handler404 = "cohorts.views.errors.not_found"
handler500 = "cohorts.views.errors.server_error"
