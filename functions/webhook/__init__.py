"""The webhook function: signals that come by HTTP, from senders that know the secret, go to the signals queue."""
