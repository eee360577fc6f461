"""The URLs: the admin, the health check, and the pages of players, who have no account."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from giftcodes.views import healthz

handler400 = "redeemer.security.bad_request"

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("healthz", healthz),
    path("admin/", admin.site.urls),
    path("", include("giftcodes.players.urls")),
]
