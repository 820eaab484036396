"""Closeboard's addresses and the baselines."""

from __future__ import annotations

from django.urls import include, path

from bench.baseline_site import views

urlpatterns = [
    path("beside/constant/", views.constant),
    path("beside/fetched/", views.fetched),
    path("beside/naive/", views.naive),
    path("beside/forget/", views.forget),
    path("", include("closeboard.urls")),
]
