// One destination: what becomes of its events, what it answers, how it is configured.

import { get, path, send } from "/api.js";
import { chart, minutesOf, perSecond } from "/chart.js";
import { delivery } from "/deliveries.js";
import { code, h, problem, renew, replace, table } from "/dom.js";
import { every } from "/looking.js";
import { badge, compact, count, event, isFailing, milliseconds, percent, rate, seconds, summary, time, why, word } from "/words.js";

const LOOK_MS = 2000;
const SHOWN = 20;

export async function destination(main, [name], query, signal) {
  const where = `destinations/${path(name)}`;
  const shown = await get(`${where}/configuration`, {}, signal);
  const state = h("span", { id: "state-now", role: "status" });
  const reason = h("div");
  const button = h("button", { type: "button", class: "main changes", onclick: () => turn() });
  const funnelPart = h("div");
  const gaps = h("div");
  const charts = h("div", { class: "charts" });
  const health = h("div", { class: "grid" });
  const recent = h("div", { class: "list" });
  const waiting = h("div");
  const onlyFailed = h("input", { type: "checkbox", id: "failed", onchange: () => look() });
  const trouble = h("div");
  let paused = false;
  let newest = "";

  async function turn() {
    button.disabled = true;
    try {
      await send("POST", `${where}/${paused ? "resume" : "pause"}`);
      replace(trouble);
      await look();
    } catch (error) {
      replace(trouble, problem(error));
    }
    button.disabled = false;
  }

  async function look() {
    const failed = onlyFailed.checked;
    const [row, attempts] = await Promise.all([
      get(where, {}, signal), get("deliveries", { destination: name, limit: SHOWN, failed }, signal)]);
    const live = row.live;
    paused = row.standing.paused;
    button.textContent = paused ? "Resume" : "Pause";
    if (state.dataset.state !== live.state) {
      state.dataset.state = live.state;
      replace(state, badge(live.state));
    }
    replace(reason, isFailing(live) && !live.reason ? h("p", { class: "problem" }, `Most of what was tried in the last minute failed. The latest reason: ${why(lastReason(attempts.deliveries)) || "see below"}.`) : null, live.reason ? h("p", { class: "problem" }, `Held because ${why(live.reason)}. It is tried once a minute, and goes on by itself when that succeeds or its settings change.`) : null);
    replace(funnelPart, funnel(live));
    renew(gaps, row.gaps, () => gapsOf(row.gaps));
    replace(health, healthOf(live));
    trends(charts, row.trend);
    const { parked } = live.parked ? await get(`${where}/parked`, { limit: SHOWN }, signal) : { parked: [] };
    renew(waiting, [parked, live.parked], () => (parked.length ? section("Parked for a later try", parkedOf(parked, live.parked)) : null));
    const latest = `${failed} ${attempts.deliveries.map((each) => each.id).join(" ")}`;
    if (latest !== newest && !recent.contains(document.activeElement)) {
      newest = latest;
      replace(recent, attempts.deliveries.map((each) => delivery(each)),
        attempts.deliveries.length ? null : h("p", { class: "quiet" }, failed ? "None of the attempts that are remembered failed." : "Nothing was attempted yet."));
    }
  }

  await every(LOOK_MS, look, signal);
  replace(main,
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Overview"), " / ", name),
    h("div", { class: "bar" },
      h("h1", { tabindex: "-1" }, name), state,
      h("p", { class: "quiet" }, [shown.type, shown.settings.owner ? `owner ${shown.settings.owner}` : null].filter(Boolean).join(", ")),
      h("p", { class: "buttons end" }, button,
        h("a", { class: "button", href: `#/tester?destination=${encodeURIComponent(name)}` }, "Test an event"),
        h("a", { class: "button", href: `#/replays?destination=${encodeURIComponent(name)}` }, "Replay"),
        h("a", { class: "button", href: `#/tail?destination=${encodeURIComponent(name)}` }, "Tail"),
        h("a", { class: "button", href: `#/letters?destination=${encodeURIComponent(name)}` }, "Dead letters"))),
    trouble, reason,
    section("What becomes of its events", funnelPart, gaps),
    charts,
    section("How it does", health),
    waiting,
    section("Recent deliveries", h("p", { class: "check" }, onlyFailed, h("label", { for: "failed" }, "only those that failed")), recent),
    shown.actions.length ? section("Actions", shown.actions.map((action) => actionOf(name, action))) : null,
    section("Configuration", h("details", {}, h("summary", {}, "As it is in use; secrets are masked"), code(shown.settings, `Configuration of ${name}`))));
}

const lastReason = (deliveries) => deliveries.find((one) => one.reason)?.reason;

function section(title, ...children) {
  const id = title.toLowerCase().replaceAll(" ", "-");
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...children);
}

const sum = (numbers) => Object.values(numbers).reduce((total, one) => total + one, 0);

