// Events of the journal, sent to one destination again: chosen by time and condition, counted first. And what is being sent again now.

import { get, send } from "/api.js";
import { confirmed, h, problem, renew, replace, table } from "/dom.js";
import { every } from "/looking.js";
import { count, rate as perSecond, time } from "/words.js";

const LOOK_MS = 2000;

export async function replays(main, parts, query, signal) {
  const { destinations, journal } = await get("overview", {}, signal);
  const result = h("div", { role: "status" });
  const running = h("div");
  if (!journal) {
    replace(main, title(), h("p", { class: "card" }, "There is no journal (durability is memory), so nothing is kept that could be sent again."));
    return;
  }
  await every(LOOK_MS, async () => {
    const { replays: jobs } = await get("replays", {}, signal);
    renew(running, jobs, () => listOf(jobs));
  }, signal);
  replace(main, title(),
    h("p", { class: "quiet" }, "The journal keeps events after they were delivered. They are sent in their order, to one destination alone, through its trigger, consent and sampling as they are now. Dead letters have ",
      h("a", { href: "#/letters" }, "a page of their own"), "."),
    formOf(destinations, journal, query, result), result,
    h("section", { class: "card", "aria-labelledby": "running" }, h("h2", { id: "running" }, "Being sent again"), running));
}

const title = () => h("h1", { tabindex: "-1" }, "Replay");

function formOf(destinations, journal, query, result) {
  const of = h("select", { id: "of", required: true }, h("option", { value: "" }, "choose one"), destinations.map((one) => h("option", { value: one.name }, one.name)));
  const since = moment("since", query.get("since") ?? Date.now() / 1000 - 3600);
  const until = moment("until", query.get("until"));
  const where = h("input", { id: "where", class: "mono", placeholder: 'every event; or such as: event = "Order Completed"', autocomplete: "off", spellcheck: "false" });
  const rate = h("input", { id: "rate", type: "number", min: "0.00001", step: "any", placeholder: "as fast as they are taken" });
  const go = h("button", { type: "button", class: "changes", disabled: true, "aria-describedby": "order", onclick: () => begin(false) }, "Replay");
  of.value = query.get("destination") ?? "";
  where.value = query.get("where") ?? "";

  function asked() {
    const limits = Object.entries({ since: secondsOf(since), until: secondsOf(until), where: where.value.trim() || null }).filter(([, value]) => value !== null);
    return { destination: of.value, kind: "journal", query: Object.fromEntries(limits), rate: rate.value ? Number(rate.value) : null };
  }

  async function begin(dry_run) {
    const job = asked();
    if (!dry_run && !(await confirmed(`Send these events to ${job.destination} again?`, "Replay"))) return;
    try {
      const { id, events } = await send("POST", "replays", { replay: job, dry_run });
      replace(result, dry_run ? countedOf(events, job.destination) : h("p", { class: "told" }, `Replay ${id} has begun: about ${count(events)} events. `,
        h("a", { href: `#/destinations/${encodeURIComponent(job.destination)}` }, `See how ${job.destination} does`)));
      ready(dry_run && events > 0);
    } catch (error) {
      replace(result, problem(error));
      ready(false);
    }
  }

  function ready(is) {
    go.disabled = !is;
    go.classList.toggle("main", is);
  }

  return h("form", { class: "card form", onsubmit: (submitted) => { submitted.preventDefault(); begin(true); }, oninput: () => { replace(result); ready(false); } },
    field(of, "Destination"), field(since, "Received since"), field(until, "Until (empty: now)"),
    field(rate, "Events a second"), h("p", { class: "block" }, h("label", { for: "where" }, "Event, in FQL"), where),
    h("p", { class: "buttons block" }, h("button", { class: "main changes" }, "Dry run"), go,
      h("span", { class: "quiet", id: "order" }, "The dry run only counts; then it can be sent. ",
        journal.kept_since ? ["The oldest event kept is of ", time(journal.kept_since), "."] : null)));
}

function field(input, name) {
  return h("p", {}, h("label", { for: input.id }, name), input);
}

// In the time of whoever looks, to the second; what is asked for is seconds since the epoch.
function moment(id, at) {
  const local = at === null ? "" : new Date(Number(at) * 1000 - new Date(Number(at) * 1000).getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  return h("input", { id, type: "datetime-local", step: "1", required: id === "since", value: local });
}

const secondsOf = (input) => (input.value ? new Date(input.value).getTime() / 1000 : null);

function countedOf(events, destination) {
  if (!events) return h("p", { class: "told" }, "No event is like that, or it has still to have its first try.");
  return h("p", { class: "told" }, `At most ${count(events)} ${events === 1 ? "event" : "events"} would be sent to ${destination} again. Its trigger and consent are asked when they are sent: it may be fewer.`);
}

function listOf(jobs) {
  if (!jobs.length) return h("p", { class: "quiet" }, "Nothing is being sent again.");
  return table("Replays that are not done", ["Replay", "Destination", "Events", "So far", "At most"], jobs.map((job) => [
    String(job.id), h("a", { href: `#/destinations/${encodeURIComponent(job.destination)}` }, job.destination), wordsOf(job),
    count(job.moved), job.rate === null ? "as fast as they are taken" : `${perSecond(job.rate)} / s`]));
}

function wordsOf({ kind, query }) {
  return h("span", {}, kind === "dead" ? "dead letters" : "of the journal",
    query.since ? [" since ", time(query.since)] : null, query.until ? [" until ", time(query.until)] : null,
    query.where ? [" where ", h("code", {}, query.where)] : null, query.ids ? `, ${count(query.ids.length)} chosen` : null,
    query.reason ? `, ${query.reason}` : null);
}
