// Numbers, times and states as people read them.

import { h } from "/dom.js";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const dated = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const count = (number) => (number === null ? "-" : whole.format(number));
export const compact = (number) => (Math.abs(number) < 10000 ? whole.format(number) : short.format(number));
export const percent = (share) => (share === null ? "-" : `${share > 0 && share < 0.9995 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`);
export const rate = (perSecond) => (perSecond === null ? "-" : rateOf(perSecond));
const rateOf = (perSecond) => (perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : compact(perSecond));

export function milliseconds(ms) {
  if (ms === null || ms === undefined) return "-";
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : seconds(ms / 1000);
}

export function seconds(s) {
  if (s < 1) return s > 0 ? `${Math.round(s * 1000)} ms` : "0 s";
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function bytes(size) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  for (; size >= 1024 && at < units.length - 1; at += 1) size /= 1024;
  return `${size < 10 && at ? size.toFixed(1) : Math.round(size)} ${units[at]}`;
}

export function time(at) {
  const date = new Date(at * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return h("time", { datetime: date.toISOString(), title: dated.format(date) }, today ? clock.format(date) : dated.format(date));
}

// The same words as `doorstep status` has.
const STATES = {
  closed: ["working", "good"],
  open: ["open", "bad"],
  half_open: ["trying", "warn"],
  held: ["held", "bad"],
  crashed: ["crashed", "bad"],
  paused: ["paused", "calm"],
  removed: ["removed", "calm"],
  delivered: ["delivered", "good"],
  partial: ["partly delivered", "warn"],
  failed: ["failed", "bad"],
  retry: ["to be tried again", "warn"],
  rejected: ["rejected", "bad"],
  split: ["split up", "warn"],
  filtered: ["filtered", "calm"],
  parked: ["parked", "warn"],
  dead: ["dead letter", "bad"],
  pending: ["pending", "calm"],
  expired: ["expired", "bad"],
  damaged: ["damaged", "bad"],
  not_offered: ["not offered", "calm"],
  unknown: ["not known any more", "calm"],
  "would be sent": ["would be sent", "good"],
  "tried again": ["would be tried again", "warn"],
};
const SIGNS = { good: "\u2713", bad: "\u2715", warn: "!", calm: "\u2013" };

export const word = (state) => (STATES[state] ?? [state])[0];
export const isTrouble = (state) => ["bad", "warn"].includes((STATES[state] ?? ["", ""])[1]);

// Also one whose breaker has not noticed yet: most of what was tried in the last minute failed.
export const needsSomebody = (one) => isTrouble(one.state) || isFailing(one);
export const isFailing = (one) => one.success !== null && one.success < 0.5;

export function badge(state) {
  const [text, mood] = STATES[state] ?? [state, "calm"];
  return h("span", { class: `badge ${mood}` }, h("span", { "aria-hidden": "true" }, SIGNS[mood]), ` ${text}`);
}

// What a reason code means, and what can be done; an unknown one speaks for itself.
const REASONS = {
  trigger: "its trigger does not match the event",
  no_action: "none of its actions wants the event",
  integrations: "the event's integrations object says no",
  consent: "the user has not granted a consent category that it needs",
  source: "it takes no events from this source",
  undecodable: "part of the event cannot be read",
  disabled: "it is switched off (enabled = false)",
  enabled: "it is switched off (enabled = false)",
  sampling: "it gets a sample of the events, and this is not in it",
  not_supported: "the destination has no use for this type of event",
  timeout: "the receiver did not answer in time",
  connect_refused: "nobody listens there",
  connect_timeout: "no connection came about in time",
  unreachable: "there is no way there",
  unknown_host: "no such host is known",
  resolver: "the name server does not answer",
  reset: "the connection broke off",
  tls: "its certificate is not trusted, or TLS failed otherwise",
  proxy: "the proxy cannot be reached, or reaches nobody",
  protocol: "what was answered is no HTTP",
  address_refused: "the guard on addresses does not let it go there",
};

export function why(reason) {
  if (!reason) return "";
  if (REASONS[reason]) return `${REASONS[reason]} (${reason})`;
  const status = /^http_(\d+)$/.exec(reason);
  return status ? `the receiver answered ${status[1]}` : reason.replaceAll("_", " ");
}

export function text(base64) {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (one) => one.charCodeAt(0)));
}

export function event(base64) {
  try {
    return JSON.parse(text(base64));
  } catch {
    return text(base64);
  }
}

export const summary = (event) => [event?.type, event?.event ?? event?.name].filter(Boolean).join(": ") || "event";
