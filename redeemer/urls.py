"""The URLs: the admin, the pages of people who have no account, and what programs request."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from giftcodes.admin.access import open_links
from giftcodes.api.door import api
from giftcodes.views import healthz, receive_codes
from redeemer.language import choose
from redeemer.metrics import metrics

handler400 = "redeemer.error_pages.bad_request"
handler403 = "redeemer.error_pages.forbidden"
handler404 = "redeemer.error_pages.not_found"
handler500 = "redeemer.error_pages.server_error"

admin.autodiscover()

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("healthz", healthz),
    path("metrics", metrics),
    path("language/", choose, name="language"),
    path("sources/<int:feed_id>/", receive_codes, name="receive_codes"),
    re_path(r"^api/v1/", api),
    # Intervals, crontabs and the like have no pages of their own any more. Old addresses of such
    # pages lead to the schedule.
    re_path(
        r"^admin/django_celery_beat/(?:interval|crontab|clocked|solar)schedule/",
        RedirectView.as_view(pattern_name="admin:django_celery_beat_periodictask_changelist"),
    ),
    path("admin/", admin.site.urls),
    path("invitation/", open_links.invitation, name="invitation"),
    path("invitation/<str:secret>/", open_links.invitation_link, name="invitation_link"),
    path("password-link/", open_links.password, name="password"),
    path("password-link/<str:secret>/", open_links.password_link, name="password_link"),
    path("", include("giftcodes.players.urls")),
]
