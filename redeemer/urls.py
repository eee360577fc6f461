"""The URLs: the admin, and the pages of links for people who cannot log in yet."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from giftcodes.admin.access import open_links
from giftcodes.views import healthz

handler400 = "redeemer.security.bad_request"

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("healthz", healthz),
    path("admin/", admin.site.urls),
    path("invitation/", open_links.invitation, name="invitation"),
    path("invitation/<str:secret>/", open_links.invitation_link, name="invitation_link"),
    path("password-link/", open_links.password, name="password"),
    path("password-link/<str:secret>/", open_links.password_link, name="password_link"),
]
