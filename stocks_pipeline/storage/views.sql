-- The warehouse: SQL views over the files of the lake. One statement a view, in the order of dictionary.py, which says
-- what each column means. The relations in schema `lake` are made by warehouse.py: the rows of the files as they are,
-- each with the address of its file; without files they are empty and typed.

CREATE OR REPLACE VIEW raw_prices AS
SELECT
    split_part(filename, '/', -3) AS market,
    CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)[^/]*$', 1) AS DATE) AS as_of,
    symbol, session, open, high, low, close, adj_close, volume, dividend, split, currency, source, fetched_at,
    CAST(coalesce(TRY_CAST(regexp_extract(filename, '-batch-(\d+)\.parquet$', 1) AS INTEGER), batch_number) AS INTEGER)
        AS batch_number
FROM lake.raw_files;

CREATE OR REPLACE VIEW daily_prices AS
SELECT
    split_part(filename, '/', -3) AS market,
    symbol, session, open, high, low, close, adj_close, volume, dividend, split, currency, source, fetched_at, batch_number
FROM lake.daily_files;

CREATE OR REPLACE VIEW symbols AS
SELECT
    split_part(filename, '/', -3) AS market,
    CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)-symbols\.csv$', 1) AS DATE) AS as_of,
    code AS symbol, name, nullif(industry, '') AS industry, listed_on, market_cap
FROM lake.symbol_files;

CREATE OR REPLACE VIEW symbol_batches AS
SELECT market, as_of, batch.batchNumber AS batch_number, len(batch.symbols) AS symbol_count, batch.symbols AS symbols
FROM (
    SELECT
        split_part(filename, '/', -3) AS market,
        CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)\.json$', 1) AS DATE) AS as_of,
        unnest(from_json(content, '{"symbolBatches": [{"symbols": ["VARCHAR"], "batchNumber": "INTEGER"}]}').symbolBatches)
            AS batch
    FROM lake.batch_files
);

CREATE OR REPLACE VIEW symbol_outcomes AS
SELECT
    market, as_of, batch_number,
    outcome.symbol AS symbol, outcome.status AS status, outcome.kind AS kind, outcome.message AS message,
    outcome.attempts AS attempts, outcome.rows AS rows
FROM (
    SELECT
        split_part(file_name, '/', -3) AS market,
        CAST(regexp_extract(file_name, '/(\d{4}-\d\d-\d\d)[^/]*$', 1) AS DATE) AS as_of,
        TRY_CAST(regexp_extract(file_name, '-batch-(\d+)\.parquet$', 1) AS INTEGER) AS batch_number,
        unnest(from_json(
            decode(value),
            '[{"symbol": "VARCHAR", "status": "VARCHAR", "kind": "VARCHAR", "message": "VARCHAR", "attempts": "INTEGER", "rows": "BIGINT"}]'
        )) AS outcome
    FROM lake.outcome_files
    WHERE key = 'stocks.outcomes'::BLOB
);

-- The morning reports. A morning is a day in Bangkok: CURDATE(), MySQL's name, is today there, while current_date is UTC's.
CREATE OR REPLACE MACRO curdate() AS CAST(now() AT TIME ZONE 'Asia/Bangkok' AS DATE);

CREATE OR REPLACE VIEW ticker_master AS
SELECT dr_symbol AS symbol, yahoo_symbol, company_name, exchange, currency, sector, is_active, note
FROM lake.ticker_master_files;

CREATE OR REPLACE VIEW ticker_data AS
SELECT
    CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)/[^/]+$', 1) AS DATE) AS data_date,
    symbol, session, open, high, low, close, adj_close, volume, dividend, split, currency, source, fetched_at
FROM lake.ticker_data_files;

-- A day has one validation session of its own and any number beside it (adhoc), in folders of their ids. Of the day's
-- own only the newest is the day's: one that was replaced is one of those beside it.
CREATE OR REPLACE VIEW validation_sessions AS
SELECT
    market, as_of, adhoc, session.session_id AS session_id, session.correlation_id AS correlation_id, session.status AS status,
    session.profile AS profile, session.lookback_days AS lookback_days, session.total_symbols AS total_symbols,
    session.total_batches AS total_batches,
    CAST(len(list_filter(session.batches, lambda batch: batch.status = 'completed')) AS BIGINT) AS batches_completed,
    CAST(len(list_filter(session.batches, lambda batch: batch.status = 'failed')) AS BIGINT) AS batches_failed,
    CAST(session.created_at AS TIMESTAMPTZ) AS created_at, CAST(session.updated_at AS TIMESTAMPTZ) AS updated_at,
    CAST(session.completed_at AS TIMESTAMPTZ) AS completed_at
