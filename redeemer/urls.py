"""The URLs. The admin is the whole site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from giftcodes.views import healthz

handler400 = "redeemer.error_pages.bad_request"
handler403 = "redeemer.error_pages.forbidden"
handler404 = "redeemer.error_pages.not_found"
handler500 = "redeemer.error_pages.server_error"

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("healthz", healthz),
    path("admin/", admin.site.urls),
]
