"""Structured events and metrics behind one port."""
