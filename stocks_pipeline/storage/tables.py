"""Arrow tables in the lake: schema enforced on the way in, verified before they count as stored.

What belongs here: one table to one Parquet file and back, its key-value metadata and its data version. What does not:
which table lies where (layout.py), how bytes reach the disk (lake.py), queries over many files (reader.py,
warehouse.py). Never imports pandas.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stocks_pipeline.domain.schemas import conform
from stocks_pipeline.storage.lake import KeyMissing, Lake, LakeError

DATA_VERSION: Final = "stocks.data_version"
"""Key of the data version in the file's own metadata."""
_FOOTER_GUESS: Final = 64 * 1024
"""Bytes read for the footer at first; one batch's footer with its outcomes is 10 to 30 kB."""
_TRAILER: Final = 8
"""A Parquet file ends with the footer's length (4 bytes, little-endian) and PAR1."""
_NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Stored:
    """A table that is in the lake and was read back. `changed` is False where the same content lay there already."""

    key: str
    uri: str
    rows: int
    size: int
    data_version: str
    changed: bool


def data_version(table: Any, *, volatile: Sequence[str] = (), metadata: Mapping[str, str] = _NO_METADATA) -> str:
    """32 hex digits that depend on values, order, types and metadata, and on nothing else.

    Not on chunking, buffer layout, `volatile` columns or the version of pyarrow: a fetch that brought the same prices
    at another minute has the same version, so nothing downstream is stale.
    """
    digest = hashlib.sha256()
    for key, value in sorted(metadata.items()):
        digest.update(f"{len(key)}:{key}={len(value.encode())}:{value};".encode())
    for name in table.column_names:
        if name not in volatile:
            column = table.column(name)
            digest.update(f"{len(name)}:{name}:{column.type}:{len(column)};".encode())
            _digest_column(digest, column)
    return digest.hexdigest()[:32]


def _digest_column(digest: Any, column: Any) -> None:
    """Feed validity, then the valid values; what lies in a buffer under a null is not content."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        digest.update(repr(column.to_pylist()).encode())
        return
    _digest_fixed(digest, pc.is_valid(column))
    valid = column.drop_null()
    if not (pa.types.is_string(column.type) or pa.types.is_binary(column.type)):
        _digest_fixed(digest, valid)
        return
    _digest_fixed(digest, pc.binary_length(valid))
    for chunk in valid.chunks:
        _, offsets, data = chunk.buffers()
        if len(chunk) and data is not None:
            ends = memoryview(offsets).cast("i")
            digest.update(memoryview(data)[ends[chunk.offset] : ends[chunk.offset + len(chunk)]])


def _digest_fixed(digest: Any, column: Any) -> None:
    """Feed the values of a fixed-width column without nulls."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())  # bits would depend on where a chunk starts
    width = column.type.bit_width // 8
    for chunk in column.chunks:
        if len(chunk):
            start = chunk.offset * width
            digest.update(memoryview(chunk.buffers()[1])[start : start + len(chunk) * width])


def write_table(  # noqa: PLR0913 - five facts about one file; a parameter object would only rename them
    lake: Lake,
    key: str,
    table: Any,
    schema: Any,
    *,
    volatile: Sequence[str] = ("fetched_at",),
    metadata: Mapping[str, str] = _NO_METADATA,
) -> Stored:
    """Store a table as Parquet (zstd) and return once it has been read back and compared.

    Args:
        lake: where.
        key: one file, replaced whole.
        table: a pyarrow Table; cast to `schema`, columns in its order.
        schema: from domain/schemas.py.
        volatile: columns that do not make the content new, such as fetched_at.
        metadata: kept in the file's footer, part of the content.

    Raises:
        SchemaError: the table does not fit.
        LakeError: the file could not be stored or did not read back.
    """
    fitted = conform(table, schema)
    version = data_version(fitted, volatile=volatile, metadata=metadata)
    unchanged = _same_content(lake, key, version, volatile, metadata)
    if unchanged is not None:
        return Stored(key, lake.uri(key), fitted.num_rows, unchanged, version, changed=False)
    data = _encode(fitted, {**metadata, DATA_VERSION: version})
    if data_version(_decode(data, key)) != data_version(fitted):
        raise LakeError(f"{key}: the Parquet file does not read back as the table that was written")
    written = lake.write(key, data)
    return Stored(key, written.uri, fitted.num_rows, written.size, version, changed=True)


def read_table(lake: Lake, key: str, schema: Any = None) -> Any:
    """The table under a key, with the file's metadata; cast to `schema` if given.

    Raises:
        KeyMissing: nothing is stored there.
        LakeError: the file is damaged or the lake cannot be reached.
        SchemaError: the file does not fit `schema`.
    """
    table = _decode(lake.read(key), lake.uri(key))
    return table if schema is None else conform(table, schema)


def read_stored(lake: Lake, key: str, schema: Any = None) -> tuple[Any, dict[str, str], Stored]:
    """Table, metadata and what `write_table` said of the file, all of one read: of one version, whoever writes too.

    Raises as `read_table` does.
    """
    data = lake.read(key)
    table = _decode(data, lake.uri(key))
    metadata = _user_metadata(table.schema.metadata or {})
    version = metadata.get(DATA_VERSION, "")
    stored = Stored(key, lake.uri(key), table.num_rows, len(data), version, changed=False)
    return table if schema is None else conform(table, schema), metadata, stored


def read_metadata(lake: Lake, key: str) -> dict[str, str]:
    """Key-value metadata of a stored table, from its last 64 kB: no column is read.

    Raises:
        KeyMissing: nothing is stored there.
        LakeError: the file is damaged or the lake cannot be reached.
    """
    return _user_metadata(_footer(lake, key).metadata or {})


def read_row_count(lake: Lake, key: str) -> int:
    """Rows of a stored table, from its footer. Raises as `read_metadata` does."""
    return int(_footer(lake, key).num_rows)


def _footer(lake: Lake, key: str) -> Any:
    tail = lake.tail(key, _FOOTER_GUESS)
    need = int.from_bytes(tail[-_TRAILER:-4], "little") + _TRAILER
    if need > len(tail) == _FOOTER_GUESS:
        tail = lake.tail(key, need)
    try:
        return pq.read_metadata(pa.BufferReader(b"PAR1" + tail))
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(lake.uri(key), error) from error


def _user_metadata(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    """Without what Arrow keeps there for itself."""
    return {key.decode(): value.decode() for key, value in raw.items() if key != b"ARROW:schema"}


def _same_content(
    lake: Lake, key: str, version: str, volatile: Sequence[str], metadata: Mapping[str, str]
) -> int | None:
    """Size in bytes of the stored file if it holds this very content and reads in full, else None."""
    try:
        if read_metadata(lake, key).get(DATA_VERSION) != version:
            return None
        data = lake.read(key)
        stored = data_version(_decode(data, key), volatile=volatile, metadata=metadata)
    except (KeyMissing, LakeError):
        return None  # absent or damaged: it is written anew
    return len(data) if stored == version else None


def _encode(table: Any, metadata: Mapping[str, str]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(dict(metadata)), sink, compression="zstd")
    return bytes(sink.getvalue())


def _decode(data: bytes, where: str) -> Any:
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(where, error) from error


def _damaged(where: str, error: Exception) -> LakeError:
    return LakeError(f"{where} is not a readable Parquet file ({error}): materialize its partition again")
