// How the engine itself does, and what it is configured to: shown as it is in use, its files checked, taken anew.

import { get, path, readiness, send } from "/api.js";
import { code, confirmed, h, problem, replace, table } from "/dom.js";
import { every } from "/looking.js";
import { bytes, count, milliseconds, percent, seconds, time } from "/words.js";

const LOOK_MS = 2000;

export async function configuration(main, parts, query, signal) {
  const health = h("div");
  const forgotten = h("div");
  const shown = h("div");
  const said = h("div", { role: "status" });

  async function ask(what, answer) {
    try {
      replace(said, answer(await send("POST", `configuration/${what}`)));
    } catch (error) {
      replace(said, problem(error));
    }
  }

  async function reload() {
    if (!(await confirmed("Go on under the configuration as its files are now?", "Reload"))) return;
    await ask("reload", changesOf);
    await show();
  }

  async function show() {
    const inUse = await get("configuration", {}, signal);
    replace(shown, sectionsOf(inUse));
    await rest(forgotten, inUse.destinations ?? {}, signal);
  }

  await show();
  await every(LOOK_MS, async () => {
    const [engine, ready] = await Promise.all([get("overview", {}, signal), readiness(signal)]);
    replace(health, healthOf(engine, ready));
  }, signal);
  replace(main,
    h("h1", { tabindex: "-1" }, "Configuration"),
    card("The engine", health),
    card("Its files",
      h("p", { class: "quiet" }, "A check looks at the files as they are now and changes nothing. A reload takes them, if nothing is wrong with them; else the old configuration stays. It is the same as SIGHUP."),
      h("p", { class: "buttons" }, h("button", { type: "button", class: "main", onclick: () => ask("check", problemsOf) }, "Check"),
        h("button", { type: "button", class: "owns", onclick: reload }, "Reload")), said),
    card("In use", h("p", { class: "quiet" }, "With what holds where nothing is written. Secrets are masked."), shown),
    forgotten);
}

function card(title, ...children) {
  const id = title.toLowerCase().replaceAll(" ", "-");
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...children);
}

function healthOf({ version, uptime_s, process, journal }, { ready, reason }) {
  return [
    ready ? null : h("p", { class: "problem" }, `No event is taken in: ${reason}`),
    h("div", { class: "grid" },
      facts("Process", [["version", version], ["running for", seconds(uptime_s)], ["takes events in", ready ? "yes" : "no"],
        ["memory", bytes(process.rss_bytes)], ["processor time", seconds(process.cpu_s)],
        ["its loop is late by, p99 / at worst", `${milliseconds(process.loop_lag_ms)} / ${milliseconds(process.loop_lag_max_ms)}`]]),
      journal ? facts("Journal", [["size", `${bytes(journal.used_bytes)} of ${bytes(journal.max_bytes)} (${percent(journal.used_bytes / journal.max_bytes)})`],
        ["events kept", count(journal.end - journal.oldest)], ["the oldest is of", journal.kept_since ? time(journal.kept_since) : "-"],
        ["kept for, as far as there is room", seconds(journal.retention_s)], ["waiting to be written", bytes(journal.waiting_bytes)], ["full", journal.is_full ? "yes" : "no"]])
        : facts("Journal", [["durability", "memory: there is none"]])),
  ];
}

function facts(title, rows) {
  return h("div", {}, h("h3", {}, title), h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function problemsOf({ problems }) {
  if (!problems.length) return h("p", { class: "told" }, "Nothing is wrong with the files as they are now.");
  return [h("p", { class: "problem" }, `${count(problems.length)} ${problems.length === 1 ? "problem" : "problems"}: a reload would be refused.`), wrongs("Problems", problems)];
}

function changesOf({ added, removed, changed, needs_restart }) {
  const lines = [
    ...added.map((name) => `${name} is new`), ...removed.map((name) => `${name} is no more`),
    ...Object.values(changed).flat().map((setting) => `${setting} is another`)];
  return [
    h("div", { class: "told" }, h("p", {}, lines.length ? "Reloaded. What has changed:" : "Reloaded. Nothing has changed."), lines.length ? h("ul", {}, lines.map((line) => h("li", {}, line))) : null),
    needs_restart.length ? [h("p", { class: "problem" }, "This needs a restart:"), wrongs("What needs a restart", needs_restart)] : null];
}

function wrongs(caption, problems) {
  return table(caption, ["Where", "What", "Why"], problems.map((one) => [
    one.file ? `${one.file}${one.line ? `:${one.line}` : ""}` : "-", h("code", {}, one.path), one.message]));
}

function sectionsOf({ destinations = {}, ...others }) {
  return [
    ...Object.entries(others).filter(([, value]) => value !== null && Object.keys(value).length).map(([name, value]) => part(name, value, null)),
    ...Object.entries(destinations).map(([name, value]) => part(`destinations.${name}`, value, value.type))];
}

// What is inside is made when somebody looks: there may be hundreds.
function part(name, value, more) {
  const element = h("details", {}, h("summary", {}, h("code", {}, name), more ? h("span", { class: "quiet" }, ` ${more}`) : null));
  element.addEventListener("toggle", () => { if (element.open && element.children.length === 1) element.append(code(value, name)); });
  return element;
}

// Destinations that the journal knows, and the configuration no more.
async function rest(place, configured, signal) {
  const { destinations } = await get("destinations", {}, signal);
  const gone = destinations.filter((one) => !(one.name in configured));
  const said = h("div", { role: "status" });

  async function forget(name) {
    if (!(await confirmed(`Delete what is known of ${name} for good? Its dead letters stay.`, "Forget"))) return;
    try {
      await send("POST", `destinations/${path(name)}/forget`);
      await rest(place, configured, signal);
    } catch (error) {
      replace(said, problem(error));
    }
  }

  replace(place, gone.length ? card("Not configured any more",
    h("p", { class: "quiet" }, "Where they were is kept, in case they come back. It keeps no event from being deleted."), said,
    table("Destinations that are not configured any more", ["Destination", "Got as far as", "Parked", "Dead letters", ""], gone.map((one) => [
      one.name, `number ${count(one.watermark - 1)}`, count(one.parked), one.dead ? h("a", { href: `#/letters?destination=${encodeURIComponent(one.name)}` }, count(one.dead)) : "0",
      h("button", { type: "button", class: "danger owns", onclick: () => forget(one.name) }, "Forget")]))) : null);
}
