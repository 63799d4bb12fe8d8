"""`browser.py URL COUNT STRATEGY`: the same from a page in Chromium, with Segment's SDK for browsers, set up by what URL tells it.

The page is of another origin. It stays open until standard input ends: it cannot know when all of its events are gone.
"""

import os
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

url, count, strategy = sys.argv[1], int(sys.argv[2]), sys.argv[3]

PAGE = """<!doctype html><meta charset="utf-8"><title>Shop</title><script src="index.js"></script><script>
const delivery = %r === "batching" ? { strategy: "batching", config: { size: 20, timeout: 500 } } : { strategy: "standard" };
const analytics = AnalyticsNext.AnalyticsBrowser.load(
  { writeKey: "wk-client", cdnURL: %r },
  { integrations: { "Segment.io": { deliveryStrategy: delivery } } });
let n = 0;
const timer = setInterval(() => {
  for (let end = n + 20; n < end; n++) {
    if (n >= %d) return clearInterval(timer);
    analytics.track("Counted", { n, text: `\\u00dcn\\u00ef ${n}` }, { page: { path: `/${n}` } });
  }
}, 100);
</script>"""


class Pages(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        page = (PAGE % (strategy, url, count)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        pass


sdk = Path(os.environ["CLIENTS_NPM"], "node_modules/@segment/analytics-next/dist/umd")
server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=str(sdk)))
threading.Thread(target=server.serve_forever, daemon=True).start()
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=os.environ["CLIENTS_CHROMIUM"], args=["--no-sandbox"])
    page = browser.new_page()
    page.on("pageerror", lambda error: print(error, file=sys.stderr))
    page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
    done = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
    while not done.is_set():
        page.wait_for_timeout(100)
    browser.close()
server.shutdown()
