"""Every metric that the functions write, with its dimensions. Alarms and dashboards are made of nothing else.

Beside its own dimensions each has `service`, the function that wrote it. Account is no dimension: a metric for each
would cost 0.30 dollars a month and account; the events of the same name say whose it is.
"""

SERVICE = "service"

METRICS: dict[str, tuple[str, ...]] = {
    "AccessBlocked": (),
    "ApiCalls": ("endpoint",),
    "ApiLatency": ("endpoint",),
    "ClockSkew": (),
    "EntriesRefused": ("reason",),
    "Exits": ("source",),
    "ExitsDelayed": (),
    "FollowUpsFailed": (),
    "ForeignPositions": (),
    "InventoryStopBlind": (),
    "KeyExpires": (),
    "LedgerLines": (),
    "MessagesFailed": (),
    "NakedPositions": ("cause",),
    "Operations": ("job",),
    "OperationsFailed": ("job",),
    "RateLimitRefusals": ("bucket",),
    "RateLimitTokens": ("bucket",),
    "RateLimitWait": ("bucket",),
    "RecordsUnreadable": (),
    "Redeemed": (),
    "RedemptionsFailed": (),
    "RedemptionsLeftToOwner": (),
    "RequestsExpired": ("origin",),
    "ScansFailed": (),
    "SignalsDuplicate": (),
    "SignalsExpired": (),
    "SignalsTaken": (),
    "SwitchesInvalid": (),
    "TickTime": ("job",),
    "TicksEndedEarly": ("job",),
    "TicksSkipped": ("job", "reason"),
    "TicksStale": (),
    "UnknownOutcomes": ("job",),
    "VenueNotTrading": ("mode",),
    "WakesFailed": (),
    "WebhooksRefused": ("reason",),
    "WebhooksTaken": (),
}
