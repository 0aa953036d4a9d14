"""``make faults``: a campaign from the command line, its verdict as exit code."""

import argparse
import asyncio
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

from faults.campaign import Campaign, Options
from faults.dump import dump_topics
from stream.kafka.brokers.jvm import JvmKafka

SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; return 1 if anything was lost, doubled or not as the log says."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="make faults",
        description="Kill workers and brokers under steady input, then check every record.",
    )
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--kills", type=int, default=defaults.kills, help="workers killed")
    parser.add_argument("--broker-kills", type=int, default=defaults.broker_kills)
    parser.add_argument("--rebalances", type=int, default=defaults.rebalances)
    parser.add_argument(
        "--upgrades", type=int, default=defaults.upgrades, help="all workers replaced in turn"
    )
    parser.add_argument("--rate", type=float, default=defaults.rate, help="events per second")
    parser.add_argument("--leads", type=int, default=0, help="idle leads there beforehand")
    parser.add_argument(
        "--delivery", choices=["exactly_once", "at_least_once"], default=defaults.delivery
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--folder", type=Path, help="where logs go, kept; else only on failure")
    given = vars(parser.parse_args(arguments))
    as_json, chosen = given.pop("json"), given.pop("folder")
    options = Options(**given)
    # Brokers are away on purpose; what clients say of that would hide what matters.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = chosen or Path(tempfile.mkdtemp(prefix="leadstream-faults-"))
    folder.mkdir(parents=True, exist_ok=True)

    # So that brokers and workers end with a campaign that is told to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    async def run(kafka: JvmKafka) -> tuple[dict[str, Any], list[str]]:
        campaign = Campaign(kafka, options, folder)
        report = await campaign.run(lambda line: print(line, file=sys.stderr, flush=True))
        failures = report.failures()
        summary = report.summary()
        (folder / "report.json").write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
        if failures:
            (folder / "failures.txt").write_text("\n".join(failures))
            await dump_topics(campaign.settings, folder)
        return summary, failures

    with JvmKafka(3) as kafka:
        summary, failures = asyncio.run(run(kafka))
    if failures:
        summary["failures"], summary["folder"] = failures[:SHOWN], str(folder)
    elif chosen is None:
        shutil.rmtree(folder)
    if as_json:
        print(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
    else:
        for name, value in summary.items():
            if name not in {"faults", "failures"}:
                print(f"{name:>26}  {value}")
        for failure in failures[:SHOWN]:
            print(f"FAILED {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
