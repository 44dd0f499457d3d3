"""The lake on S3, against moto's real HTTP server on loopback."""

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import duckdb
import pytest
import s3fs
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from stocks_pipeline import storage
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Conflict, KeyMissing, Lake, LakeError, open_lake
from stocks_pipeline.storage.reader import PriceReader
from stocks_pipeline.storage.tables import read_metadata, read_table, write_table
from stocks_pipeline.storage.warehouse import QueryError, Warehouse
from stocks_pipeline_tests.dr_files import payload, put_report
from stocks_pipeline_tests.price_files import put_daily, put_plan, put_raw

KEY = "asx/raw-data/2026-11-20-batch-0.parquet"
FRI = date(2026, 11, 20)
ACCESS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


@pytest.fixture
def client(endpoint: str) -> Any:
    config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=2, read_timeout=5)
    return boto3.client("s3", endpoint_url=endpoint, config=config, **ACCESS)


@pytest.fixture
def bucket(client: Any, request: pytest.FixtureRequest) -> str:
    name = f"lake-{zlib.crc32(request.node.name.encode())}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def lake(client: Any, bucket: str) -> Lake:
    return open_lake(f"s3://{bucket}/some/prefix", s3_client=lambda: client)


def test_what_is_written_is_read(lake: Lake, client: Any, bucket: str) -> None:
    """The object lies under the prefix; missing keys are missing; deletion says whether there was anything."""
    written = lake.write(KEY, b"prices")
    assert (written.uri, written.size, written.changed) == (f"s3://{bucket}/some/prefix/{KEY}", 6, True)
    assert client.get_object(Bucket=bucket, Key=f"some/prefix/{KEY}")["Body"].read() == b"prices"
    assert (lake.read(KEY), lake.tail(KEY, 3), lake.tail(KEY, 99), lake.exists(KEY)) == (
        b"prices",
        b"ces",
        b"prices",
        True,
    )
    assert (lake.delete(KEY), lake.delete(KEY), lake.exists(KEY)) == (True, False, False)
    for read in (lake.read, lambda key: lake.tail(key, 3)):
        with pytest.raises(KeyMissing, match="nothing is stored at s3://"):
            read(KEY)


def test_the_same_bytes_are_not_written_again(lake: Lake, client: Any, bucket: str) -> None:
    """The object's time stays; other bytes of the same length replace it; so does any foreign object."""
    lake.write(KEY, b"prices")
    before = client.head_object(Bucket=bucket, Key=f"some/prefix/{KEY}")["LastModified"]
    versions = lake.versions("asx/")
    assert lake.write(KEY, b"prices").changed is False
    assert client.head_object(Bucket=bucket, Key=f"some/prefix/{KEY}")["LastModified"] == before
    assert lake.versions("asx/") == versions
    assert lake.write(KEY, b"PRICES").changed is True
    assert lake.versions("asx/") != versions
    client.put_object(Bucket=bucket, Key=f"some/prefix/{KEY}", Body=b"foreign")
    assert lake.write(KEY, b"foreign").changed is True


def test_more_than_one_page_is_listed_in_order(lake: Lake, client: Any, bucket: str) -> None:
    """1,005 keys, numeric suffixes included, any prefix, folder markers left out, nothing of other prefixes."""
    keys = sorted(layout.raw_key("asx", FRI, n) for n in range(1005))
    strangers = ["some/prefix/asx/raw-data/", "some/prefix-2/asx/raw-data/x", "some/prefix/asx/.hidden"]
    server_side = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]  # 1,000 PUTs over HTTP would take 12 s
    for key in [*(f"some/prefix/{key}" for key in keys), *strangers]:
        server_side.put_object(bucket, key, b"x")
    assert len(client.list_objects_v2(Bucket=bucket)["Contents"]) == 1000
    assert list(lake.list("asx/raw-data/")) == keys
    assert list(lake.versions("asx/raw-data/")) == keys
    assert list(lake.list("asx/raw-data/2026-11-20-batch-100")) == [k for k in keys if "-batch-100" in k]
    assert list(lake.list("")) == keys


