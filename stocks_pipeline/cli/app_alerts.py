"""The commands of `stocks` about alerts: names, arguments, help.

What belongs here: the surface, which app.py puts into the group. What does not: behaviour, which sits in alerts.py.
"""

from typing import Annotated

import typer

from stocks_pipeline.cli.options import Json

Sink = Annotated[
    str | None, typer.Option("--sink", metavar="S", help="Only those for this sink: log, webhook, sns, eventbridge.")
]

alerts = typer.Typer(invoke_without_command=True)


@alerts.callback()
def listed(
    context: typer.Context,
    sink: Sink = None,
    status: Annotated[str | None, typer.Option("--status", metavar="S", help="Only these: waiting or sent.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=10_000, help="How many to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List alerts, newest first: which were delivered where, and which wait for a sink that is down. Reads only.

    The sensor `alerts` of the daemon looks every minute for failed runs and checks, late days and ended sessions,
    writes each down once, and hands it to the sinks of STOCKS_ALERT_SINKS. A sink that does not take it is tried again
    after half a minute, a minute, at last every quarter of an hour, for as long as it takes; nothing is lost meanwhile.

    For example:

        stocks alerts                            the last twenty

        stocks alerts --status waiting           what nobody has got yet, and why

        stocks alerts --sink webhook --json      for a program

        stocks alerts send                       hand over now what waits
    """
    if context.invoked_subcommand is None:
        from stocks_pipeline.cli.alerts import show_alerts

        raise typer.Exit(int(show_alerts(sink, status, last, as_json=as_json)))


@alerts.command()
def send(sink: Sink = None, as_json: Json = False) -> None:
    """Hand over now what waits, without waiting for the next try. Each alert still reaches each sink once.

    Exit code 3 if some still wait, 1 if no sink took anything; what waits is tried again by the daemon.

    For example:

        stocks alerts send

        stocks alerts send --sink webhook
    """
    from stocks_pipeline.cli.alerts import send_alerts

    raise typer.Exit(int(send_alerts(sink, as_json=as_json)))
