"""What a run says while it goes on, and the tables at its end."""

import sys

from holdfast.clock import Clock
from holdfast.core.bracket import ExitMode
from local.e2e.account import DeployedAccount


class Teller:
    """Prints lines with the time since the run began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_ms = clock.now_ms()

    @property
    def seconds(self) -> int:
        """Since the run began."""
        return (self._clock.now_ms() - self._began_ms) // 1000

    def head(self, words: str) -> None:
        """What comes now."""
        self._print(f"\n{words}")

    def say(self, words: str) -> None:
        """Something that happened."""
        self._print(f"  {self.seconds // 60}:{self.seconds % 60:02}  {words}")

    def of(self, account: DeployedAccount, words: str) -> None:
        """Something that happened to an account."""
        self.say(f"{account.name:<17} {words}")

    @staticmethod
    def _print(words: str) -> None:
        print(words, flush=True)

    @staticmethod
    def complain(words: str) -> None:
        """What went wrong."""
        print(words, file=sys.stderr, flush=True)


def levels(account: DeployedAccount, ticker: str) -> str:
    """One line on an open position: what is held, and how it is protected at this moment, by the venue's own book."""
    bracket = account.bracket(ticker)
    if bracket is None:
        return f"{ticker}: no bracket"
    price = account.venue.demo.scale.price_text
    held = account.venue.demo.scale.size_text(account.held(ticker))
    resting = [f"{price(order.price)}" for order in account.resting(ticker) if order.side is bracket.exit_side]
    if bracket.mode is ExitMode.LIMIT_ORDERS:
        target = f"take profit rests at {', '.join(resting)}" if resting else "NO TAKE PROFIT RESTS"
    else:
        target = f"nothing rests, take profit watched at {price(bracket.levels.take_profit)}"
    stops = f"stop {price(bracket.levels.stop)}, hard stop {price(bracket.levels.hard_stop)}"
    return f"{ticker}: {held} held by {bracket.entry.origin}, {target}; {stops} ({bracket.mode.value})"


def outcome(account: DeployedAccount, ticker: str) -> str:
    """One line on a closed position."""
    trade = account.trade(ticker)
    if trade is None:
        return f"{ticker}: not closed"
    scale = account.venue.demo.scale
    prices = f"{scale.price_text(trade.entry_price)} to {scale.price_text(trade.exit_price)}"
    money = scale.money_decimal(trade.realized - trade.fees)
    return f"{ticker}: {trade.source.value}, {scale.size_text(trade.size)} from {prices}, {money:+.2f} $ after fees"


def equality(account: DeployedAccount) -> str:
    """Our ledger against the venue's own books, in a line."""
    comparison, scale = account.comparison(), account.venue.demo.scale
    if not comparison.is_equal:
        return "LEDGER AND VENUE DIFFER"
    total = comparison.total.exchange
    money = scale.money_decimal(total.cash)
    return f"{total.fills} fills, {money:+.2f} $: ledger and venue equal to the last unit"
