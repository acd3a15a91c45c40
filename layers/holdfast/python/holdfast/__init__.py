"""Holdfast: order execution and exit protection on Polymarket, Kalshi and Coinbase."""
