"""The demo: a tape through the local exchange, the execute job in lockstep with it, and both sides' books compared."""
