// All destinations at a glance, those in trouble first. Rows are changed in place, so that two hundred cost nothing and focus stays.

import { get, path } from "/api.js";
import { chart, minutesOf, perSecond, spark } from "/chart.js";
import { h, replace } from "/dom.js";
import { every } from "/looking.js";
import { badge, bytes, compact, count, isFailing, milliseconds, needsSomebody, percent, rate, seconds, why, word } from "/words.js";

const LOOK_MS = 2000;

export async function overview(main, parts, query, signal) {
  const tiles = h("dl", { class: "tiles" });
  const charts = h("div", { class: "charts" });
  const body = h("tbody");
  const found = h("p", { class: "quiet", role: "status" });
  const search = h("input", { type: "search", id: "search", placeholder: "name, type or owner", oninput: () => arrange() });
  const state = h("select", { id: "state", onchange: () => arrange() },
    h("option", { value: "" }, "all"), h("option", { value: "trouble" }, "in trouble"),
    ["closed", "open", "half_open", "held", "crashed", "paused", "removed"].map((one) => h("option", { value: one }, word(one))));
  const rows = new Map();
  const news = h("p", { class: "hidden", role: "status" });
  const states = new Map();
  let seen = [];

  // For those who hear the page: what has changed, and only that.
  function announce() {
    const changed = seen.filter((one) => states.has(one.name) && states.get(one.name) !== one.state);
    if (changed.length) news.textContent = changed.map((one) => `${one.name} is ${word(one.state)}`).slice(0, 5).join(", ");
    for (const one of seen) states.set(one.name, one.state);
  }

  function arrange() {
    const wanted = search.value.toLowerCase();
    const shown = seen.filter((one) => matches(one, wanted, state.value));
    const order = shown.map((one) => rows.get(one.name).element);
    if (order.length !== body.children.length || order.some((element, at) => body.children[at] !== element)) {
      const focused = document.activeElement;
      body.replaceChildren(...order);
      if (body.contains(focused)) focused.focus();
    }
    const text = shown.length === seen.length ? `${seen.length} destinations` : `${shown.length} of ${seen.length} destinations`;
    if (found.textContent !== text) found.textContent = text;
  }

  async function look() {
    const now = await get("overview", {}, signal);
    seen = now.destinations.sort(byTrouble);
    for (const one of seen) {
      if (!rows.has(one.name) || (states.get(one.name) === "removed") !== (one.state === "removed")) rows.set(one.name, row(one));
      rows.get(one.name).update(one);
    }
    for (const name of rows.keys()) if (!seen.some((one) => one.name === name)) rows.delete(name);
    announce();
    headline(tiles, now);
    trends(charts, seen);
    arrange();
  }

  await every(LOOK_MS, look, signal);
  replace(main,
    h("h1", { tabindex: "-1" }, "Overview"),
    news, tiles, charts,
    h("section", { "aria-labelledby": "all" },
      h("div", { class: "bar" },
        h("h2", { id: "all" }, "Destinations"), found,
        h("p", { class: "field" }, h("label", { for: "search" }, "Find"), search),
        h("p", { class: "field" }, h("label", { for: "state" }, "State"), state)),
      h("table", { class: "cards" },
        h("caption", { class: "hidden" }, "Destinations, those in trouble first"),
        h("thead", {}, h("tr", {}, HEADS.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))),
        body)));
}

const HEADS = [["Destination", ""], ["State", ""], ["Delivered / s", "number"], ["Last minutes", ""], ["Success", "number"],
  ["Latency p99", "number"], ["Waiting", "number"], ["Parked", "number"], ["Dead", "number"]];

const NONE = () => h("span", { class: "quiet" }, "0");

function toldOf({ reason, state, ...now }) {
  const more = reason ? why(reason) : state === "closed" && isFailing(now) ? "most attempts of the last minute failed" : "";
  return more ? h("span", { class: "quiet reason" }, more) : null;
}

function matches(one, wanted, state) {
  const is = state === "" || one.state === state || (state === "trouble" && needsSomebody(one));
  return is && `${one.name} ${one.type} ${one.owner ?? ""}`.toLowerCase().includes(wanted);
}

function byTrouble(one, other) {
  return needsSomebody(other) - needsSomebody(one) || one.name.localeCompare(other.name);
}

