"""The signals function: entries and exits that other programs ask for become requests."""
