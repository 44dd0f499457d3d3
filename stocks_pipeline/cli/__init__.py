"""The `stocks` command: arguments in, domain calls out, a table or JSON back.

`main` stays light: each command imports what it needs when it runs, so `stocks --help` answers at once.
"""


def main() -> None:
    """Entry point of the console script."""
    from stocks_pipeline.cli.app import app
    from stocks_pipeline.cli.output import keep_errors

    keep_errors()
    app()
