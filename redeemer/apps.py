from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class RedeemerAdminConfig(AdminConfig):
    """Django's admin with our site. The site lives outside `giftcodes.admin`, which registers itself with it."""

    default_site = "redeemer.site.RedeemerSite"
