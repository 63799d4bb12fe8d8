// Lines over time, as SVG: small ones for rows, larger ones with a scale for pages. The words say what the line shows.

import { h, svg } from "/dom.js";

const WIDE = 120;

// Spans without a value are left out of the line; it begins anew after them.
function lines(values, height, top) {
  const step = WIDE / Math.max(1, values.length - 1);
  const runs = [[]];
  values.forEach((value, at) => {
    if (value === null) runs.push([]);
    else runs.at(-1).push(`${(at * step).toFixed(1)},${(height - 1 - (value / top) * (height - 2)).toFixed(1)}`);
  });
  return runs.filter((run) => run.length).map((run) => (run.length === 1 ? [run[0], run[0].replace(/^[\d.]+/, (x) => String(Number(x) + 0.5))] : run));
}

const left = (point) => point.split(",")[0];

export function spark(values, label, kind = "", top = undefined) {
  const height = 22;
  const most = top ?? Math.max(1e-9, ...values.map((value) => value ?? 0));
  return svg("svg", { class: `spark ${kind}`, viewBox: `0 0 ${WIDE} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    lines(values, height, most).map((run) => svg("polyline", { points: run.join(" ") })));
}

export function chart(title, unit, series, minutes) {
  const height = 60;
  const most = Math.max(1e-9, ...series.flatMap((one) => one.values.map((value) => value ?? 0)));
  const now = series.map((one) => `${one.name} ${one.format(one.values.at(-1) ?? null)}`).join(", ");
  const label = `${title} over the last ${minutes} minutes. Now: ${now}. Highest: ${series[0].format(most)}.`;
  return h("figure", { class: "chart" },
    h("figcaption", {}, h("b", {}, title), h("span", { class: "quiet unit" }, ` ${unit}`),
      series.map((one) => h("span", { class: `key ${one.kind}` }, `${one.name} ${one.format(one.values.at(-1) ?? null)}`))),
    svg("svg", { viewBox: `0 0 ${WIDE} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
      svg("path", { class: "axis", d: `M0,${height - 1}H${WIDE}M0,1H${WIDE}` }),
      series.map((one) => lines(one.values, height, most).map((run) => [
        svg("polygon", { class: one.kind, points: `${left(run[0])},${height - 1} ${run.join(" ")} ${left(run.at(-1))},${height - 1}` }),
        svg("polyline", { class: one.kind, points: run.join(" ") })]))),
    h("p", { class: "scale quiet" }, h("span", {}, `${minutes} min ago`), h("span", {}, `highest ${series[0].format(most)}`), h("span", {}, "now")));
}

export const perSecond = (trend) => trend.delivered.map((value) => value / trend.every_s);
export const minutesOf = (trend) => Math.max(1, Math.round((trend.delivered.length * trend.every_s) / 60));
