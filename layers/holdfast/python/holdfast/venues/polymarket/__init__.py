"""Polymarket behind the venue port, on the CLOB of 2026 with exchanges V2 and V3 (facts polymarket)."""
