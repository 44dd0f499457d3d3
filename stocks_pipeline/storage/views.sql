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
