"""`rudder_python.py URL COUNT`: the same with RudderStack's, which compresses."""

import sys

from rudderstack.analytics.client import Client

url, count = sys.argv[1], int(sys.argv[2])
failed = []
client = Client("wk-client", host=url, upload_size=20, gzip=True, on_error=lambda error, _items: failed.append(error))
for n in range(count):
    client.track(f"u-{n % 10}", "Counted", {"n": n, "text": f"Ünï {n}"}, context={"page": {"path": f"/{n}"}})
client.flush()
client.join()
sys.exit(str(failed) if failed else 0)
