"""What happens: the dashboard, games, feeds, the journal, requests, messages and alarms."""

from giftcodes.admin.monitoring import delivery, directories, feeds, journal, providers, pruned

__all__ = ["delivery", "directories", "feeds", "journal", "providers", "pruned"]
