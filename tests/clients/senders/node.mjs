// `node node.mjs URL COUNT`: the same with Segment's SDK for Node.
import { createRequire } from "node:module";

const require = createRequire(process.env.CLIENTS_NPM + "/");
const { Analytics } = require("@segment/analytics-node");

const [url, count] = [process.argv[2], Number(process.argv[3])];
const client = new Analytics({ writeKey: "wk-client", host: url, flushAt: 20, flushInterval: 200 });
const failed = [];
client.on("error", (error) => failed.push(error));
for (let n = 0; n < count; n++) {
  client.track({
    userId: `u-${n % 10}`,
    event: "Counted",
    properties: { n, text: `Ünï ${n}` },
    context: { page: { path: `/${n}` } },
  });
}
await client.closeAndFlush({ timeout: 120_000 });
if (failed.length) {
  console.error(failed);
  process.exit(1);
}
