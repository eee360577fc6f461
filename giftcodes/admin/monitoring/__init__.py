"""The state of the system: alarms, announcements, journal and requests."""

from giftcodes.admin.monitoring import alarms, announcements, changes, journal, schedule

__all__ = ["alarms", "announcements", "changes", "journal", "schedule"]