FROM (
    SELECT
        regexp_extract(filename, '([^/]+)/validation/[^/]+/(session-[^/]+/)?[^/]+$', 1) AS market,
        CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)/(session-[^/]+/)?[^/]+$', 1) AS DATE) AS as_of,
        regexp_matches(filename, '/session-[^/]+/[^/]+$') AS adhoc,
        from_json(content, '{"session_id": "VARCHAR", "correlation_id": "VARCHAR", "status": "VARCHAR", "profile": "VARCHAR", "lookback_days": "INTEGER", "total_symbols": "INTEGER", "total_batches": "INTEGER", "batches": [{"status": "VARCHAR"}], "created_at": "VARCHAR", "updated_at": "VARCHAR", "completed_at": "VARCHAR"}')
            AS session
    FROM lake.validation_session_files
);

-- One row a batch of each record; a session without symbols has none, nor has a damaged record, which hides no other.
CREATE OR REPLACE VIEW validation_batches AS
SELECT
    market, as_of, adhoc, session_id, batch.batch_number AS batch_number, CAST(len(batch.symbols) AS BIGINT) AS symbol_count,
    batch.symbols AS symbols, batch.status AS status, CAST(batch.started_at AS TIMESTAMPTZ) AS started_at,
    CAST(batch.completed_at AS TIMESTAMPTZ) AS completed_at, batch.error_message AS error_message
FROM (
    SELECT market, as_of, adhoc, session.session_id AS session_id, UNNEST(session.batches) AS batch
    FROM (
        SELECT
            regexp_extract(filename, '([^/]+)/validation/[^/]+/(session-[^/]+/)?[^/]+$', 1) AS market,
            CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)/(session-[^/]+/)?[^/]+$', 1) AS DATE) AS as_of,
            regexp_matches(filename, '/session-[^/]+/[^/]+$') AS adhoc,
            TRY(from_json(content, '{"session_id": "VARCHAR", "batches": [{"batch_number": "INTEGER", "symbols": ["VARCHAR"], "status": "VARCHAR", "started_at": "VARCHAR", "completed_at": "VARCHAR", "error_message": "VARCHAR"}]}'))
                AS session
        FROM lake.validation_batch_files
    )
);

CREATE OR REPLACE VIEW validation_results AS
SELECT
    regexp_extract(filename, '([^/]+)/validation/[^/]+/(session-[^/]+/)?[^/]+$', 1) AS market,
    CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)/(session-[^/]+/)?[^/]+$', 1) AS DATE) AS as_of,
    regexp_matches(filename, '/session-[^/]+/[^/]+$') AS adhoc,
    session_id, symbol, passed, status, issues, causes, rows_checked, external_source, validated_at, message, batch_number
FROM lake.validation_result_files;

-- The chart is three quarters of a payload: it stays in the file, and beside it as a PNG. What a query does not name is
-- not computed: without report_json nothing is rewritten, without the payload's own columns no file is read.
CREATE OR REPLACE VIEW precomputed_reports AS
SELECT
    symbol, report_date,
    CAST(payload.generated_at AS TIMESTAMPTZ) AT TIME ZONE 'Asia/Bangkok' AS generated_at,
    CAST(payload.generated_at AS TIMESTAMPTZ) AS computed_at,
    CAST(payload.generated_at AS TIMESTAMPTZ) AS created_at,
    payload.company_name AS company_name, CAST(payload.session AS DATE) AS session, payload.stance AS stance,
    payload.user_facing_scores.overall AS overall_score, payload.verdict.numbers_checked AS numbers_checked,
    payload.model AS model, CAST(payload.api_costs.usd AS DECIMAL(18, 9)) AS cost_usd,
    payload.execution_id AS execution_id, payload.narrative_report AS report_text,
    CAST(json_merge_patch(content, '{"chart_base64": null}') AS VARCHAR) AS report_json,
    payload.chart_key AS chart_key, payload.pdf_key AS pdf_key, payload.news_error AS news_error
