"""Local servers that speak the venues' wire protocols."""
