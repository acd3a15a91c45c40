"""`holdfast demo`: the whole job on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    tape: Annotated[
        Path | None, typer.Option(help="A recording or a folder of them; without one a market is generated.")
    ] = None,
    venue: Annotated[
        str, typer.Option(help="kalshi, polymarket, or both: the tape's markets in turn to one and the other.")
    ] = "both",
    seed: Annotated[int, typer.Option(help="Of the generated tape, the exchanges' ids and the faults.")] = 1,
    markets: Annotated[int | None, typer.Option(help="How many markets to trade.")] = None,
    market: Annotated[list[str] | None, typer.Option(help="Trade this market only; can be repeated.")] = None,
    minutes: Annotated[int | None, typer.Option(help="Length of the generated tape.")] = None,
    read_lag_ms: Annotated[int, typer.Option(help="How far the exchanges' reads lag behind.")] = 2_000,
    tier: Annotated[str, typer.Option(help="Kalshi's API tier: basic, advanced, expert, premier, ...")] = "advanced",
    speed: Annotated[int, typer.Option(help="Times faster than the market's time; 0: as fast as it goes.")] = 0,
    one_by_one: Annotated[bool, typer.Option("--one-by-one", help="Send the same plans without batches.")] = False,
    faults: Annotated[bool, typer.Option("--faults", help="Lose answers and fail requests now and then.")] = False,
) -> None:
    """Play a tape through local exchanges, run the execute job on them, and compare both sides' books."""
    # Imported here: the stand-ins take a second to import, and no other command needs them.
    from local.demo.options import DemoOptions
    from local.demo.run import run_demo

    options = DemoOptions(
        tape=tape,
        venue=venue,
        seed=seed,
        markets=markets,
        only=tuple(market or ()),
        minutes=minutes,
        read_lag_ms=read_lag_ms,
        tier=tier,
        speed=speed,
        one_by_one=one_by_one,
        faults=faults,
    )
    raise typer.Exit(run_demo(options))
