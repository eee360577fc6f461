"""Messages to channels: about runs to the guilds, about alarms to the operator.

run_message.py    the words of a message about a run
causes.py         the words of an alarm, and when there is one
outbox.py         claim, recover, record, give up: the same for announcements and notices
announcements.py  claims a guild's message, posts or edits it, and records the result
alarms.py         raises and clears alarms, and sends notices of both to the operator's channel

A message is queued where its row is written: at the start of a run (models.redemption), at its end
(models.announcement), and when an alarm changes (models.alarm). The tasks call announcements and
alarms; giftcodes.clients.channels makes the request.
"""
