// Attempts, each as a line that opens to its request and response.

import { code, h } from "/dom.js";
import { badge, bytes, count, milliseconds, time, why } from "/words.js";

export function delivery(one, { withName = false } = {}) {
  const element = h("details", { class: "delivery" },
    h("summary", {},
      time(one.at), badge(one.result),
      withName ? h("b", {}, one.destination) : null,
      h("span", {}, [one.action, `${count(one.events)} ${one.events === 1 ? "event" : "events"}`, one.status ? `HTTP ${one.status}` : null,
        milliseconds(one.took_ms), one.tries > 1 ? `try ${one.tries}` : null].filter(Boolean).join(" \u00b7 ")),
      one.reason ? h("span", { class: "reason" }, why(one.reason)) : null));
  // What is inside is made when somebody looks: two hundred of them are two hundred lines only.
  element.addEventListener("toggle", () => { if (element.open && element.children.length === 1) element.append(inside(one)); });
  return element;
}

function inside(one) {
  return h("div", { class: "inside" },
    h("p", {}, `First event: `, one.message_id
      ? h("a", { href: `#/events/${encodeURIComponent(one.message_id)}` }, one.message_id) : `number ${one.first}`,
      `. ${count(one.delivered)} of ${count(one.events)} delivered.`),
    one.request ? exchange("Request", `${one.request.method} ${one.request.url}`, one.request) : h("p", { class: "quiet" }, "No request was made."),
    one.response ? exchange("Response", `HTTP ${one.response.status}`, one.response) : null);
}

export function exchange(title, head, part) {
  const size = part.size_bytes === undefined ? "" : ` (${bytes(part.size_bytes)})`;
  return h("section", { class: "exchange", "aria-label": title },
    h("h4", {}, title),
    h("p", { class: "mono" }, head),
    Object.keys(part.headers).length ? code(Object.entries(part.headers).map(([name, value]) => `${name}: ${value}`).join("\n"), `${title}: headers`) : null,
    part.body ? [h("p", { class: "quiet" }, `Body${size}`), code(pretty(part.body), `${title}: body`)] : null);
}

export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
