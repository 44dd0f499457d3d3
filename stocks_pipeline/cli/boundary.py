"""The edge where errors become one line and an exit code.

What belongs here: which exceptions are a person's business (a wrong setting, a lake that cannot be reached) and how
they end the process. What does not: bugs. They keep their traceback.
"""

from typing import Any

from typer.core import TyperGroup

from stocks_pipeline.cli.output import Exit, complain, refuse_choice


class Desk(TyperGroup):
    """The command group; every command runs inside this boundary, in a test as in a terminal."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            refuse_choice("COMMAND", args[0], self.commands)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted. What is stored stays; run the same command to continue")
            raise SystemExit(int(Exit.INTERRUPTED)) from None
        except Exception as error:
            code = meant_for_people(error)
            if code is None:
                raise
            complain(in_words(error))
            raise SystemExit(int(code)) from None


def meant_for_people(error: Exception) -> Exit | None:
    """The exit code of an error whose message says what to do; None for a bug.

    The classes are imported only now that something went wrong: `stocks --help` must not pay for them.
    """
    from stocks_pipeline.settings import SettingError
    from stocks_pipeline.storage.lake import KeyMissing, LakeError
    from stocks_pipeline.upstream.control_file import StoreError

    if isinstance(error, SettingError):
        return Exit.USAGE
    if isinstance(error, LakeError | KeyMissing | StoreError):
        return Exit.FAILURE
    if _is_storage(error):
        return Exit.FAILURE
    name = type(error).__name__  # the modules of these two load Dagster and DuckDB; whoever raised them has them loaded
    return Exit.USAGE if isinstance(error, ValueError) and name in {"SelectionError", "QueryError"} else None


def in_words(error: Exception) -> str:
    """The error's own sentence; of a database, which would print its statement, what is wrong with the folder."""
    if not _is_storage(error):
        return str(error)
    why = getattr(error, "orig", None)
    return f"DAGSTER_HOME: its storage cannot be used: {why}. Free space on its disk, or set STOCKS_HOME elsewhere"


def _is_storage(error: Exception) -> bool:
    """Dagster's SQLite files: full or read-only disk, locked. By name, because nobody else needs SQLAlchemy loaded."""
    return type(error).__module__.startswith("sqlalchemy") and type(error).__name__ == "OperationalError"
