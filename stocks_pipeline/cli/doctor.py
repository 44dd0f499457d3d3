"""`stocks doctor`: is this desk fit to run, and if not, what to do.

What belongs here: running the checks, each within a time limit, and printing them. What does not: the checks
(doctor_checks.py for the machine, doctor_stores.py for what it writes to, doctor_shared.py for what processes share,
doctor_reports.py for the morning reports, doctor_validation.py for the second opinion, doctor_dagster.py for what
Dagster knows).
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from stocks_pipeline.cli import doctor_checks, doctor_reports, doctor_shared, doctor_stores, doctor_validation
from stocks_pipeline.cli.desk import open_instance, variables
from stocks_pipeline.cli.doctor_checks import Finding, failed, ok, warned
from stocks_pipeline.cli.output import Exit, console, print_json, print_table, say
from stocks_pipeline.settings import SettingError, Settings

if TYPE_CHECKING:
    import dagster as dg

LIMIT_S = 10.0
"""A check that takes longer is a finding itself. An unreachable bucket or a locked file must not hang the doctor."""

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}

LOOKS: Mapping[str, Callable[[Settings], Sequence[Finding]]] = {
    "DAGSTER_HOME": doctor_stores.home,
    "lake": doctor_stores.lake,
    "control file": doctor_stores.control,
    "limits": doctor_shared.limits,
    "alerts": doctor_shared.alerts,
    "disk": doctor_stores.disk,
    "upstream": doctor_checks.upstream,
    "clock": doctor_checks.clock,
    "ticker list": doctor_reports.tickers,
    "model": doctor_reports.model,
    "model budget": doctor_reports.budget,
    doctor_validation.NAME: doctor_validation.validations,
}
"""What is looked at once the settings are known, in this order."""

Check = Callable[[], Sequence[Finding]]


def run_doctor(*, as_json: bool, limit_s: float = LIMIT_S) -> Exit:
    """Print every finding; failure if one of them failed."""
    with ExitStack() as stack:
        findings = list(examine(stack, limit_s))
    counts = Counter(finding.state for finding in findings)
    code = Exit.FAILURE if counts["fail"] else Exit.OK
    if as_json:
        rows = [finding.to_dict() for finding in findings]
        print_json({"findings": rows, "ok": counts["ok"], "warn": counts["warn"], "fail": counts["fail"]})
        return code
    trouble = [f for f in findings if f.state != "ok"]
    total = f"{counts['ok']} checks passed, {counts['warn']} warnings, {counts['fail']} failures"
    say(f"{'Not fit to run' if code else 'Fit to run'}: {total}.", style="bold")
    print_table("", [{"state": f.state, "check": f.name, "finding": f.what} for f in findings])
    if trouble:
        console.print("[bold]What to do[/bold]")
    for finding in trouble:
        console.print(f"  [{STYLES[finding.state]}]{finding.state:<4}[/]", end=" ")
        say(f"{finding.name}: {finding.do}")
    return code


def examine(stack: ExitStack, limit_s: float) -> Iterator[Finding]:
    """Every finding, in order of dependence: without settings there are no stores, without a home no Dagster."""
    env = variables()
    yield from bounded("versions", doctor_checks.versions, limit_s)
    yield from bounded("variables", lambda: doctor_checks.quoted_values(env), limit_s)
    try:
        found = Settings.load()
    except SettingError as error:
        yield failed("settings", str(error), "correct that variable; README.md lists all of them")
        return
    yield doctor_checks.settings(found)
    for name, check in LOOKS.items():
        yield from bounded(name, lambda check=check: check(found), limit_s)  # type: ignore[misc]  # mypy: default
    yield from bounded("keys", lambda: doctor_checks.keys(found, env), limit_s)
    if not (found.dagster_home / "dagster.yaml").exists():
        yield from bounded("report jobs", lambda: doctor_reports.jobs(found), limit_s)
        yield warned("Dagster", "nothing has run here yet, so there is nothing to look at", "stocks demo")
        return
    yield from _dagster(found, stack, limit_s)


def _dagster(found: Settings, stack: ExitStack, limit_s: float) -> Iterator[Finding]:
    opened: list[dg.DagsterInstance] = []

    def open_it() -> Sequence[Finding]:
        opened.append(stack.enter_context(open_instance(found)))
        return [ok("Dagster instance", f"opens: {found.dagster_home}")]

    yield from bounded("Dagster instance", open_it, 3 * limit_s)
    if not opened:
        return
    from stocks_pipeline.cli import doctor_dagster

    yield from bounded("report jobs", lambda: doctor_reports.jobs(found, instance=opened[0]), limit_s)
    for name, check in doctor_dagster.CHECKS.items():
        yield from bounded(name, lambda check=check: check(opened[0]), limit_s)  # type: ignore[misc]  # as above


def bounded(name: str, check: Check, limit_s: float) -> Sequence[Finding]:
    """The check's findings; one that says so when it does not answer in time or cannot be made at all."""
    findings: list[Finding] = []

    def look() -> None:
        try:
            findings.extend(check())
        except Exception as error:  # noqa: BLE001 - whatever is broken, the other checks must still be made
            text = " ".join(f"{type(error).__name__}: {error}".split())
            findings.append(failed(name, f"cannot be checked: {text}", "fix that first; then look again"))

    thread = threading.Thread(target=look, name=f"doctor {name}", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        return [failed(name, f"no answer within {limit_s:g} s", "see whether the disk or the network hangs")]
    return findings
