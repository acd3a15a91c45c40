"""One package per venue behind the port in `port`."""