def test_folders_are_named_without_listing_their_keys(lake: Lake, bucket: str) -> None:
    """More folders than one page holds, sorted; files, deeper folders and other prefixes are left out."""
    days = [(date(2020, 1, 1) + timedelta(days=n)).isoformat() for n in range(1005)]
    server_side = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for key in [*(f"dr/reports/{day}/NVDA19.json" for day in days), "dr/reports/x", "dr/reports-2/y/z"]:
        server_side.put_object(bucket, f"some/prefix/{key}", b"x")
    assert lake.folders("dr/reports/") == lake.folders("dr/reports") == tuple(days)
    assert (lake.folders(""), lake.folders("dr/"), lake.folders("no/")) == (("dr",), ("reports", "reports-2"), ())


def test_the_newest_report_is_read_from_s3(lake: Lake) -> None:
    """As from a folder: the newest morning that has the ticker."""
    for day in (FRI - timedelta(days=1), FRI):
        put_report(lake, day, "NVDA19", payload(datetime(2026, 11, 19, 22, tzinfo=UTC)))
    put_report(lake, FRI + timedelta(days=1), "DBS19", payload(datetime(2026, 11, 19, 22, tzinfo=UTC)))
    assert storage.get_report("NVDA19", lake=lake).day == FRI


def test_a_missing_bucket_is_named(client: Any) -> None:
    """For every operation: the bucket is missing, which is not the same as an empty lake."""
    lake = open_lake("s3://no-such-bucket/x", s3_client=lambda: client)
    for operation in (
        lambda: lake.read(KEY),
        lambda: lake.exists(KEY),
        lambda: lake.delete(KEY),
        lambda: lake.write(KEY, b"x"),
        lambda: list(lake.list("")),
    ):
        with pytest.raises(LakeError, match=r"bucket does not exist.*STOCKS_LAKE"):
            operation()


class Body:
    """The raw answer that botocore's AWSResponse reads from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


@contextmanager
def answering(client: Any, event: str, code: str, status: int) -> Iterator[None]:
    """S3 refuses: botocore parses an error body as it would from the wire."""

    def refuse(**_: Any) -> Any:
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        return AWSResponse("http://x", status, {}, Body(body))

    client.meta.events.register(f"before-send.s3.{event}", refuse)
    try:
        yield
    finally:
        client.meta.events.unregister(f"before-send.s3.{event}", refuse)


@pytest.mark.parametrize("code", ["AccessDenied", "SignatureDoesNotMatch", "ExpiredToken"])
def test_a_refusal_says_which_rights_are_needed(lake: Lake, client: Any, code: str) -> None:
    """Denied is neither missing nor empty."""
    with answering(client, "ListObjectsV2", code, 403), pytest.raises(LakeError, match=r"access denied.*s3:ListBucket"):
        list(lake.list(""))
    with answering(client, "PutObject", code, 403), pytest.raises(LakeError, match=r"s3:PutObject.*STOCKS_LAKE"):
        lake.write(KEY, b"x")
    with answering(client, "GetObject", code, 403), pytest.raises(LakeError, match="s3:GetObject"):
        lake.read(KEY)


def test_an_unreachable_endpoint_is_named() -> None:
    """Port 9 of loopback answers nobody."""
    config = Config(retries={"max_attempts": 0}, connect_timeout=1)
    dead = boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=config, **ACCESS)
    with pytest.raises(LakeError, match=r"cannot be reached.*STOCKS_LAKE"):
        open_lake("s3://bucket", s3_client=lambda: dead).read(KEY)


def test_other_bytes_than_sent_are_an_error(lake: Lake, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something on the way stores the object cut short: the write does not count."""
    put = client.put_object
    monkeypatch.setattr(client, "put_object", lambda **call: put(**{**call, "Body": call["Body"][:-1]}))
    with pytest.raises(LakeError, match="other bytes than were sent"):
        lake.write(KEY, b"prices")


def test_writers_of_one_key_race_and_one_wins(lake: Lake) -> None:
    """Eight threads: no error from verification, and one of the versions stands whole."""
    contents = [bytes([n]) * (1000 + n) for n in range(8)]
    failures: list[BaseException] = []

    def write(content: bytes) -> None:
        try:
            lake.write(KEY, content)
        except LakeError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert lake.read(KEY) in contents


