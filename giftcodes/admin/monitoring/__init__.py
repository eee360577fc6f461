"""The state of the system: dashboard, alarms, announcements, journal and requests."""

from giftcodes.admin.monitoring import alarms, announcements, journal

__all__ = ["alarms", "announcements", "journal"]
