"""Compare two runs: `python -m loadtest.judge A B`, each a folder or several with commas."""

import sys
from pathlib import Path

from loadtest.judge import compare, compare_page, folder


def main() -> int:
    """Print the comparison, write its page beside B's, and return 0; 2 when there is none."""
    if len(sys.argv) != 3:
        print("make load-compare A=folder B=folder needs two folders of runs.", file=sys.stderr)
        return 2
    sides = [[Path(name) for name in argument.split(",")] for argument in sys.argv[1:]]
    try:
        runs = [[folder.read(place) for place in side] for side in sides]
        (a, *_), (b, *_) = runs
        repeats = [(side[0], other) for side in runs for other in side[1:]]
        findings = compare.compare(a, b, repeats)
    except (folder.UnreadableError, compare.DifferentError) as reason:
        print(reason, file=sys.stderr)
        return 2
    print("\n".join(compare.lines(a, b, findings)))
    place = sides[1][0]
    page = (place if place.is_dir() else place.parent) / "compare.html"
    page.write_text(compare_page.render(a, b, findings), encoding="utf-8")
    print(f"page: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
