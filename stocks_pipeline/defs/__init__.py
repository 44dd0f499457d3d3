"""All that Dagster loads: thin assets, checks and automation over upstream, storage and domain."""
