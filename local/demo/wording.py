"""Numbers of a venue's scale as people read them."""

from holdfast.core.scale import Scale, format_units


def dollars(money: int, scale: Scale, decimals: int = 2) -> str:
    """Money units as signed dollars, cut to that many decimals."""
    cut = abs(money) // 10 ** (scale.money_decimals - decimals)
    return f"{'-' if money < 0 and cut else ''}${format_units(cut, decimals)}"


def amount(size: int, scale: Scale) -> str:
    """Size units as contracts or shares, without zeros that say nothing."""
    text = scale.size_text(size)
    return text.rstrip("0").rstrip(".") if "." in text else text


def rough_amount(size: int, scale: Scale) -> str:
    """The same, cut to two decimals."""
    return amount(size - size % 10 ** (scale.size_decimals - 2), scale)


def price(units: int | None, scale: Scale) -> str:
    """Price units as dollars with the decimals that it needs, at least two."""
    if units is None:
        return ""
    cents, finer = divmod(units, 10 ** (scale.price_decimals - 2))
    return format_units(cents, 2) if not finer else scale.price_text(units).rstrip("0")


def duration(milliseconds: int) -> str:
    """Minutes and seconds."""
    minutes, seconds = divmod(max(milliseconds, 0) // 1000, 60)
    return f"{minutes}:{seconds:02d}"


def counted(count: int, noun: str) -> str:
    """How many of them, e.g. "1 market" and "8 markets"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def share(part: int, whole: int) -> str:
    """A part as a percentage."""
    return f"{part * 1000 / whole / 10:.1f} %" if whole else ""
