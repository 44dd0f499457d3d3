"""The warehouse: read-only SQL over the lake.

What belongs here: opening DuckDB with the views, refusing what is not a question, and answers that stay consistent
while runs replace files. What does not: the views themselves (views.sql), their meaning (dictionary.py), how files
become relations (sources.py). The database is in memory and holds no data; the files are the store.

DuckDB opens a file more than once a query, so an answer counts only if no file it used was replaced meanwhile;
otherwise it is asked again, and in the end on files read whole (see scan.py).
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from stocks_pipeline.storage.dictionary import describe
from stocks_pipeline.storage.lake import Lake, LakeError, open_lake
from stocks_pipeline.storage.scan import WILD, quoted
from stocks_pipeline.storage.sources import SOURCES, Source

__all__ = ["QueryError", "Warehouse", "describe"]

_TRIES: Final = 4
_ALLOWED: Final = "SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN of these"
_EXPLAIN: Final = re.compile(r"\s*EXPLAIN\s+(?:ANALYZE\s+)?(?P<inner>.*)", re.IGNORECASE | re.DOTALL)


class QueryError(ValueError):
    """The query is refused, wrong, or reaches outside the lake; the message is meant for the person who wrote it."""


class Warehouse:
    """SQL over one lake: `with Warehouse(root) as warehouse: warehouse.sql("SELECT …")`. Safe for threads."""

    def __init__(
        self,
        lake: Lake | str,
        *,
        markets: Sequence[str] = ("asx", "us"),
        connect: Callable[[], AbstractContextManager[Any]] | None = None,
        filesystem: Any = None,
    ) -> None:
        """Nothing is opened yet.

        Args:
            lake: the lake or its address.
            markets: those that the views show.
            connect: gives an in-memory DuckDB connection of its own; dagster-duckdb's DuckDBResource without it.
            filesystem: an fsspec file system for an s3:// lake; s3fs with the environment's settings without it.
        """
        self._lake = open_lake(lake) if isinstance(lake, str) else lake
        if WILD.intersection(self._lake.root):
            raise LakeError(f"SQL over {self._lake.root}: a folder with * ? or [ in its name is a pattern to DuckDB")
        self._markets = tuple(markets)
        self._connect = connect or _dagster_connection
        self._filesystem = filesystem
        self._lock = threading.RLock()
        self._stack = ExitStack()
        self._connection: Any = None
        self._listed: dict[str, tuple[str, ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next query opens another."""
        with self._lock:
            self._stack.close()
            self._connection, self._listed = None, {}

    def sql(self, query: str, parameters: Mapping[str, object] | Sequence[object] | None = None) -> Any:
        """The answer to one question, as an Arrow table.

        Args:
            query: one SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN over the views of `describe()`.
            parameters: values of `$name` or `?`.

        Raises:
            QueryError: refused, wrong, or touching files outside the lake.
            LakeError: the lake cannot be reached.
        """
        check(query)
        with self._lock:
            self._open()
            sources = _used(query)
            for _ in range(_TRIES):
                before = self._versions(sources)
                answer, error = self._ask_in_place(sources, before, query, parameters)
                if _unchanged(before, self._versions(sources)):
                    break
            else:
                answer, error = self._ask_whole(sources, query, parameters)
            if error is not None:
                raise QueryError(str(error)) from error
            return answer

    def _open(self) -> None:
        if self._connection is None:
            with ExitStack() as stack:
                connection = stack.enter_context(self._connect())
                self._prepare(connection)
                self._connection, self._stack = connection, stack.pop_all()

    def _prepare(self, connection: Any) -> None:
        """Make the views, then let the connection reach nothing but the lake."""
        if "://" in self._lake.root:
            connection.register_filesystem(self._filesystem or _s3_filesystem())
        connection.execute("SET TimeZone = 'UTC'; SET enable_external_file_cache = false; CREATE SCHEMA lake")
        for source in SOURCES:  # without files: looking into them may fail while one is being replaced
            connection.execute(f"CREATE VIEW lake.{source.name} AS {source.empty_sql()}")
        connection.execute(files("stocks_pipeline.storage").joinpath("views.sql").read_text("utf-8"))
        # DuckDB follows links before it decides, so a lake behind a link is allowed by its real name.
        roots = {self._lake.root, self._lake.root if "://" in self._lake.root else str(Path(self._lake.root).resolve())}
        connection.execute(
            f"SET allowed_directories = [{', '.join(map(quoted, roots))}]; SET enable_external_access = false; "
            "SET python_enable_replacements = false; SET lock_configuration = true"
        )

    def _versions(self, sources: Iterable[Source]) -> dict[str, dict[str, str]]:
        """Keys and versions of the files behind each relation."""
        return {
            source.name: {
                key: version
                for prefix in source.prefixes(self._markets)
                for key, version in self._lake.versions(prefix).items()
                if source.is_mine(key)
            }
            for source in sources
        }

    def _ask_in_place(
        self, sources: Iterable[Source], versions: Mapping[str, Mapping[str, str]], query: str, parameters: Any
    ) -> tuple[Any, duckdb.Error | None]:
        """Make the relations read the files that are there now, and ask."""
        try:
            for source in sources:
                keys = tuple(versions[source.name])
                if self._listed.get(source.name) != keys:
                    rows = source.files_sql([self._lake.uri(key) for key in keys])
                    self._connection.execute(f"CREATE OR REPLACE VIEW lake.{source.name} AS {rows}")
                    self._listed[source.name] = keys
        except duckdb.Error as error:
            return None, error
        return _ask(self._connection, query, parameters)

    def _ask_whole(self, sources: Iterable[Source], query: str, parameters: Any) -> tuple[Any, duckdb.Error | None]:
        """Ask on files that were each read with one open, so that no writer can come in between."""
        for source in sources:
            tables = [source.whole(self._lake, key) for key in self._versions([source])[source.name]]
            self._connection.register(f"whole_{source.name}", pa.concat_tables([*tables, source.schema.empty_table()]))
            rows = f"SELECT * FROM whole_{source.name}"  # noqa: S608 - a name of ours
            self._connection.execute(f"CREATE OR REPLACE VIEW lake.{source.name} AS {rows}")
            self._listed.pop(source.name, None)
        return _ask(self._connection, query, parameters)


