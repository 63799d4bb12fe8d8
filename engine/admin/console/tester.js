// What would become of an event, before it is sent; and what an edited mapping would change, for this one and for the latest.

import { get, path, send } from "/api.js";
import { exchange } from "/deliveries.js";
import { code, confirmed, h, problem, replace, table } from "/dom.js";
import { badge, count, event as read, summary } from "/words.js";

export async function tester(main, parts, query, signal) {
  const [{ samples }, { destinations }, { events: latest }] = await Promise.all([get("samples", {}, signal), get("overview", {}, signal), get("events", { limit: 50 }, signal)]);
  const stored = latest.map((one) => read(one.line));
  const of = h("select", { id: "of", onchange: () => equip() }, h("option", { value: "" }, "each of them"), destinations.map((one) => h("option", { value: one.name }, one.name)));
  const action = h("select", { id: "action", onchange: () => fillEdit() });
  const sample = h("select", { id: "sample", onchange: () => choose() },
    h("optgroup", { label: "Samples" }, Object.keys(samples).map((name) => h("option", { value: name }, name))),
    h("optgroup", { label: "The latest events" }, stored.map((event, at) => h("option", { value: `#${at}` }, `${summary(event)} (${event?.messageId ?? "no id"})`))));
  const area = h("textarea", { id: "event", class: "mono", rows: "27", spellcheck: "false" });
  const trigger = h("input", { id: "trigger", class: "mono", autocomplete: "off", spellcheck: "false" });
  const mapping = h("textarea", { id: "mapping", class: "mono", rows: "12", spellcheck: "false", "aria-describedby": "mapping-help" });
  const editing = h("fieldset", { class: "card" });
  const result = h("div", { "aria-live": "polite" });
  const dry = h("button", { type: "button", onclick: () => dryRun() }, "Dry run on the latest events");
  let shown = null;

  function choose() {
    const event = sample.value.startsWith("#") ? stored[Number(sample.value.slice(1))] : samples[sample.value];
    area.value = JSON.stringify(event, null, 2);
  }

  async function equip(wanted = "") {
    shown = of.value ? await get(`destinations/${path(of.value)}/configuration`, {}, signal) : null;
    const actions = shown?.actions ?? [];
    replace(action, h("option", { value: "" }, "those that want it"), actions.map((one) => h("option", { value: one.name }, one.name)));
    action.value = wanted;
    action.disabled = !actions.length;
    fillEdit();
  }

  function fillEdit() {
    const one = shown?.actions.find((each) => each.name === action.value);
    editing.hidden = !one;
    dry.hidden = !one;
    trigger.value = one?.trigger ?? "";
    mapping.value = one ? JSON.stringify(one.mapping, null, 2) : "";
  }

  function edit() {
    const one = shown?.actions.find((each) => each.name === action.value);
    if (!one) return null;
    const changed = parsed(mapping.value, "The mapping");
    if (trigger.value === one.trigger && JSON.stringify(changed) === JSON.stringify(one.mapping)) return null;
    return { action: one.name, trigger: trigger.value, mapping: changed };
  }

  async function run(really) {
    if (really && !(await confirmed(`Really send this event to ${of.value || "each destination"}?`, "Send"))) return;
    try {
      const trial = { event: parsed(area.value, "The event"), destination: of.value || null, action: action.value || null, edit: edit() };
      const { reports } = await send("POST", really ? "tests/send" : "tests", trial);
      replace(result, reports.map((report) => reportOf(report, trial.edit)));
    } catch (error) {
      replace(result, problem(error));
    }
  }

  async function dryRun() {
    try {
      const changed = edit();
      if (!changed) throw new Error("Change the trigger or the mapping first.");
      replace(result, dryOf(await send("POST", "dry-runs", { destination: of.value, edit: changed, events: 200 })));
    } catch (error) {
      replace(result, problem(error));
    }
  }

  replace(editing, h("legend", {}, "Try a change"),
    h("label", { for: "trigger" }, "Trigger, in FQL"), trigger,
    h("label", { for: "mapping" }, "Mapping"), mapping,
    h("p", { class: "quiet", id: "mapping-help" }, "As it would be in the configuration: a field that is left out keeps its default, \"\" leaves it out. Nothing is saved here."));
  of.value = query.get("destination") ?? "";
  await equip(query.get("action") ?? "");
  if (query.get("letter")) area.value = JSON.stringify(read((await get(`letters/${path(query.get("letter"))}`, {}, signal)).line), null, 2);
  else {
    sample.value = "track";
    choose();
  }
  replace(main,
    h("h1", { tabindex: "-1" }, "Tester"),
    h("form", { class: "two", onsubmit: (submitted) => { submitted.preventDefault(); run(false); } },
      h("div", { class: "card" },
        h("label", { for: "sample" }, "Choose an event, or paste one"), sample,
        h("label", { for: "event" }, "Event"), area),
      h("div", {},
        h("div", { class: "card" },
          h("label", { for: "of" }, "Destination"), of,
          h("label", { for: "action" }, "Action"), action),
        editing),
      h("p", { class: "buttons block" },
        h("button", { class: "main" }, "Run"), dry,
        h("button", { type: "button", class: "changes", onclick: () => run(true) }, "Really send"))),
    result);
}

