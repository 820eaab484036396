"""All URLs of the site."""

from __future__ import annotations

from django.urls import include, path

handler404 = "board.web.error_pages.not_found"
handler403 = "board.web.error_pages.refused"

urlpatterns = [path("", include("board.urls"))]
