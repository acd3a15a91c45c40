"""Where a venue's API is: https anywhere, plain http to loopback only, and never with a user in the address."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from holdfast.core.errors import InvalidInputError


def checked_origin(base_url: str, prefix: str = "") -> str:
    """Scheme, host and port of a base URL, whose path may be `prefix` or none. Raises InvalidInputError."""
    parts = urlsplit(base_url)
    allowed = f"https://host, or http://loopback, with the path {prefix} or none"
    if not prefix:
        allowed = "https://host, or http://loopback, without a path"
    if "@" in base_url:
        raise InvalidInputError("base_url", "(hidden)", f"{allowed}, without a user")
    if not parts.hostname or parts.query or parts.fragment or parts.path.rstrip("/") not in ("", prefix):
        raise InvalidInputError("base_url", base_url, allowed)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise InvalidInputError("base_url", base_url, allowed)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
