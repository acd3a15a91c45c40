"""What each function may do: exactly the calls that its code makes. The tests of the functions run under it."""

from holdfast.deployed import Function
from holdfast.state.port import Table

_READ_ONE, _READ_MANY, _QUERY = "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"
_PUT, _DELETE, _CHECK = "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"

# Leases, halts, journal, requests, rates: a job reads and writes them in every way that the store knows.
_JOB_TABLES = {
    Table.CONTROL: (_READ_MANY, _CHECK, _DELETE, _READ_ONE, _PUT, _QUERY),
    Table.POSITIONS: (_READ_ONE, _PUT, _QUERY),
    Table.BRACKETS: (_DELETE, _PUT, _QUERY),
    Table.LEDGER: (_READ_MANY, _PUT),
}

TABLE_ACTIONS: dict[Function, dict[Table, tuple[str, ...]]] = {
    # An entry puts its market under protection, unless that has changed meanwhile.
    Function.EXECUTE: {**_JOB_TABLES, Table.MARKETS: (_CHECK, _PUT, _QUERY)},
    Function.BRACKETS: {**_JOB_TABLES, Table.MARKETS: (_QUERY,)},
    Function.SIGNALS: {Table.CONTROL: (_CHECK, _READ_ONE, _PUT, _QUERY)},
    Function.WEBHOOK: {},
}

SENDS_TO: dict[Function, tuple[Function, ...]] = {
    # The minute's further ticks.
    Function.EXECUTE: (Function.EXECUTE,),
    Function.BRACKETS: (Function.BRACKETS,),
    # What has just been asked for is looked at without waiting for the minute.
    Function.SIGNALS: (Function.EXECUTE, Function.BRACKETS),
    Function.WEBHOOK: (Function.SIGNALS,),
}
"""Into whose queues each puts messages."""

TRADES = (Function.EXECUTE, Function.BRACKETS)
"""Those that read switches and the accounts' secrets."""
