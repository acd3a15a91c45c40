"""Where a bracket exits: levels on the market's grid, from distances and the price that was paid.

Every level is moved onto the grid in the direction that is safe for the owner's money:

- The take profit goes up: it never gives away more than was asked for. Above the grid it is its highest price, which
  is as much as the market can pay.
- Stops go up too: a stop that is nearer to the entry fires earlier and loses no more than was allowed. One that would
  be below the grid is lifted onto it, for the same reason: it loses less than asked.
- No distance is less than the spread and two ticks, else the price moving to and fro would be an exit. Where this and
  the line above disagree, this one decides: a stop that fires at once helps nobody.

A new position for which no stop and hard stop fit between the lowest price and the entry is refused
(`refusal_of_entry`): it could not be protected. One that is already held (adopted, or filled better than planned) gets
the lowest price as its stop while somebody still bids more, and no hard stop.
"""

from decimal import ROUND_CEILING, Decimal

from msgspec import Struct

from holdfast.core.bracket import Levels
from holdfast.core.distances import Distance, Distances, Unit
from holdfast.core.errors import InvalidInputError
from holdfast.core.grid import OwnGrid

LEAST_TICKS = 2
# An ATR of a quiet hour is no distance to stop out at.
ATR_FLOOR_PERCENT = Decimal("1.2")


class Terms(Struct, frozen=True):
    """What levels are worked out from, own prices: the entry (limit or average), the best bid and ask, None where
    there is none, the ATR, None where it is not known, and the most that an immediate trade of one unit is charged."""

    entry: int
    bid: int | None
    ask: int | None
    atr: int | None = None
    fee: int = 0

    @property
    def spread(self) -> int:
        """Between the best prices; 0 where one is missing, or they cross."""
        return 0 if self.bid is None or self.ask is None else max(self.ask - self.bid, 0)


class _Asked(Struct, frozen=True):
    """Distances in price units, not yet on any grid. None: there is no such level."""

    take_profit: Decimal | None
    stop: Decimal
    soft_stop: Decimal
    hard_stop: Decimal
    trailing_activation: Decimal | None
    trailing_distance: Decimal | None


def levels_of(grid: OwnGrid, wanted: Distances, terms: Terms) -> Levels:
    """The levels of a position that was, or would be, bought at `terms.entry`.

    A distance in ATR is at least 1.2 % of the entry price; spread and fee come on top of it, except for the trailing
    ones, which are between two bids. Raises InvalidInputError where a distance needs an ATR and there is none, and for
    an entry price that no market has.
    """
    if not 0 < terms.entry < grid.end:
        allowed = f"above 0 and below {grid.scale.price_text(grid.end)}"
        raise InvalidInputError(f"entry price in {grid.rules.market}", grid.scale.price_text(terms.entry), allowed)

    def asked(name: str, distance: Distance, cushions: int = 0) -> Decimal:
        units = distance.units(terms.entry, terms.atr, grid.scale, name)
        return max(units, _atr_floor(terms.entry)) + cushions if distance.unit is Unit.ATR else units

    both = terms.spread + terms.fee
    activation, trailing = wanted.trailing_activation, wanted.trailing_distance
    return _placed(
        grid,
        terms,
        _Asked(
            take_profit=asked("take_profit", wanted.take_profit, both),
            stop=asked("stop_loss", wanted.stop_loss, both),
            soft_stop=asked("soft_stop", wanted.soft_stop, both),
            hard_stop=asked("hard_stop", wanted.hard_stop, both),
            trailing_activation=asked("trailing_activation", activation) if activation else None,
            trailing_distance=asked("trailing_distance", trailing) if trailing else None,
        ),
    )


def reanchored(levels: Levels, grid: OwnGrid, planned: int, terms: Terms) -> Levels:
    """The levels once the entry is over: as far from the average price `terms.entry` as they were from `planned`.

    Switches and ATR of the decision are not needed, so whoever finds the fills can do it. A level at the end of the
    grid stays there. `terms.bid` and `terms.ask` are those of the decision. The same levels where the price is.
    """
    highest, second = grid.highest, _second_lowest(grid)
    take_profit, activation = levels.take_profit, levels.trailing_activation

    def above(level: int) -> Decimal | None:
        return None if not level else Decimal(highest if level == highest else level - planned)

    def below(level: int) -> Decimal:
        return Decimal(terms.entry if level <= second else planned - level)

    return _placed(
        grid,
        terms,
        _Asked(
            take_profit=above(take_profit),
            stop=below(levels.stop),
            soft_stop=below(levels.soft_stop),
            hard_stop=Decimal(terms.entry) if levels.hard_stop <= grid.lowest else Decimal(planned - levels.hard_stop),
            trailing_activation=above(activation),
            trailing_distance=Decimal(levels.trailing_distance) if levels.trailing_distance else None,
        ),
    )


