"""The request of `check_provider`. Whatever the game checks first, it grants nothing."""

#: An ID that no player has.
PLAYER_ID = "1"
#: A code that does not exist.
CODE = "REDEEMERCHECK"
REALM = 1
