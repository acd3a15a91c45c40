"""Reads that need no signature: books, prices, market rules, time (facts polymarket section 2)."""

from decimal import Decimal

import msgspec
from msgspec import Struct

from holdfast.core.market import Side
from local.venues.http import Response, answer
from local.venues.polymarket import shapes
from local.venues.polymarket.call import Call
from local.venues.polymarket.wire import ONE, SCALE, ApiError, plain, price_text

_MOST_BOOKS = 500
_NO_BOOK = "No orderbook exists for the requested token id"
_NO_MARKET = "market not found"
_LONGEST_HISTORY_S = 15 * 86_400
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


class BookRequest(Struct, frozen=True):
    """One entry of POST /books."""

    token_id: str


def get_time(call: Call) -> Response:
    """GET /time: unix seconds."""
    return answer(call.state.now_ms // 1_000)


def get_version(call: Call) -> Response:
    """GET /version: of the CLOB."""
    return answer({"version": 2})


def get_ok(call: Call) -> Response:
    """GET /ok."""
    return answer("OK")


def get_book(call: Call) -> Response:
    """GET /book. A resolved market has none."""
    market, outcome = call.token()
    if market.winner is not None:
        raise ApiError(404, _NO_BOOK)
    return answer(shapes.book(market, outcome, call.state.now_ms))


def list_books(call: Call) -> Response:
    """POST /books. Tokens without a book are left out; how many fit in one call is not known, 500 do here."""
    try:
        wanted = msgspec.json.decode(call.request.body, type=list[BookRequest])
    except msgspec.MsgspecError:
        raise ApiError(400, "Invalid payload") from None
    if len(wanted) > _MOST_BOOKS:
        raise ApiError(400, "Payload exceeds the limit")
    known = (call.state.by_token.get(entry.token_id) for entry in wanted)
    found = [entry for entry in known if entry is not None and entry[0].winner is None]
    return answer([shapes.book(market, outcome, call.state.now_ms) for market, outcome in found])


def get_price(call: Call) -> Response:
    """GET /price: BUY is the best bid, SELL the best ask; "0" where there is none."""
    market, outcome = call.token()
    side = _SIDES.get(call.parameter("side").upper())
    if side is None:
        raise ApiError(400, "Invalid side")
    return answer({"price": price_text(market.best(outcome, side) or 0)})


def get_midpoint(call: Call) -> Response:
    """GET /midpoint; 404 where a side is empty."""
    market, outcome = call.token()
    bid, ask = market.best(outcome, Side.BUY), market.best(outcome, Side.SELL)
    if bid is None or ask is None:
        raise ApiError(404, _NO_BOOK)
    return answer({"mid": plain((bid + ask) * 5, SCALE.price_decimals + 1)})


def get_price_history(call: Call) -> Response:
    """GET /prices-history: the price at the beginning of each `fidelity` minutes, from the first book to the last.

    At most fifteen days, whatever the fidelity: others measured that in August and September 2026, and that sixteen are
    refused in these words. The specification does not say which price a point is. Here it is the middle of the book,
    and after `startTs` and before `endTs` exclude what they name. `interval` is not served; a token that no market has
    has no history.
    """
    if call.parameter("interval"):
        raise ApiError(400, "interval is not served by the local exchange")
    found = call.state.by_token.get(call.parameter("market"))
    start_s, end_s, step = call.seconds("startTs"), call.seconds("endTs"), call.seconds("fidelity") or 1
    if start_s is None or end_s is None:
        raise ApiError(400, "invalid filters: startTs and endTs are required")
    step_s = step * 60
    if end_s - start_s > _LONGEST_HISTORY_S:
        raise ApiError(400, "invalid filters: 'startTs' and 'endTs' interval is too long")
    if found is None:
        return answer({"history": []})
    market, outcome = found
    last_s = min(end_s - 1, market.close_at_ms // 1_000 or end_s, call.state.now_ms // 1_000)
    times = range((start_s // step_s + 1) * step_s, last_s + 1, step_s)
    known = ((at_s, market.middle.before(at_s * 1_000)) for at_s in times)
    return answer({"history": [{"t": at_s, "p": _price(halves, outcome)} for at_s, halves in known if halves]})


def get_tick_size(call: Call) -> Response:
    """GET /tick-size."""
    market, _ = call.token(missing=_NO_MARKET)
    return answer({"minimum_tick_size": shapes.clob_market(market)["mts"]})


def get_neg_risk(call: Call) -> Response:
    """GET /neg-risk."""
    market, _ = call.token(missing=_NO_MARKET)
    return answer({"neg_risk": market.spec.neg_risk})


def get_fee_rate(call: Call) -> Response:
    """GET /fee-rate: of CLOB V1; fees are the market's `fd` now (facts polymarket section 4)."""
    call.token(missing=_NO_MARKET)
    return answer({"base_fee": 0})


def get_clob_market(call: Call) -> Response:
    """GET /clob-markets/{condition_id}."""
    market = call.state.by_condition.get(call.names["condition_id"].lower())
    if market is None:
        raise ApiError(404, _NO_MARKET)
    return answer(shapes.clob_market(market))


def get_market_by_token(call: Call) -> Response:
    """GET /markets-by-token/{token_id}."""
    market, _ = call.token(missing=_NO_MARKET)
    first, second = market.tokens
    return answer({"condition_id": market.condition_id, "primary_token_id": first, "secondary_token_id": second})


def get_last_price(call: Call) -> Response:
    """GET /last-trade-price."""
    market, outcome = call.token()
    return answer({"price": shapes.last_price(market, outcome) or price_text(ONE // 2), "side": ""})


def _price(halves: int, outcome: int) -> Decimal:
    """Halves of a price unit of the first token as an outcome's price, the JSON number that the venue writes."""
    return Decimal(plain((halves if outcome == 0 else 2 * ONE - halves) * 5, SCALE.price_decimals + 1))
