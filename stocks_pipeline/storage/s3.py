"""The lake on S3: one PUT a key, whole by nature, read back and compared.

What belongs here: `S3Lake` and what S3's errors mean. What does not: where the client comes from. The caller passes a
callable (dagster-aws's S3Resource in a Dagster process); nothing here imports dagster_aws, which costs 1.5 to 2.5 s.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from stocks_pipeline.storage.lake import Conflict, KeyMissing, LakeError, Written, check_key, check_prefix

_MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_DENIED: Final = frozenset(
    {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
)

_CONFLICT: Final = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict"})
_LOCKS: Final = 64
"""Shared by all keys of a lake: enough that two batches seldom wait for each other."""


class S3Lake:
    """A bucket and a prefix. S3 gives read-after-write, so a key read back right after its PUT is the new one."""

    def __init__(self, bucket: str, prefix: str = "", client: Callable[[], Any] | None = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._make = client or _default_client
        self._made: Any = None
        self._lock = threading.Lock()
        self._seen: dict[str, str] = {}
        """Key -> its ETag when someone became alone with it; empty where there was nothing."""
        self._writing = [threading.Lock() for _ in range(_LOCKS)]

    @property
    def root(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{check_key(key)}"

    def read(self, key: str) -> bytes:
        with self._explained(key):
            return bytes(self._client().get_object(**self._at(key))["Body"].read())

    def tail(self, key: str, size: int) -> bytes:
        with self._explained(key):
            return bytes(self._client().get_object(**self._at(key), Range=f"bytes=-{size}")["Body"].read())

    @contextmanager
    def exclusive(self, key: str) -> Iterator[None]:
        check_key(key)
        with self._writing[hash(key) % _LOCKS]:
            head = self._head(key)
            self._seen[key] = head["ETag"] if head else ""
            try:
                yield
            finally:
                del self._seen[key]

    def exists(self, key: str) -> bool:
        return self._head(key) is not None

    def delete(self, key: str) -> bool:
        there = self.exists(key)
        with self._explained(key):
            self._client().delete_object(**self._at(key))
        return there

    def list(self, prefix: str) -> Iterator[str]:
        return (key for key, _ in self._listing(prefix))

    def folders(self, folder: str) -> tuple[str, ...]:
        full = f"{self._prefix}{check_prefix(folder).rstrip('/')}/" if folder else self._prefix
        found = set()
        with self._explained(folder):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=full, Delimiter="/"):
                found |= {entry["Prefix"][len(full) : -1] for entry in page.get("CommonPrefixes", ())}
        return tuple(sorted(name for name in found if name and not name.startswith(".")))

    def versions(self, prefix: str) -> dict[str, str]:
        return dict(self._listing(prefix))

    def _listing(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Keys and ETags in pages of 1,000; S3 sorts by UTF-8 bytes, which is the order of `sorted`."""
        full = self._prefix + check_prefix(prefix)
        with self._explained(prefix):
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=full)
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"][len(self._prefix) :]
                    if not any(segment == "" or segment.startswith(".") for segment in key.split("/")):
                        yield key, entry["ETag"]  # skips the folder markers that consoles make

    def write(self, key: str, data: bytes) -> Written:
        digest = hashlib.sha256(data).hexdigest()
        changed = not self._holds(key, data, digest)
        if changed:
            with self._explained(key):
                answer = self._client().put_object(
                    **self._at(key), Body=data, Metadata={"sha256": digest}, **self._condition(key)
                )
            if key in self._seen:
                self._seen[key] = answer.get("ETag", "")
            self._verify(key, data, digest, answer.get("ETag", ""))
        return Written(key, self.uri(key), len(data), digest, changed)

    def _condition(self, key: str) -> dict[str, str]:
        """For whoever is alone with the key: only over what was there then."""
        seen = self._seen.get(key)
        if seen is None:
            return {}
        return {"IfMatch": seen} if seen else {"IfNoneMatch": "*"}

    def _verify(self, key: str, data: bytes, digest: str, etag: str) -> None:
        """Read back. Another writer may have come in between: then its version stands, and ours was whole."""
        with self._explained(key):
            answer = self._client().get_object(**self._at(key))
            stored = bytes(answer["Body"].read())
        if stored != data and answer.get("ETag", "") == etag and answer.get("Metadata", {}).get("sha256") == digest:
            raise LakeError(f"{self.uri(key)} was not stored: S3 returned other bytes than were sent")

    def _holds(self, key: str, data: bytes, digest: str) -> bool:
        head = self._head(key)
        if head is None or head["ContentLength"] != len(data) or head.get("Metadata", {}).get("sha256") != digest:
            return False
        return self.read(key) == data

    def _head(self, key: str) -> Any:
        """The object's headers, or None. HEAD has no body, so S3 says 404 for a missing bucket too: ask which."""
        try:
            with self._explained(key):
                return self._client().head_object(**self._at(key))
        except KeyMissing:
            with self._explained(""):
                self._client().head_bucket(Bucket=self._bucket)
            return None

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + check_key(key)}

    def _client(self) -> Any:
        with self._lock:  # making a client is not thread-safe, using it is
            if self._made is None:
                self._made = self._make()
            return self._made

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        """Botocore's errors as KeyMissing or LakeError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _MISSING and key:
                raise KeyMissing(key, self.uri(key)) from error
            if code in _CONFLICT:
                raise Conflict(f"lake {self.root}, key {key!r}: another run wrote it meanwhile; retry") from error
            raise LakeError(f"lake {self.root}, key {key!r}: {_advice(code, error)}") from error
        except BotoCoreError as error:
            raise LakeError(
                f"lake {self.root} cannot be reached: {error}. Check STOCKS_LAKE, the AWS region and credentials"
            ) from error


def _advice(code: str, error: Exception) -> str:
    if code == "NoSuchBucket" or code in _MISSING:
        return "the bucket does not exist: create it or set STOCKS_LAKE to another"
    if code in _DENIED:
        return (
            f"access denied ({code}): grant s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject on "
            "what STOCKS_LAKE names, or use other credentials"
        )
    return f"{error}: check STOCKS_LAKE"


def _default_client() -> Any:
    import boto3

    return boto3.client("s3")
