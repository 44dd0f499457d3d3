"""`stocks retention`: what is past its days goes now, or is only listed.

What belongs here: printing what went. What does not: what may go (domain/retention.py) and deleting it
(defs/operations/retention.py).
"""

from stocks_pipeline.cli import desk
from stocks_pipeline.cli.output import Exit, print_json, print_next, print_table, say
from stocks_pipeline.wording import counted

SHOWN = 20


def run_retention(*, dry_run: bool, as_json: bool) -> Exit:
    """Clean as the nightly job does, and print what went."""
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.operations.retention import clean

    found = desk.settings()
    done = clean(desk.begun_lake(found), found, SystemClock(), dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, **done.counts(), "gone": done.files, "left_for_a_person": done.unreadable})
        return Exit.OK
    jobs, sessions = counted(len(done.jobs.deleted), "job record"), counted(len(done.sessions.sessions), "session")
    words = "would go" if dry_run else "are gone"
    say(f"Older than {done.kept_days} days (STOCKS_RETENTION_DAYS): {jobs} and {sessions} {words}.", style="bold")
    if done.files:
        more = len(done.files) - SHOWN
        note = f"and {more} more: --json lists all" if more > 0 else None
        print_table(counted(len(done.files), "file"), [{"file": key} for key in done.files[:SHOWN]], note=note)
    if done.unreadable:
        print_table("Cannot be read, left for you", [{"file": key} for key in done.unreadable[:SHOWN]])
    if dry_run and done.files:
        print_next([("delete them", "stocks retention")])
    return Exit.OK