FROM (
    SELECT
        url_decode(regexp_extract(filename, '/([^/]+)\.json$', 1)) AS symbol,
        CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)/[^/]+$', 1) AS DATE) AS report_date,
        content,
        from_json(content, '{"generated_at": "VARCHAR", "company_name": "VARCHAR", "session": "VARCHAR", "stance": "VARCHAR", "user_facing_scores": {"overall": "DOUBLE"}, "verdict": {"numbers_checked": "INTEGER"}, "model": "VARCHAR", "api_costs": {"usd": "VARCHAR"}, "execution_id": "VARCHAR", "narrative_report": "VARCHAR", "chart_key": "VARCHAR", "pdf_key": "VARCHAR", "news_error": "VARCHAR"}')
            AS payload
    FROM lake.report_files
);

CREATE OR REPLACE VIEW precompute_summaries AS
SELECT
    CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)\.json$', 1) AS DATE) AS report_date,
    summary.status AS status, summary.total_tickers AS total_tickers, summary.succeeded AS succeeded,
    summary.failed AS failed, summary.skipped AS skipped, summary.message AS message, summary.next_steps AS next_steps,
    CAST(summary.by_ticker AS VARCHAR) AS by_ticker
FROM (
    SELECT
        filename,
        from_json(content, '{"status": "VARCHAR", "total_tickers": "INTEGER", "succeeded": "INTEGER", "failed": "INTEGER", "skipped": "INTEGER", "message": "VARCHAR", "next_steps": "VARCHAR", "by_ticker": "JSON"}')
            AS summary
    FROM lake.summary_files
);

CREATE OR REPLACE VIEW jobs AS
SELECT
    CAST(regexp_extract(filename, '/(\d{4}-\d\d-\d\d)/[^/]+/[^/]+$', 1) AS DATE) AS report_date,
    job.ticker AS symbol, job.job_id AS job_id, job.execution_id AS execution_id, job.source AS source,
    job."limit" AS asked_limit, job.description AS description,
    job.status AS status, CAST(job.created_at AS TIMESTAMPTZ) AS created_at,
    CAST(job.started_at AS TIMESTAMPTZ) AS started_at, CAST(job.finished_at AS TIMESTAMPTZ) AS finished_at,
    CAST(job.expires_at AS TIMESTAMPTZ) AS expires_at, job.attempts AS attempts, job.error AS error,
    job.error_class AS error_class, CAST(job.result AS VARCHAR) AS result
FROM (
    SELECT
        filename,
        TRY(from_json(content, '{"ticker": "VARCHAR", "job_id": "VARCHAR", "execution_id": "VARCHAR", "source": "VARCHAR", "limit": "INTEGER", "description": "VARCHAR", "status": "VARCHAR", "created_at": "VARCHAR", "started_at": "VARCHAR", "finished_at": "VARCHAR", "expires_at": "VARCHAR", "attempts": "INTEGER", "error": "VARCHAR", "error_class": "VARCHAR", "result": "JSON"}'))
            AS job  -- NULL where the file is damaged: one must not hide the others
    FROM lake.job_files
)
WHERE job.job_id IS NOT NULL;

CREATE OR REPLACE VIEW llm_calls AS
SELECT
    CAST(call.started_at AS TIMESTAMPTZ) AS started_at,
    call.subject AS symbol, call.call_id AS call_id, call.execution_id AS execution_id, call.model AS model,
    call.outcome AS outcome, call.kind AS kind, call.seconds AS seconds, call.prompt_tokens AS prompt_tokens,
    call.completion_tokens AS completion_tokens, CAST(call.cost_usd AS DECIMAL(18, 9)) AS cost_usd
FROM (
    SELECT
        from_json(content, '{"started_at": "VARCHAR", "subject": "VARCHAR", "call_id": "VARCHAR", "execution_id": "VARCHAR", "model": "VARCHAR", "outcome": "VARCHAR", "kind": "VARCHAR", "seconds": "DOUBLE", "prompt_tokens": "INTEGER", "completion_tokens": "INTEGER", "cost_usd": "VARCHAR"}')
            AS call
    FROM lake.llm_call_files
);
