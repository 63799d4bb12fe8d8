// Attempts as they happen.

import { follow, get } from "/api.js";
import { delivery } from "/deliveries.js";
import { h, replace } from "/dom.js";
import { tell } from "/looking.js";
import { count } from "/words.js";

const KEPT = 200;

export async function tail(main, parts, query, signal) {
  const { destinations } = await get("overview", {}, signal);
  const list = h("div", { class: "list", id: "attempts" });
  const state = h("p", { class: "quiet", role: "status" }, "Waiting for the next attempt.");
  const chosen = h("select", { id: "of", onchange: () => restart() },
    h("option", { value: "" }, "all"), destinations.map((one) => h("option", { value: one.name }, one.name)));
  chosen.value = query.get("destination") ?? "";
  const words = h("input", { type: "search", id: "words", placeholder: "reason, status, messageId, body", oninput: () => sift() });
  const failed = h("input", { type: "checkbox", id: "failed", onchange: () => sift() });
  const stop = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
    const pressed = stop.getAttribute("aria-pressed") === "true";
    stop.setAttribute("aria-pressed", String(!pressed));
    stop.textContent = pressed ? "Hold" : "Go on";
    if (pressed) sift();
  } }, "Hold");
  let heard = [];
  let current = new AbortController();

  const isHeld = () => stop.getAttribute("aria-pressed") === "true";
  const matches = (one) => (!failed.checked || one.result !== "delivered") && JSON.stringify(one).toLowerCase().includes(words.value.toLowerCase());

  function sift() {
    replace(list, heard.filter(matches).map((one) => delivery(one, { withName: true })));
    state.textContent = `${count(list.children.length)} of the latest ${count(heard.length)} attempts`;
  }

  function hear(one) {
    if (one.missed) return;
    heard = [one, ...heard].slice(0, KEPT);
    if (isHeld()) return;
    if (matches(one)) list.prepend(delivery(one, { withName: true }));
    while (list.children.length > KEPT) list.lastChild.remove();
    state.textContent = `${count(list.children.length)} of the latest ${count(heard.length)} attempts`;
  }

  async function restart() {
    current.abort();
    current = new AbortController();
    const mine = current.signal;
    heard = [];
    replace(list);
    const of = chosen.value ? `&destination=${encodeURIComponent(chosen.value)}` : "";
    try {
      for await (const one of follow(`deliveries/stream?last=50${of}`, AbortSignal.any([signal, mine]))) hear(one);
      tell("The engine has ended.");
    } catch (error) {
      if (!signal.aborted && !mine.aborted) tell(error.message);
    }
  }

  replace(main,
    h("div", { class: "bar" },
      h("h1", { tabindex: "-1" }, "Live tail"), state,
      h("p", { class: "field" }, h("label", { for: "of" }, "Destination"), chosen),
      h("p", { class: "field" }, h("label", { for: "words" }, "Contains"), words),
      h("p", { class: "check" }, failed, h("label", { for: "failed" }, "only failed")),
      stop),
    list);
  restart();
}