def check(query: str) -> None:
    """Let one question pass.

    Raises:
        QueryError: no SQL, more than one statement, or one that could change something.
    """
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
    if len(statements) != 1:
        raise QueryError(f"one statement at a time, not {len(statements)}")
    [statement] = statements
    if statement.type == duckdb.StatementType.EXPLAIN:
        # EXPLAIN ANALYZE runs what it explains, also a COPY.
        inner = _EXPLAIN.fullmatch(statement.query)
        if inner is None:
            raise QueryError("write EXPLAIN [ANALYZE] directly before the query, without options or comments")
        check(inner["inner"])
    elif statement.type != duckdb.StatementType.SELECT:
        raise QueryError(f"the warehouse is read-only: {_ALLOWED}, not {statement.type.name}")


def _ask(connection: Any, query: str, parameters: Any) -> tuple[Any, duckdb.Error | None]:
    try:
        return connection.sql(query, params=parameters).to_arrow_table(), None
    except duckdb.Error as error:
        return None, error


def _used(query: str) -> tuple[Source, ...]:
    """The relations a query may stand on: those it names anywhere, and all of them if it could build a name.

    By the text, because DuckDB's get_table_names sees through views and leaves out what an optimizer removes.
    """
    text = query.casefold()
    if "query" in text:  # query() and query_table() take the name as a value
        return SOURCES
    return tuple(source for source in SOURCES if source.view in text or source.name in text)


def _unchanged(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether every file that was there is still the same; new ones were not part of the question."""
    return all(after[name].get(key) == version for name, keys in before.items() for key, version in keys.items())


def _dagster_connection() -> AbstractContextManager[Any]:
    from dagster_duckdb import DuckDBResource

    return DuckDBResource(database=":memory:").get_connection()


def _s3_filesystem() -> Any:
    try:
        import s3fs
    except ImportError as error:
        raise LakeError("SQL over an s3:// lake needs s3fs: pip install 'stocks_pipeline[s3]'") from error
    return s3fs.S3FileSystem(use_listings_cache=False)  # a cached size would be that of a replaced file
