// The frame: which page is shown, who is asking, whether the engine answers. A page is a function (main, parts, query, signal).

import { forgetToken, get, keepToken, Refused } from "/api.js";
import { h, problem, replace } from "/dom.js";
import { configuration } from "/configuration.js";
import { destination } from "/destination.js";
import { events } from "/events.js";
import { letters } from "/letters.js";
import { overview } from "/overview.js";
import { replays } from "/replays.js";
import { tail } from "/tail.js";
import { tester } from "/tester.js";

const PAGES = { "": ["Overview", overview], destinations: ["Destination", destination], events: ["Events", events],
  tail: ["Live tail", tail], letters: ["Dead letters", letters], replays: ["Replay", replays], tester: ["Tester", tester], configuration: ["Configuration", configuration] };
const main = document.getElementById("main");
const who = document.getElementById("who");
const lost = document.getElementById("lost");
let leaving = new AbortController();
let first = true;

function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...parts] = path.split("/").map(decodeURIComponent);
  return { name: name in PAGES ? name : "", parts, query: new URLSearchParams(query) };
}

async function show() {
  if (location.hash === "#main") {
    main.focus();
    return;
  }
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const { name, parts, query } = place();
  const [title, page] = PAGES[name];
  document.title = [parts[0], title, "Doorstep"].filter(Boolean).join(" \u00b7 ");
  for (const link of document.querySelectorAll("nav a")) {
    const [, target = ""] = /^#\/([^?/]*)/.exec(link.getAttribute("href"));
    if (target === name || (target === "" && name === "destinations")) link.setAttribute("aria-current", target === name ? "page" : "true");
    else link.removeAttribute("aria-current");
  }
  try {
    await page(main, parts, query, signal);
    if (!signal.aborted && !first) main.querySelector("h1")?.focus();
    first = false;
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Refused && error.status === 401) askForToken(error);
    else replace(main, h("h1", {}, title), problem(error));
  }
}

async function greet() {
  const me = await get("whoami");
  replace(who, `${me.name}, ${me.role.replace("_", " ")}`);
  document.documentElement.dataset.role = me.role;
  if (sessionStorage.length) who.append(" ", h("button", { type: "button", class: "link", onclick: () => { forgetToken(); location.reload(); } }, "Sign out"));
}

function askForToken(error) {
  const input = h("input", { type: "password", id: "token", autocomplete: "off", required: true, "aria-describedby": "token-help" });
  const form = h("form", { class: "card narrow", onsubmit: async (submitted) => {
    submitted.preventDefault();
    keepToken(input.value.trim());
    start();
  } },
  h("h1", { tabindex: "-1" }, "Who is there?"),
  error.code === "wrong_token" ? problem(error) : null,
  h("label", { for: "token" }, "Token"), input,
  h("p", { id: "token-help", class: "quiet" }, "As `doorstep new token` printed it. It stays in this tab and is gone when the tab is closed."),
  h("p", { class: "buttons" }, h("button", { class: "main" }, "Enter")));
  replace(main, form);
  input.focus();
}

async function start() {
  try {
    await greet();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) {
      askForToken(error);
      return;
    }
  }
  await show();
}

// Pages that look again and again say here whether they are answered.
addEventListener("doorstep-answer", (told) => {
  lost.hidden = told.detail === "";
  lost.textContent = told.detail;
});
addEventListener("hashchange", show);
start();
