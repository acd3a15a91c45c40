"""What an account has in a region's tables: what is open there, and what it would leave behind."""

from typing import NamedTuple

from cli.stage import Stage
from holdfast.state.brackets import Brackets
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.markets import MarketConfigs
from holdfast.state.switch_set import parameter_path


class Holdings(NamedTuple):
    """In words, e.g. ("2 open positions",). `open` needs the account's ticks where it is; `kept` is the rest."""

    open: tuple[str, ...]
    kept: tuple[str, ...]


def holdings(stage: Stage, account_id: str) -> Holdings:
    """What an account has in this region. Raises StoreError where it can't be read."""
    positions = Ledger(stage.store, account_id).positions().values()
    brackets, unreadable = Brackets(stage.store, account_id).read()
    live, unread = Journal(stage.store, account_id).read()
    return Holdings(
        open=_counted(
            ("open position", sum(stored.position.size != 0 for stored in positions)),
            ("open bracket", len(brackets) + len(unreadable)),
            ("write that is not settled", len(live) + len(unread)),
        ),
        kept=_counted(
            ("market in its books", len(positions)),
            ("market config", len(MarketConfigs(stage.store, account_id).list())),
            ("switch of its own", len(stage.parameters.read(parameter_path(stage.name, account_id)))),
        ),
    )


def _counted(*counts: tuple[str, int]) -> tuple[str, ...]:
    return tuple(f"{count} {_plural(noun) if count > 1 else noun}" for noun, count in counts if count)


def _plural(noun: str) -> str:
    """The first noun's: "markets in its books"."""
    for word in ("market config", "position", "bracket", "write", "market"):
        if word in noun:
            return noun.replace(word, f"{word}s", 1).replace("that is", "that are")
    return noun.replace("switch", "switches", 1)
