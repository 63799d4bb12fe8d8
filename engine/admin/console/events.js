// One event, from its arrival to its end at each destination, and why it is not where it should be. Without a messageId: the latest ones.

import { get, path, send } from "/api.js";
import { code, h, problem, replace, table } from "/dom.js";
import { badge, count, event as read, milliseconds, seconds, summary, time, why } from "/words.js";

export async function events(main, parts, query, signal) {
  const wanted = parts.join("/");
  const input = h("input", { type: "search", id: "message-id", required: true, value: wanted, autocomplete: "off" });
  const form = h("form", { class: "bar", role: "search", onsubmit: (submitted) => {
    submitted.preventDefault();
    location.hash = `#/events/${encodeURIComponent(input.value.trim())}`;
  } },
  h("p", { class: "field wide" }, h("label", { for: "message-id" }, "messageId"), input), h("button", { class: "main" }, "Explain"));
  const head = h("h1", { tabindex: "-1" }, wanted ? "What became of an event" : "Events");
  if (!wanted) {
    const { events: latest } = await get("events", { limit: 50 }, signal);
    replace(main, head, form, latest.length ? latestOf(latest) : h("p", { class: "quiet" }, "No event is kept: there is none yet, or no journal."));
    return;
  }
  try {
    const { events: lives } = await get(`events/${path(wanted)}`, {}, signal);
    replace(main, head, form, lives.length
      ? lives.map((life) => lifeOf(life))
      : h("p", { class: "card" }, `No event with the messageId ${wanted} is known: it was never accepted, or is older than what is kept.`));
  } catch (error) {
    if (signal.aborted || error.status === 401) throw error;
    replace(main, head, form, problem(error));
  }
}

function latestOf(latest) {
  return h("section", { class: "card" }, h("h2", {}, "The latest"),
    table("The latest events", ["Received", "Event", "messageId", "Source"], latest.map((one) => {
      const event = read(one.line);
      return [time(one.received), summary(event), event?.messageId
        ? h("a", { href: `#/events/${encodeURIComponent(event.messageId)}` }, event.messageId) : `number ${one.number}`, one.source];
    })));
}

function lifeOf(life) {
  const event = life.line ? read(life.line) : null;
  return h("article", { class: "card" },
    h("h2", {}, event ? summary(event) : "Event"),
    h("ol", { class: "timeline" },
      step(life.received, h("b", {}, "Received"), life.number < 0 ? `from ${life.source}, by another journal` : `from ${life.source}, as number ${count(life.number)}`),
      life.stories.map((story) => h("li", { class: "story" }, storyOf(story, life, event)))),
    h("details", {}, h("summary", {}, "The event as it came in"), code(event ?? "", "The event")));
}

function step(at, ...what) {
  return h("li", {}, time(at), " ", ...what.flatMap((part) => [part, " "]));
}

function storyOf(story, life, event) {
  const because = h("span", { class: "reason" }, why(story.reason));
  const steps = stepsOf(story, life);
  const clause = h("div");
  if (story.state === "filtered" && event && typeof event === "object") explain(story, life, event, clause);
  return [
    h("h3", {}, h("a", { href: `#/destinations/${path(story.destination)}` }, story.destination), " ", badge(story.state), " ", because),
    clause,
    story.due ? h("p", {}, "Tried again at ", time(story.due)) : null,
    ...story.letter_ids.map((id) => h("p", {}, h("a", { href: `#/letters/${id}` }, `Dead letter ${id}`))),
    steps.length ? h("ol", {}, steps) : null,
  ];
}

function stepsOf(story, life) {
  const attempts = story.attempts.map(([at, took_ms, result, reason, status, tries, , action]) => ({ at, took_ms, result, reason, status, tries, action }));
  // A try is written down at its end; most are among the attempts, too.
  const isKnown = (at) => attempts.some((one) => one.at - 0.005 <= at && at <= one.at + one.took_ms / 1000 + 0.01);
  const tries = story.tries.filter(([at]) => !isKnown(at)).map(([at, reason, status]) => ({ at, reason, status, result: "failed" }));
  return [...attempts, ...tries].sort((one, other) => one.at - other.at).map((one) => step(one.at, badge(one.result),
    [one.action, one.status ? `HTTP ${one.status}` : null, one.took_ms === undefined ? null : `took ${milliseconds(one.took_ms)}`,
      one.tries > 1 ? `try ${one.tries}` : null, one.reason ? why(one.reason) : null, `${seconds(Math.max(0, one.at - life.received))} after it came`].filter(Boolean).join(" \u00b7 ")));
}

// The journal knows the reason; which part of the condition it was, the tester says, by the configuration of today.
async function explain(story, life, event, place) {
  try {
    const { reports: [report] } = await send("POST", "tests", { event, destination: story.destination });
    const failed = report.checks.find((one) => !one.passed);
    const actions = report.actions.filter((one) => !one.wanted && one.clause);
    replace(place,
      failed ? h("p", {}, `As it is configured now: ${failed.name} says no. `, failed.detail ? h("code", {}, failed.detail) : null) : null,
      report.passed ? h("p", {}, "As it is configured now, it would get the event: ", h("a", { href: replayOf(story.destination, life) }, "replay it"), ".") : null,
      actions.length ? h("ul", {}, actions.map((one) => h("li", {}, `${one.name}: `, h("code", {}, one.clause)))) : null);
  } catch {
    replace(place); // it is configured no more
  }
}

function replayOf(destination, life) {
  const around = { since: Math.floor(life.received), until: Math.floor(life.received) + 1 };
  return `#/replays?${new URLSearchParams({ destination, ...around, ...(life.message_id ? { where: `messageId = ${quoted(life.message_id)}` } : {}) })}`;
}

// A text of FQL has no escapes, but two kinds of quotes.
const quoted = (text) => (text.includes('"') ? `'${text}'` : `"${text}"`);