function row(one) {
  const cells = HEADS.slice(1).map(([name, kind]) => h("td", { "data-label": name, class: kind }));
  const told = h("span", { class: "quiet" });
  const element = h("tr", {},
    h("th", { scope: "row" }, h("a", { href: one.state === "removed" ? "#/configuration" : `#/destinations/${path(one.name)}` }, one.name), " ", told),
    cells);
  const values = [];
  const put = (at, value, make = () => value) => {
    if (values[at] !== value) {
      values[at] = value;
      replace(cells[at], make());
    }
  };
  return { element, update(now) {
    const what = [now.type, now.owner].filter(Boolean).join(", ");
    if (told.textContent !== what) told.textContent = what;
    put(0, `${now.state} ${now.reason} ${isFailing(now)}`, () => [badge(now.state), toldOf(now)]);
    put(1, rate(now.per_second));
    put(2, now.trend.until, () => [
      spark(perSecond(now.trend), `delivered a second, highest ${rate(Math.max(0, ...perSecond(now.trend)))}`),
      now.trend.failed.some(Boolean) ? spark(now.trend.failed, `failed attempts, ${count(now.trend.failed.reduce((a, b) => a + b, 0))} in all`, "bad") : null]);
    put(3, percent(now.success), () => (isFailing(now) ? h("strong", { class: "bad-text" }, percent(now.success)) : percent(now.success)));
    put(4, milliseconds(now.p99_ms));
    put(5, `${now.lag_events} ${now.lag_s}`, () => (now.lag_events ? [compact(now.lag_events), now.lag_s < 1 ? null : h("small", { class: "quiet block" }, `for ${seconds(now.lag_s)}`)] : NONE()));
    put(6, now.parked, () => (now.parked ? compact(now.parked) : NONE()));
    put(7, now.dead, () => (now.dead ? h("a", { href: `#/letters?destination=${encodeURIComponent(now.name)}` }, compact(now.dead)) : NONE()));
  } };
}

function headline(tiles, now) {
  const sum = (of) => now.destinations.reduce((total, one) => total + of(one), 0);
  const trouble = now.destinations.filter(needsSomebody).length;
  const facts = [
    ["Received", compact(now.received), `${count(now.rejected)} rejected, ${count(now.duplicates)} repeated`],
    ["Delivered / s", rate(sum((one) => one.per_second)), `${compact(sum((one) => one.delivered))} since the start`],
    ["In trouble", `${trouble} of ${now.destinations.length}`, trouble ? "shown first" : "all is well"],
    ["Waiting", compact(sum((one) => one.lag_events)), `longest ${seconds(Math.max(0, ...now.destinations.map((one) => one.lag_s)))}`],
    ["Dead letters", compact(sum((one) => one.dead)), "since the start"],
    ["Running for", seconds(now.uptime_s), now.journal ? `journal ${bytes(now.journal.used_bytes)} of ${bytes(now.journal.max_bytes)}` : `memory only, ${bytes(now.process.rss_bytes)} in use`],
  ];
  replace(tiles, facts.map(([name, value, more]) => h("div", { class: name === "In trouble" && trouble ? "tile trouble" : "tile" }, h("dt", {}, name), h("dd", {}, value, h("small", {}, more)))));
}

function trends(charts, destinations) {
  const length = Math.max(1, ...destinations.map((one) => one.trend.delivered.length));
  const sum = (of) => {
    const totals = new Array(length).fill(0);
    for (const one of destinations) of(one.trend).forEach((value, at, all) => { totals[length - all.length + at] += value ?? 0; });
    return totals;
  };
  const trend = destinations.find((one) => one.trend.delivered.length === length)?.trend ?? { every_s: 5, delivered: [] };
  const minutes = minutesOf(trend);
  const good = sum((one) => perSecond(one));
  const attempts = sum((one) => one.attempts);
  const failed = sum((one) => one.failed);
  const success = attempts.map((value, at) => (value ? Math.max(0, 1 - failed[at] / value) * 100 : null));
  const times = sum((one) => one.latency_ms.map((value, at) => (value ?? 0) * one.delivered[at]));
  const events = sum((one) => one.delivered.map((value, at) => (one.latency_ms[at] === null ? 0 : value)));
  const latency = times.map((value, at) => (events[at] ? value / events[at] : null));
  replace(charts,
    chart("Volume", "events delivered a second", [{ name: "", kind: "good", values: good, format: rate }], minutes),
    chart("Success", "of attempts", [{ name: "", kind: "calm", values: success, format: (value) => (value === null ? "-" : `${Math.round(value)} %`) }], minutes),
    chart("Latency", "accepted to outcome, mean", [{ name: "", kind: "warn", values: latency, format: milliseconds }], minutes));
}
