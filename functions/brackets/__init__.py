"""The brackets function: bracket-status, one tick per queue message."""
