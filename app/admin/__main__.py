"""What an operator does by hand, on DATABASE_URL.

    python -m app.admin doctor [--json]
    python -m app.admin work list|show KIND ID|retry KIND ID|discard ID --note …
    python -m app.admin refunds list|show|retry|paid
    python -m app.admin reconcile
    python -m app.admin differences list|resolve ID --note …
    python -m app.admin probe

Exit code 0: done, all is well; 1: refused, and one sentence says why, or the doctor has found
something; 2: wrong arguments.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402 - after the patch, as everything here
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402

from app.admin import health, probe, refunds, work  # noqa: E402
from app.kernel import config, db, errors  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = _parse(arguments)
    try:
        for line in options.run(options):
            sys.stdout.write(f"{line}\n")
    except (errors.Problem, config.SettingsError) as problem:
        sys.stderr.write(f"{getattr(problem, 'detail', '') or problem}\n")
        return 1
    except health.Unwell:
        return 1
    finally:
        db.close()
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.admin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    areas = parser.add_subparsers(
        required=True, metavar="doctor|work|refunds|reconcile|differences|probe"
    )
    for area in (health, work, refunds, probe):
        area.add_to(areas)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