function parsed(text, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} is no JSON: ${error.message}`);
  }
}

function reportOf(report, edited) {
  const outcome = report.filtered_by ? "filtered" : report.passed ? "would be sent" : "failed";
  return h("section", { class: "card", "aria-label": `Test at ${report.destination}` },
    h("h2", {}, report.destination, " ", badge(report.actions.find((one) => one.wanted)?.outcome || outcome), edited ? h("span", { class: "quiet" }, " with the change") : null),
    h("ul", { class: "checks" }, report.checks.map((one) => h("li", { class: one.passed ? "yes" : "no" },
      h("b", {}, one.passed ? "\u2713 " : "\u2715 ", one.name), " ", one.detail ? h("code", {}, one.detail) : null, h("span", { class: "hidden" }, one.passed ? " passed" : " says no")))),
    report.event ? h("details", {}, h("summary", {}, "The event as the destination sees it"), code(report.event, "The event as the destination sees it")) : null,
    report.actions.filter((one) => one.wanted).map((one) => actionOf(one)),
    report.actions.some((one) => !one.wanted) ? h("details", {}, h("summary", {}, "Actions that do not want it"),
      h("ul", {}, report.actions.filter((one) => !one.wanted).map((one) => h("li", {}, `${one.name}: `, h("code", {}, one.clause))))) : null,
    report.logs.length ? [h("h3", {}, "Log"), code(report.logs.join("\n"), "Log")] : null);
}

function actionOf(one) {
  return h("div", {},
    one.name ? h("h3", {}, one.name, " ", badge(one.outcome)) : null,
    one.reason ? h("p", { class: "problem" }, `${one.reason} ${one.detail}`) : null,
    one.fields.length ? table(`Fields of ${one.name}`, ["Field", "Made of", "Value"], one.fields.map((field) => [
      h("span", {}, h("code", {}, field.name), field.problem ? h("small", { class: "bad-text block" }, field.problem) : null),
      field.made_of === null ? "nothing" : h("code", {}, JSON.stringify(field.made_of)),
      field.value === null ? h("span", { class: "quiet" }, "nothing") : h("code", {}, JSON.stringify(field.value))])) : null,
    one.requests.map((request) => exchange("Request", `${request.method} ${request.url}`, request)),
    one.more ? h("p", { class: "quiet" }, "Other requests follow, which depend on the answer.") : null,
    one.responses.map((response) => exchange("Response", `HTTP ${response.status}`, response)));
}

function dryOf(report) {
  return h("section", { class: "card", "aria-label": "Dry run" },
    h("h2", {}, `${count(report.changed)} of the latest ${count(report.looked_at)} events would be different`),
    h("p", {}, `Wanted: ${count(report.wanted_before)} before, ${count(report.wanted_after)} after. Refused: ${count(report.refused_before)} before, ${count(report.refused_after)} after.`),
    Object.keys(report.fields).length ? table("Fields that change", ["Field", "Events"], Object.entries(report.fields).map(([name, number]) => [h("code", {}, name), count(number)])) : null,
    report.examples.map((one) => h("details", { open: one === report.examples[0] },
      h("summary", {}, one.message_id ?? `number ${one.number}`, one.wanted === "as before" ? "" : `: wanted ${one.wanted}`),
      h("div", { class: "inside" },
        one.problem_before || one.problem_after ? h("p", {}, `Refused before: ${one.problem_before || "no"}. After: ${one.problem_after || "no"}.`) : null,
        one.fields.length ? table("What changes", ["Field", "Before", "After"], one.fields.map((field) => [h("code", {}, field.name), h("del", {}, JSON.stringify(field.before)), h("ins", {}, JSON.stringify(field.after))])) : null))));
}
