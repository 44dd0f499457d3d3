"""The offline upstreams: a server that speaks the vendors' own protocols. Production code never imports it."""
