"""The addresses of the screens, of the way in and out, and of the health checks."""

from __future__ import annotations

from django.urls import path

from board import health, views

urlpatterns = [
    path("", views.scoreboard, name="scoreboard"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", views.Logout.as_view(), name="logout"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
]
