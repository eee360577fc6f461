"""The addresses of the players' pages."""

from __future__ import annotations

from django.urls import path

from giftcodes.players import join_page, my_page, public_page

app_name = "players"
urlpatterns = [
    path("join/<slug:token>/", join_page.page, name="join"),
    path("my/erased/", my_page.erased, name="erased"),
    path("my/<slug:token>/", my_page.page, name="my"),
    path("codes/<slug:public_id>/", public_page.page, name="public"),
]
