"""Decisions as pure functions of values: no I/O, no clock, no randomness, no logging, no venue names.

Imports the standard library and msgspec only. Prices, sizes and money are integers of the finest unit (`scale`);
time is an integer of UTC milliseconds that comes in as an argument.
"""
