"""One consistent SQL query over many Parquet files of a lake that is being written.

What belongs here: how DuckDB gets at the files. What does not: which files and which query (reader.py).

DuckDB opens a Parquet file twice, once for the footer and once for the data, so a file that is replaced in between
gives an error or, worse, old statistics over new data. Hence: query the files in place, which is fastest, and accept
the answer only if no file was replaced meanwhile; otherwise read each file once, whole, and query those bytes. Files
on S3 are always read that way, by the lake's own client.
"""

import threading
from array import array
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os.path import commonprefix
from typing import Any, Final

import duckdb
import pyarrow as pa

from stocks_pipeline.domain.schemas import SchemaError, conform
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.tables import read_table

SOURCE: Final = "{files}"
"""In a query: stands for the rows of the files, with their address in the column `filename`."""
WILD: Final = frozenset("*?[")
"""Characters that make a path a pattern to DuckDB."""
Answer = tuple[Any, dict[str, dict[str, str]]]
_OPTIONS: Final = ("", ", union_by_name = true")
"""Of read_parquet, in the order tried: comparing all files' columns takes a fifth longer and is rarely needed."""
_REMEMBERED: Final = 20_000
"""Footers kept in memory: ten years of several markets, some 20 MB."""
_FETCHERS: Final = 16


class Scanner:
    """Queries over files of one lake. Safe for threads."""

    def __init__(self, lake: Lake, schema: Any) -> None:
        self._lake = lake
        self._schema = schema
        self._in_place = "://" not in lake.root and not WILD.intersection(lake.root)
        self._lock = threading.Lock()
        self._connection: Any = None
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def query(self, sql: str, keys: Sequence[str], parameters: Mapping[str, object], *, footers: bool) -> Answer:
        """The answer as an Arrow table, and with `footers` the key-value metadata of each file.

        Args:
            sql: one SELECT in which `{files}` is the relation.
            keys: Parquet files, at least one; nullable columns of the schema that none of them has are null.
            parameters: values of `$name` in the query.
            footers: whether that metadata is wanted; it is read once for each version of a file.

        Raises:
            KeyMissing: a file was removed meanwhile.
            LakeError: a file is damaged or the lake cannot be reached.
            SchemaError: a file lacks a column that must be filled.
        """
        folder = commonprefix(list(keys))  # noqa: RUF071 - a listing takes any prefix
        for options in _OPTIONS if self._in_place else ():
            before = self._lake.versions(folder)
            try:
                table = self._read_in_place(sql, keys, parameters, options)
                metadata = self._footers(keys, before) if footers else {}
            except duckdb.Error:
                continue  # replaced under the query, of several schemas, or damaged: reading it whole will tell
            after = self._lake.versions(folder)
            if all(before.get(key) == after.get(key) for key in keys):
                self._known |= {(key, before[key]): metadata[key] for key in metadata}
                return table, metadata
        return self._read_whole(sql, keys, parameters, footers=footers)

    def _read_in_place(self, sql: str, keys: Sequence[str], parameters: Mapping[str, object], options: str) -> Any:
        files = f"read_parquet({self._listed(keys)}, filename = true{options})"
        with self._cursor() as cursor:
            return cursor.sql(sql.replace(SOURCE, files), params=dict(parameters)).to_arrow_table()

    def _footers(self, keys: Sequence[str], versions: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Key-value metadata by key; read once for each version of a file."""
        if len(self._known) > _REMEMBERED:
            self._known = {}
        known = self._known
        metadata = {key: known.get((key, versions.get(key, "")), {}) for key in keys}
        fresh = {self._lake.uri(key): key for key in keys if (key, versions.get(key, "")) not in known}
        if fresh:
            sql = (
                f"SELECT file_name, decode(key), decode(value) FROM parquet_kv_metadata({self._listed(fresh.values())})"  # noqa: S608 - quoted
            )
            with self._cursor() as cursor:
                for name, key, value in cursor.execute(f"{sql} WHERE key != 'ARROW:schema'::BLOB").fetchall():
                    metadata[fresh[name]][key] = value
        return metadata

    def _listed(self, keys: Iterable[str]) -> str:
        return "[" + ",".join(quoted(self._lake.uri(key)) for key in keys) + "]"

    def _read_whole(self, sql: str, keys: Sequence[str], parameters: Mapping[str, object], *, footers: bool) -> Answer:
        with ThreadPoolExecutor(_FETCHERS) as pool:
            tables = list(pool.map(lambda key: read_table(self._lake, key), keys))
        metadata = {
            key: {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
            for key, table in zip(keys if footers else (), tables, strict=footers)
        }
        rows = [padded(table, self._schema, self._lake.uri(key)) for key, table in zip(keys, tables, strict=True)]
        with self._cursor() as cursor:
            cursor.register("whole_files", pa.concat_tables(rows))
            return cursor.sql(sql.replace(SOURCE, "whole_files"), params=dict(parameters)).to_arrow_table(), metadata

    def _cursor(self) -> Any:
        """A connection of its own for each query, on one database in memory."""
        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(config={"enable_external_file_cache": False})
                self._connection.execute("SET TimeZone = 'UTC'")
            return self._connection.cursor()


def padded(table: Any, schema: Any, address: str) -> Any:
    """A file's rows with the columns of the schema, null where an older file has none, and `filename`.

    Raises:
        SchemaError: a column that must be filled is missing or does not fit; the message names the file.
    """
    for field in schema:
        if field.nullable and field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    try:
        fitted = conform(table.select([name for name in table.column_names if name in schema.names]), schema)
    except SchemaError as error:
        raise SchemaError(f"{address}: {error}") from error
    return fitted.replace_schema_metadata().append_column("filename", _constant(address, table.num_rows))


def _constant(text: str, rows: int) -> Any:
    """A column of one value; `pa.repeat` would do, and would load pandas."""
    data = text.encode()
    offsets = pa.py_buffer(array("i", [0, len(data)]).tobytes())
    one = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)])
    return one.take(pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(bytes(4 * rows))]))


def quoted(text: str) -> str:
    """A string literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