function funnel(live) {
  const all = live.pending_before + live.offered + live.replayed;
  const dead = Object.entries(live.dead_by_class).flatMap(([fault, reasons]) =>
    Object.entries(reasons).map(([reason, number]) => [`${why(reason)} (${fault}'s fault)`, number]));
  const steps = [
    ["Received", all, "calm", [["left from before", live.pending_before], ["replayed", live.replayed]]],
    ["Filtered", sum(live.filtered), "calm", Object.entries(live.filtered).map(([reason, number]) => [why(reason), number])],
    ["Delivered", live.delivered, "good", []],
    ["Waiting", live.pending, "warn", live.lag.events ? [[`the oldest has waited ${seconds(live.lag.seconds)}`, null]] : []],
    ["Parked for a later try", live.parked, "warn", []],
    ["Dead letters", live.dead_lettered, "bad", dead],
    ["Expired or dropped", live.expired + live.dropped, "bad", []],
  ];
  return h("ol", { class: "funnel" }, steps.filter(([name, number]) => number || !name.startsWith("Expired")).map(([name, number, mood, reasons]) =>
    h("li", {},
      h("span", { class: "name" }, name),
      meter(all ? number / all : 0, mood),
      h("b", {}, count(number)),
      h("span", { class: "quiet share" }, all && name !== "Received" ? percent(number / all) : ""),
      reasons.some(([, one]) => one !== 0) ? h("ul", {}, reasons.filter(([, one]) => one !== 0).map(([reason, one]) => h("li", {}, one === null ? reason : `${count(one)} \u00d7 ${reason}`))) : null)));
}

// Events that it will not get, by their numbers.
function gapsOf(gaps) {
  if (!gaps.length) return null;
  return h("details", {}, h("summary", {}, `Events that it will not get: ${count(gaps.reduce((total, [first, last]) => total + last - first + 1, 0))}`),
    h("ul", { class: "inside" }, gaps.map(([first, last, reason, at]) => h("li", {}, `number ${count(first)} to ${count(last)}: ${reason} `, time(at)))));
}

function parkedOf(parked, total) {
  return [
    table("Parked events, in order", ["Event", "Tried", "Why", "Next try"], parked.map((one) => {
      const known = event(one.line);
      const last = one.tries.at(-1);
      return [
        h("span", {}, summary(known), h("small", { class: "block" }, known?.messageId ? h("a", { href: `#/events/${encodeURIComponent(known.messageId)}` }, known.messageId) : `number ${count(one.number)}`)),
        count(one.tries.length), last ? why(last[1]) : "-", time(one.due)];
    })),
    parked.length < total ? h("p", { class: "quiet" }, `The first ${count(parked.length)} of ${count(total)}.`) : null];
}

function meter(share, mood) {
  const bar = h("span", { class: `fill ${mood}` });
  bar.style.width = `${Math.max(share > 0 ? 0.5 : 0, share * 100)}%`;
  return h("span", { class: "meter", "aria-hidden": "true" }, bar);
}

function facts(title, rows) {
  return h("div", {}, h("h3", {}, title), h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function healthOf(live) {
  const both = (times) => `${milliseconds(times.p50)} / ${milliseconds(times.p99)}`;
  const { breaker, limiter } = live;
  return [
    facts("Latency, p50 / p99", [["accepted to outcome", both(live.latency_ms)], ["in the queue", both(live.queue_ms)],
      ["the receiver's answer", both(live.attempt_ms)], ["event's own time to delivery", both(live.event_to_delivered_ms)]]),
    facts("Attempts", [["in all", count(live.attempts)], ["repeated", count(live.retried)],
      ...Object.entries(live.failed).map(([reason, number]) => [why(reason), count(number)]),
      ["events an attempt", live.batch_events ?? "-"], ["success, last minute", percent(live.success)]]),
    facts("Breaker", [["state", breaker.state.replace("_", " ")], ["down for", breaker.down_s ? seconds(breaker.down_s) : "-"], ["has opened", `${count(breaker.trips)} times`], ["its actor has crashed", `${count(live.crashes)} times`]]),
    facts("Limiter", [["configured", limiter.per_second === null ? "unlimited" : `${compact(limiter.per_second)} / s`],
      ["now", limiter.effective === null ? "unlimited" : `${rate(limiter.effective)} / s`], ["slowed down by a 429", `${count(limiter.slowdowns)} times`]]),
    doneBy(live.actions),
  ];
}

// An event that several actions want counts in each.
function doneBy(actions) {
  const done = Object.entries(actions).filter(([name]) => name).sort();
  return done.length ? facts("Done by action", done.map(([name, one]) => [name,
    Object.entries(one.done).map(([result, number]) => `${count(number)} ${word(result)}`).join(", ") || "nothing yet"])) : null;
}

function trends(charts, trend) {
  const minutes = minutesOf(trend);
  replace(charts,
    chart("Volume", "events delivered a second", [{ name: "", kind: "good", values: perSecond(trend), format: rate }], minutes),
    chart("Failures", `attempts in ${trend.every_s} s`, [{ name: "", kind: "bad", values: trend.failed, format: count }], minutes),
    chart("Latency", "accepted to outcome, mean", [{ name: "", kind: "warn", values: trend.latency_ms, format: milliseconds }], minutes));
}

function actionOf(name, action) {
  const edit = `#/tester?destination=${encodeURIComponent(name)}&action=${encodeURIComponent(action.name)}`;
  return h("details", {},
    h("summary", {}, h("b", {}, action.name), " ", h("span", { class: "quiet" }, action.label)),
    h("div", { class: "inside" },
      h("p", {}, action.description),
      h("p", {}, "Trigger: ", h("code", {}, action.trigger)),
      action.fields.length === 0 ? code(action.mapping, `Mapping of ${action.name}`) : table(`Fields of ${action.name}`, ["Field", "What it is", "Made of"], action.fields.filter((field) => field.mapping !== null || field.required).map((field) => [
        h("span", {}, h("code", {}, field.name), field.required ? " (required)" : ""),
        h("span", {}, field.label, h("small", { class: "quiet block" }, field.description)),
        field.mapping === null ? "nothing" : h("code", {}, JSON.stringify(field.mapping))])),
      h("p", { class: "buttons" }, h("a", { class: "button", href: edit }, "Try a change"))));
}
