"""Watch the service for some seconds: soak.py http://ADDRESS:PORT SECONDS.

It fails with one sentence when the service is not ready twice in a row, or when more than one
answer in a hundred is 500, which no buyer causes.
"""

import re
import sys
import time
import urllib.error
import urllib.request

base, seconds = sys.argv[1], float(sys.argv[2])
LINE = re.compile(r'^biletter_http_requests_total\{.*status="(\d+)".*\} ([\d.e+]+)$', re.MULTILINE)
FEW = 5


def fetch(path):
    """Status and body of an answer; 0 when there is none."""
    try:
        with urllib.request.urlopen(base + path, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def answered():
    """How many answers there were so far, and how many of them were 500."""
    found = [(status, float(count)) for status, count in LINE.findall(fetch("/metrics")[1])]
    return sum(n for _, n in found), sum(n for status, n in found if status == "500")


total_before, failed_before = answered()
refused = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    status, said = fetch("/health/ready")
    refused = 0 if status == 200 else refused + 1
    if refused == 2:
        sys.exit(f"/health/ready says {status}: {said.strip()}")
    time.sleep(0.5)
total_after, failed_after = answered()
total, failed = total_after - total_before, failed_after - failed_before
if failed >= FEW and failed > total / 100:
    sys.exit(f"{failed:.0f} of {total:.0f} answers were 500")