def refusal_of_entry(grid: OwnGrid, wanted: Distances, terms: Terms) -> str | None:
    """Why a position must not be opened at `terms.entry`, in words with the prices; None where it may be."""
    bid, ask, text = terms.bid, terms.ask, grid.scale.price_text
    if bid is None or ask is None:
        return f"nobody {'bids' if bid is None else 'asks'}: there is no spread to set a stop by"
    if bid >= ask:
        return f"the book is crossed: bid {text(bid)}, ask {text(ask)}"
    try:
        levels = levels_of(grid, wanted, terms)
    except InvalidInputError as error:
        return str(error)
    return _missing(grid, terms, levels) or _due_at_once(grid, bid, levels)


def refusal_of_addition(grid: OwnGrid, levels: Levels, terms: Terms) -> str | None:
    """Why nothing may be added at `terms.entry` to a position that keeps its levels; None where it may be."""
    text = grid.scale.price_text
    if levels.take_profit and levels.take_profit - terms.entry <= terms.fee:
        return (
            f"the take profit of what is held, {text(levels.take_profit)}, does not pay an entry at {text(terms.entry)}"
        )
    return None if terms.bid is None else _due_at_once(grid, terms.bid, levels)


def _missing(grid: OwnGrid, terms: Terms, levels: Levels) -> str | None:
    """Which level there is no place for."""
    text = grid.scale.price_text
    entry, fee = text(terms.entry), text(terms.fee)
    if not levels.hard_stop:
        least = text(_least_below(grid, terms))
        return (
            f"no stop fits below an entry at {entry}: the lowest price is {text(grid.lowest)}, a stop is at least the"
            f" spread and {LEAST_TICKS} ticks away ({least}), and the hard stop goes below it"
        )
    if not levels.take_profit:
        return f"no take profit fits above an entry at {entry}: the highest price is {text(grid.highest)}"
    if levels.take_profit - terms.entry <= terms.fee:
        return f"the take profit at {text(levels.take_profit)} does not pay the fee of {fee} on an entry at {entry}"
    return None


def _due_at_once(grid: OwnGrid, bid: int, levels: Levels) -> str | None:
    """Which level the best bid has reached already."""
    text = grid.scale.price_text
    for name, level in (("stop", levels.stop), ("soft stop", levels.soft_stop), ("hard stop", levels.hard_stop)):
        if bid <= level:
            return f"the {name} at {text(level)} would fire at once: the best bid is {text(bid)}"
    if 0 < levels.take_profit <= bid:
        return f"the take profit at {text(levels.take_profit)} would fill at once: the best bid is {text(bid)}"
    return None


def _placed(grid: OwnGrid, terms: Terms, asked: _Asked) -> Levels:
    entry = terms.entry
    highest_stop = grid.floor(entry - _least_below(grid, terms))
    second = _second_lowest(grid)
    if highest_stop is None or highest_stop < second:
        below_bid = terms.bid is None or grid.lowest < terms.bid
        stop = soft = grid.lowest if grid.lowest < entry and below_bid else 0
        hard = 0
    else:
        stop = min(_lifted(grid, entry - asked.stop, second), highest_stop)
        soft = min(_lifted(grid, entry - asked.soft_stop, second), highest_stop)
        nearest = min(stop, soft)
        hard = min(_lifted(grid, entry - asked.hard_stop, grid.lowest), nearest - grid.tick_below(nearest))
    activation = _target(grid, terms, asked.trailing_activation)
    return Levels(
        take_profit=_target(grid, terms, asked.take_profit),
        stop=stop,
        soft_stop=soft,
        hard_stop=hard,
        trailing_activation=activation,
        trailing_distance=_trailing(grid, terms, asked.trailing_distance) if activation else 0,
    )


def _target(grid: OwnGrid, terms: Terms, distance: Decimal | None) -> int:
    """A level above the entry; 0 where there is none to be."""
    if distance is None or grid.highest <= terms.entry:
        return 0
    least = terms.spread + LEAST_TICKS * grid.tick_above(terms.entry)
    level = grid.ceil(terms.entry + max(distance, Decimal(least)))
    return grid.highest if level is None else level


def _trailing(grid: OwnGrid, terms: Terms, distance: Decimal | None) -> int:
    """A distance below the best bid seen, in whole ticks of the entry price: bids move in ticks."""
    if distance is None:
        return 0
    tick = grid.tick_below(terms.entry)
    wanted = max(distance, Decimal(terms.spread + LEAST_TICKS * tick))
    return int((wanted / tick).to_integral_value(ROUND_CEILING)) * tick


def _lifted(grid: OwnGrid, price: Decimal, lowest: int) -> int:
    """A stop's price, moved up onto the grid and not below `lowest`."""
    level = grid.ceil(price)
    return max(level, lowest) if level is not None else grid.highest


def _least_below(grid: OwnGrid, terms: Terms) -> int:
    return terms.spread + LEAST_TICKS * grid.tick_below(terms.entry)


def _second_lowest(grid: OwnGrid) -> int:
    return grid.lowest + grid.tick_above(grid.lowest)


def _atr_floor(entry: int) -> Decimal:
    return ATR_FLOOR_PERCENT * entry / 100
