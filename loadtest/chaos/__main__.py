"""`python -m loadtest.chaos`: 0 the three ledgers agree, 1 they do not, 2 nothing was started."""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402 - after the patch, as everything here
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from loadtest.chaos import page, run  # noqa: E402
from loadtest.chaos.programs import CannotStartError  # noqa: E402
from loadtest.chaos.world import Plan  # noqa: E402

_MODES = ("coded", "documented")


def main() -> int:
    """Play one run for each seed, write its report, and say where it is."""
    options = _parse()
    folder = options.report or Path(tempfile.mkdtemp(prefix="biletter-chaos-"))
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for seed in options.seeds:
        mode = options.mode or _MODES[seed % 2]
        plan = Plan(options.seconds, seed, options.buyers, mode)
        try:
            result = run.play(plan, folder / f"seed-{seed}", options.longest)
        except CannotStartError as reason:
            print(reason, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("Interrupted: nothing was compared.", file=sys.stderr)
            return 130
        path = page.write(result, folder / f"seed-{seed}")
        print("\n".join(run.summary(result)))
        print(f"  report      {path}\n")
        if result.differences:
            failed.append(seed)
    for seed in failed:
        print(f"Repeat: make chaos SECONDS={options.seconds:.0f} SEED={seed}", file=sys.stderr)
    return 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.chaos")
    parser.add_argument("--seconds", type=float, default=60.0, help="of mischief; 60")
    parser.add_argument("--seed", "--seeds", type=_seeds, default=[1], dest="seeds", help="1,2,3")
    parser.add_argument("--buyers", type=int, default=30, help="30")
    parser.add_argument("--mode", choices=_MODES, help="the provider's; else odd seeds documented")
    parser.add_argument("--longest", type=float, default=240.0, help="seconds to come to rest; 240")
    parser.add_argument("--report", type=Path, help="a folder for reports and logs")
    return parser.parse_args()


def _seeds(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
