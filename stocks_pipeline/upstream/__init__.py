"""One gateway a vendor over shared failures, limits and retries. They return domain types and raise UpstreamError."""
