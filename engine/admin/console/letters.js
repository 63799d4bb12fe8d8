// Dead letters: find them by a query, look at one, mend it, send it again, or some, or all that match.

import { get, path, send } from "/api.js";
import { code, confirmed, h, problem, replace, table } from "/dom.js";
import { count, event as read, summary, time, why } from "/words.js";

const SHOWN = 100;
const MERGED = '{"@merge": {"direction": "right", "objects": [{"@path": "$."}, {"context": {"locale": "de-DE"}}]}}';
const SINCE = [["", "any time"], ["3600", "the last hour"], ["86400", "the last day"], ["604800", "the last week"]];

export async function letters(main, parts, query, signal) {
  if (parts[0]) await one(main, Number(parts[0]), signal);
  else await many(main, query, signal);
}

async function many(main, query, signal) {
  const [{ counts }, { destinations }] = await Promise.all([get("letters/count", {}, signal), get("overview", {}, signal)]);
  const names = [...new Set([...destinations.map((each) => each.name), ...counts.map((each) => each.destination)])].sort();
  const of = h("select", { id: "of" }, h("option", { value: "" }, "all"), names.map((name) => h("option", { value: name }, name)));
  const reason = h("input", { id: "reason", list: "reasons", autocomplete: "off" });
  const where = h("input", { id: "where", class: "mono", placeholder: 'event = "Order Completed"', autocomplete: "off", "aria-describedby": "where-help" });
  const since = h("select", { id: "since" }, SINCE.map(([value, text]) => h("option", { value }, text)));
  of.value = query.get("destination") ?? "";
  reason.value = query.get("reason") ?? "";
  const result = h("div");
  const said = h("div", { role: "status" });
  const how = howTheyAreSent();

  function asked() {
    const limits = { destination: of.value, reason: reason.value.trim(), where: where.value.trim(), since: since.value ? Date.now() / 1000 - Number(since.value) : "" };
    return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== ""));
  }

  async function look() {
    try {
      const [found, tally] = await Promise.all([get("letters", { ...asked(), limit: SHOWN }, signal), get("letters/count", asked(), signal)]);
      const total = tally.counts.reduce((sum, each) => sum + each.count, 0);
      replace(result, found.letters.length ? chosen(found.letters, total, asked(), how.asked, said, look) : h("p", { class: "quiet" }, "No dead letter is like that."));
    } catch (error) {
      if (signal.aborted) return;
      replace(result, problem(error));
    }
  }

  await look();
  replace(main,
    h("h1", { tabindex: "-1" }, "Dead letters"),
    counts.length ? table("Dead letters by destination and reason", ["Destination", "Reason", "How many", "Last"], counts.map((each) => [
      each.destination,
      h("a", { href: `#/letters?${new URLSearchParams({ destination: each.destination, reason: each.reason })}` }, why(each.reason)),
      count(each.count), time(each.last_at)])) : h("p", { class: "card" }, "There are none: nothing was given up."),
    h("form", { class: "card form", onsubmit: (submitted) => { submitted.preventDefault(); replace(said); look(); } },
      h("p", {}, h("label", { for: "of" }, "Destination"), of),
      h("p", {}, h("label", { for: "reason" }, "Reason"), reason, h("datalist", { id: "reasons" }, [...new Set(counts.map((each) => each.reason))].map((value) => h("option", { value })))),
      h("p", { class: "twice" }, h("label", { for: "where" }, "Event, in FQL"), where),
      h("p", {}, h("label", { for: "since" }, "Given up in"), since),
      h("p", { class: "buttons block" }, h("button", { class: "main" }, "Find"), h("span", { class: "quiet", id: "where-help" }, "All conditions must hold."))),
    how.element, said, result);
}

// How fast, and as what: for faults in the events themselves.
function howTheyAreSent() {
  const rate = h("input", { id: "rate", type: "number", min: "0.00001", step: "any", placeholder: "as fast as they are taken" });
  const mapping = h("textarea", { id: "mapping", class: "mono", rows: "4", spellcheck: "false", placeholder: MERGED, "aria-describedby": "mapping-help" });
  const element = h("details", { class: "changes" }, h("summary", {}, "How they are sent again"), h("div", { class: "inside form" },
    h("p", {}, h("label", { for: "rate" }, "Events a second"), rate),
    h("p", { class: "block" }, h("label", { for: "mapping" }, "As a mapping makes them"), mapping,
      h("small", { class: "quiet", id: "mapping-help" }, "Empty: as they are. What is not in the mapping is not sent, so most begin with the event as it is; where it makes no event, the dead letter stays."))));

  function asked() {
    if (!rate.checkValidity()) throw new Error(`Events a second: ${rate.validationMessage}`);
    return { rate: rate.value ? Number(rate.value) : null, mapping: mapping.value.trim() };
  }

  return { element, asked };
}

