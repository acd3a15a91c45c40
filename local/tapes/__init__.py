"""Tapes: what the rest of the market did, recorded or generated, for the local venues to play."""
