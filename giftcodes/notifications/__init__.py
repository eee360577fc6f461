"""Messages to channels: to the guilds about runs and alarms, and to the operator about alarms.

run_message.py       the words of a message about a run
channel_messages.py  the message of each announcement: about a run, an alarm, a week, or a test
events.py            what a program reads in a message to a webhook
threads.py           the thread of a run, which lists the members who need a person
weekly.py            the weekly summaries, and the direct messages of the Discord bot
causes.py            finds the causes of alarms, and has the words of each alarm
outbox.py            claims, recovers and gives up messages: announcements and notices alike
announcements.py     claims a message to a guild's channel, and posts or edits it
recording.py         records what became of the message
alarms.py            raises and clears alarms, and notifies the operator's channel of each change

Messages are queued at the start of a run (models.redemption), at its end (models.announcement),
when an alarm changes (models.alarm), once a week (weekly.py), and when a person sends a test
(services.channels). The tasks call announcements.py, alarms.py and weekly.py, and
giftcodes.clients.channels makes the requests.
"""