function chosen(found, total, asked, how, said, look) {
  const boxes = found.map((letter) => h("input", { type: "checkbox", value: String(letter.id), "aria-label": `Dead letter ${letter.id}`, onchange: () => tell() }));
  const all = h("input", { type: "checkbox", id: "all", onchange: () => { boxes.forEach((box) => { box.checked = all.checked; }); tell(); } });
  const number = h("span");
  const dry = h("button", { type: "button", class: "changes", onclick: () => replay(true) }, "Dry run");
  const go = h("button", { type: "button", class: "main changes", onclick: () => replay(false) });
  const purge = h("button", { type: "button", class: "danger owns", onclick: () => remove() });
  const ids = () => boxes.filter((box) => box.checked).map((box) => Number(box.value));

  function tell() {
    const some = ids().length;
    number.textContent = some ? `${count(some)} selected` : `none selected: all ${count(total)} that match`;
    go.textContent = some ? `Replay ${count(some)}` : `Replay all ${count(total)}`;
    purge.textContent = some ? `Delete ${count(some)}` : `Delete all ${count(total)}`;
  }

  // A replay is one destination's: of several, one each.
  function queries() {
    const some = ids();
    const names = [...new Set(found.filter((letter) => !some.length || some.includes(letter.id)).map((letter) => letter.destination))];
    const base = some.length ? { ids: some } : asked;
    return names.map((destination) => ({ ...base, destination }));
  }

  async function replay(dry_run) {
    const jobs = queries();
    try {
      const sent = how();
      if (!dry_run && !(await confirmed(`Send ${ids().length || total} dead letters again to ${jobs.map((job) => job.destination).join(", ")}?`, "Replay"))) return;
      const done = [];
      for (const job of jobs) done.push([job.destination, await send("POST", "replays", { replay: { destination: job.destination, kind: "dead", query: job, ...sent }, dry_run })]);
      replace(said, h("p", { class: "told" }, done.map(([name, { events }]) => `${name}: ${count(events)} ${dry_run ? "would be sent again" : "are sent again"}. `)));
      if (!dry_run) setTimeout(look, 600);
    } catch (error) {
      replace(said, problem(error));
    }
  }

  async function remove() {
    const jobs = queries();
    if (!(await confirmed(`Delete ${ids().length || total} dead letters for good?`, "Delete"))) return;
    try {
      let gone = 0;
      for (const job of jobs) gone += (await send("POST", "letters/purge", job)).count;
      replace(said, h("p", { class: "told" }, `${count(gone)} deleted.`));
      await look();
    } catch (error) {
      replace(said, problem(error));
    }
  }

  tell();
  return h("section", { "aria-label": "Found" },
    h("div", { class: "bar" },
      h("p", { class: "check" }, all, h("label", { for: "all" }, `Select ${found.length < total ? `these ${count(found.length)}` : "all"}`)), number,
      h("p", { class: "buttons end" }, dry, go, purge)),
    table("Dead letters that match", ["Select", "Letter", "Event", "Destination", "Reason", "Given up"], found.map((letter, at) => [
      boxes[at],
      h("a", { href: `#/letters/${letter.id}` }, String(letter.id)),
      h("span", {}, summary(read(letter.line)), h("small", { class: "quiet block" }, letter.message_id ?? "")),
      letter.destination, h("span", {}, why(letter.reason), h("small", { class: "quiet block" }, letter.excerpt)), time(letter.last_at)])),
    found.length < total ? h("p", { class: "quiet" }, `The first ${count(found.length)} of ${count(total)} are shown. Without a selection, a replay is of all.`) : null);
}

async function one(main, id, signal) {
  const letter = await get(`letters/${path(id)}`, {}, signal);
  const area = h("textarea", { id: "event", class: "mono", rows: "18", spellcheck: "false", value: JSON.stringify(read(letter.line), null, 2) });
  const said = h("div", { role: "status" });

  async function save() {
    let event;
    try {
      event = JSON.parse(area.value);
    } catch (error) {
      replace(said, problem(new Error(`This is no JSON: ${error.message}`)));
      return false;
    }
    try {
      await send("PUT", `letters/${path(id)}`, { event });
      replace(said, h("p", { class: "told" }, "Saved: this is what a replay sends."));
      return true;
    } catch (error) {
      replace(said, problem(error));
      return false;
    }
  }

  async function replay() {
    if (!(await save())) return;
    try {
      await send("POST", "replays", { replay: { destination: letter.destination, kind: "dead", query: { ids: [id] } } });
      replace(said, h("p", { class: "told" }, "It is sent again. ", letter.message_id ? h("a", { href: `#/events/${encodeURIComponent(letter.message_id)}` }, "See what becomes of it") : null));
    } catch (error) {
      replace(said, problem(error));
    }
  }

  replace(main,
    h("p", { class: "crumbs" }, h("a", { href: "#/letters" }, "Dead letters"), ` / ${id}`),
    h("h1", { tabindex: "-1" }, `Dead letter ${id}`),
    h("section", { class: "card" },
      h("h2", {}, "Why it was given up"),
      h("dl", { class: "facts" }, [
        ["destination", h("a", { href: `#/destinations/${path(letter.destination)}` }, letter.destination)],
        ["action", letter.action ?? "-"], ["reason", why(letter.reason)], ["status", letter.status ?? "-"],
        ["event", letter.message_id ? h("a", { href: `#/events/${encodeURIComponent(letter.message_id)}` }, letter.message_id) : `number ${letter.number}`],
        ["received", h("span", {}, time(letter.received), ` from ${letter.source}`)],
      ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      letter.excerpt ? [h("h3", {}, "What was answered"), code(letter.excerpt, "What was answered")] : null,
      h("h3", {}, "Tries"),
      h("ol", { class: "timeline" }, letter.tries.map(([at, reason, status]) => h("li", {}, time(at), ` ${why(reason)}${status && !reason.startsWith("http_") ? ` (HTTP ${status})` : ""}`)))),
    h("section", { class: "card" },
      h("h2", {}, "The event"),
      h("label", { for: "event" }, "What a replay sends"), area, said,
      h("p", { class: "buttons" },
        h("button", { type: "button", class: "main changes", onclick: () => replay() }, "Save and replay"),
        h("button", { type: "button", class: "changes", onclick: () => save() }, "Save"),
        h("a", { class: "button", href: `#/tester?destination=${encodeURIComponent(letter.destination)}&letter=${id}` }, "Try it in the tester"))));
}
