// The admin API. The token, if one is needed, is in this tab only, and goes out in a header that nothing sends by itself.

const PREFIX = "/admin/v1";
const KEY = "doorstep-token";

export class Refused extends Error {
  constructor(status, fault) {
    super(fault.column ? `${fault.message} (column ${fault.column})` : fault.message);
    this.status = status;
    this.code = fault.code;
  }
}

export const keepToken = (token) => sessionStorage.setItem(KEY, token);
export const forgetToken = () => sessionStorage.removeItem(KEY);

function headers(more = {}) {
  const token = sessionStorage.getItem(KEY);
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

export function path(...parts) {
  return parts.map((part) => encodeURIComponent(part)).join("/");
}

async function ask(method, where, { body, signal, accept } = {}) {
  let response;
  try {
    response = await fetch(`${PREFIX}/${where}`, {
      method,
      signal,
      cache: "no-store",
      credentials: "omit",
      headers: headers({ ...(body ? { "Content-Type": "application/json" } : {}), ...(accept ? { Accept: accept } : {}) }),
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { code: "lost", message: "The engine does not answer." });
  }
  if (!response.ok) {
    const said = await response.json().catch(() => null);
    throw new Refused(response.status, said?.error ?? { code: "http", message: `HTTP ${response.status}` });
  }
  return response;
}

export async function get(where, parameters = {}, signal = undefined) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(given).toString();
  return (await ask("GET", query ? `${where}?${query}` : where, { signal })).json();
}

export async function send(method, where, body = undefined) {
  const response = await ask(method, where, { body });
  return response.status === 204 ? null : response.json();
}

// Of the address that probes ask: it answers 503 when it is not ready, and that is an answer.
export async function readiness(signal) {
  try {
    return await (await fetch("/readyz", { signal, cache: "no-store", credentials: "omit" })).json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { code: "lost", message: "The engine does not answer." });
  }
}

// Server-sent events, read by hand: EventSource cannot send a token.
export async function* follow(where, signal) {
  const response = await ask("GET", where, { signal, accept: "text/event-stream" });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
  }
}