def test_whoever_reads_and_then_writes_is_told_of_another_process(lake: Lake, client: Any, bucket: str) -> None:
    """Alone with a key: over what was read, or not at all, whether something lay there before or nothing."""
    other = open_lake(f"s3://{bucket}/some/prefix", s3_client=lambda: client)
    for theirs in (b"first", b"second"):
        with lake.exclusive(KEY):
            other.write(KEY, theirs)
            with pytest.raises(Conflict, match="another run wrote it meanwhile"):
                lake.write(KEY, b"mine")
        assert lake.read(KEY) == theirs
    with lake.exclusive(KEY):
        lake.write(KEY, b"mine")
        lake.write(KEY, b"mine again")
    assert other.read(KEY) == b"mine again"
    lake.write(KEY, b"not alone, not asked")


def test_tables_and_readers_work_alike(lake: Lake) -> None:
    """One day in batches and merged; the footer is read by a range request."""
    put_plan(lake, FRI, ["BHP", "^AXJO"], 1)
    put_raw(lake, FRI, 0, {"BHP": {FRI: 41.5}})
    put_raw(lake, FRI, 1, {"^AXJO": {FRI: 8000.0}})
    reader = PriceReader(lake)
    assert reader.load_date(FRI)["close"].tolist() == [41.5, 8000.0]
    merge = reader.merge_daily_batches(FRI)
    stored = write_table(lake, layout.daily_key("asx", FRI), merge.table, PRICES, metadata=merge.metadata())
    assert (stored.changed, read_metadata(lake, stored.key)["stocks.complete"]) == (True, "true")
    assert not write_table(lake, stored.key, merge.table, PRICES, metadata=merge.metadata()).changed
    assert read_table(lake, stored.key, PRICES).num_rows == 2
    assert reader.load_date_range(FRI, FRI, as_of=FRI).attrs["complete"] is True


@contextmanager
def plain_connection() -> Iterator[Any]:
    connection = duckdb.connect()
    yield connection
    connection.close()


def test_the_warehouse_reads_s3_in_place(
    lake: Lake, client: Any, endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through fsspec, limited to the lake's own prefix, and without falling back to whole files."""
    monkeypatch.delattr(Warehouse, "_ask_whole")
    put_raw(lake, FRI, 0, {"BHP": {FRI: 41.5}}, [{"symbol": "BHP", "status": "ok"}])
    put_daily(lake, FRI, {"BHP": {FRI: 41.5}})
    put_plan(lake, FRI, ["BHP"], 1)
    lake.write("secret.txt", b"inside is fine")
    outside = open_lake(f"s3://{bucket}", s3_client=lambda: client)
    outside.write("outside.txt", b"password")
    access = {"key": "test", "secret": "test", "client_kwargs": {"region_name": "us-east-1"}}
    filesystem = s3fs.S3FileSystem(endpoint_url=endpoint, skip_instance_cache=True, **access)
    with Warehouse(lake, connect=plain_connection, filesystem=filesystem) as warehouse:
        for view in ("raw_prices", "daily_prices", "symbol_batches", "symbol_outcomes"):
            assert warehouse.sql(f"FROM {view}").to_pylist()[0]["market"] == "asx"
        put_report(lake, FRI, "NVDA19", payload(datetime(2026, 11, 19, 22, tzinfo=UTC)))
        [report] = warehouse.sql("SELECT symbol, report_date, chart_key FROM precomputed_reports").to_pylist()
        assert tuple(report.values()) == ("NVDA19", FRI, layout.report_file_key(FRI, "NVDA19", "exec-1", "png"))
        put_daily(lake, FRI, {"BHP": {FRI: 42.0}, "CBA": {FRI: 1.0}})
        assert warehouse.sql("SELECT sum(close) AS s FROM daily_prices").to_pylist() == [{"s": 43.0}]
        with pytest.raises(QueryError):
            warehouse.sql(f"FROM read_text('s3://{bucket}/outside.txt')")
        with pytest.raises(QueryError):
            warehouse.sql("FROM read_text('/etc/passwd')")
