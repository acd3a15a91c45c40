"""Which markets the demo enters instead of quoting them, and who asks for the entries.

On a tape that prints trades the account's own market scanner does. A recording of books alone gives a market no volume,
and the scanner takes none without: there the demo asks by a fixed rule of its own.
"""

from collections.abc import Mapping, Set

from holdfast.core.bracket import own_price
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, Origin
from holdfast.state.requests import Requests
from local.demo.venues.venue import DemoVenue, Instrument

# Of each venue's markets the 2nd, 5th, 8th ... is entered.
ENTERED_FIRST, ENTERED_EVERY = 1, 3
ASK_EVERY_MS = 60_000
# What is asked for late would be held for seconds only.
LEAST_LEFT_MS = 30_000
LOWEST, HIGHEST = "0.10", "0.90"


def entered_tickers(venue: DemoVenue) -> tuple[str, ...]:
    """The tape's markets at this venue that are entered; the others are quoted."""
    tickers = list(dict.fromkeys(instrument.ticker for instrument in venue.instruments))
    return tuple(tickers[ENTERED_FIRST::ENTERED_EVERY])


class EntryRule:
    """Asks for every entered market once a minute while it is flat: its first outcome, the next time its second, and so
    on, where that costs from 0.10 to 0.90. The size is left to the account's limits.

    `closes_at_ms` says when each of them closes, by ticker.
    """

    def __init__(self, venue: DemoVenue, account_id: str, closes_at_ms: Mapping[str, int], requests: Requests) -> None:
        self._venue, self._account_id, self._requests = venue, account_id, requests
        self._closes_at_ms = closes_at_ms
        self._asked = {ticker: index for index, ticker in enumerate(closes_at_ms)}
        self._next_ms = 0

    def ask(self, held: Set[str], now_ms: int) -> None:
        """Put the requests that are due; `held` are the tickers with a position or an entry under way."""
        if now_ms < self._next_ms:
            return
        self._next_ms = now_ms + ASK_EVERY_MS
        for ticker, closes_at_ms in self._closes_at_ms.items():
            if ticker in held or now_ms > closes_at_ms - LEAST_LEFT_MS:
                continue
            self._asked[ticker] += 1
            wants_second = self._asked[ticker] % 2 == 0
            instrument, side = self._outcome(ticker, wants_second=wants_second)
            if self._is_affordable(instrument, side):
                self._put(instrument.market, side, now_ms)

    def _outcome(self, ticker: str, *, wants_second: bool) -> tuple[Instrument, Side]:
        """The instrument and the entry's side: the second outcome is sold where it is in the same book."""
        found = [instrument for instrument in self._venue.instruments if instrument.ticker == ticker]
        if self._venue.one is not None:
            return found[0], Side.SELL if wants_second else Side.BUY
        return found[wants_second], Side.BUY

    def _is_affordable(self, instrument: Instrument, side: Side) -> bool:
        bid, ask = self._venue.best(instrument.market)
        price = ask if side is Side.BUY else bid
        if price is None:
            return False
        scale = self._venue.scale
        return scale.price(LOWEST) <= own_price(price, side, self._venue.one) <= scale.price(HIGHEST)

    def _put(self, market: str, side: Side, now_ms: int) -> None:
        request = EntryRequest(
            request_id=f"demo-{now_ms}-{market[-40:]}",
            account=self._account_id,
            market=market,
            side=side,
            origin=Origin.COMMAND,
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + LEAST_LEFT_MS,
        )
        self._requests.put(request, now_ms)
