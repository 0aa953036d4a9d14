import { h, number } from "./parts.js";

const SVG = "http://www.w3.org/2000/svg";
function s(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== undefined) node.textContent = text;
  return node;
}

const LINE_FROM = 14;
const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
// All values of a chart with as many decimals.
const saying = (values) => {
  const most = Math.max(...values.map(Math.abs)), digits = values.every(Number.isInteger) ? 0 : most < 10 ? 2 : 1;
  return (value) => (digits || most < 1000 ? value.toFixed(digits) : number(value));
};

// Bars lie, so that their names can be read; many points are a line.
export function bars({ title, labels, values, unit, low, high }) {
  const drawn = labels.length >= LINE_FROM && low ? line(labels, values, unit) : lying(labels, values, unit, low, high);
  return h("figure", {}, title ? h("figcaption", {}, title) : "", drawn);
}

function lying(labels, values, unit, low, high) {
  const row = 25, from = 176, to = 350, end = 400;
  const least = Math.min(0, ...values, ...(low ?? [])), most = Math.max(0, ...values, ...(high ?? []));
  const x = (value) => from + ((value - least) / (most - least || 1)) * (to - from);
  const signs = least < 0, said = saying(values);
  const svg = s("svg", { viewBox: `0 0 ${end} ${row * labels.length + 20}`, role: "img", "aria-label": `${unit}: ${labels.map((l, n) => `${l} ${said(values[n])}`).join(", ")}` });
  labels.forEach((label, n) => {
    const y = n * row, a = x(Math.min(0, values[n])), b = x(Math.max(0, values[n]));
    const name = s("text", { x: 0, y: y + 16 }, short(label, 27));
    name.append(s("title", {}, label));
    svg.append(name, s("rect", { x: a, y: y + 5, width: Math.max(1, b - a), height: 14, rx: 2, class: values[n] < 0 ? "less" : "fill" }));
    if (low && high) svg.append(s("line", { x1: x(low[n]), x2: x(high[n]), y1: y + 12, y2: y + 12, class: "band" }));
    svg.append(s("text", { x: end, y: y + 16, "text-anchor": "end" }, signs ? `${values[n] < 0 ? "−" : "+"}${said(Math.abs(values[n]))}` : said(values[n])));
  });
  svg.append(s("text", { x: 0, y: row * labels.length + 14, class: "faint" }, short(unit, 64)));
  return svg;
}

function line(labels, values, unit) {
  const said = saying(values);
  const svg = s("svg", { viewBox: "0 0 400 170", role: "img", "aria-label": `${unit}, ${labels[0]} to ${labels.at(-1)}: from ${said(values[0])} to ${said(values.at(-1))}` });
  const most = Math.max(...values, 1e-9);
  const points = values.map((v, n) => `${(n / (values.length - 1)) * 400},${130 - (v / most) * 105}`).join(" ");
  svg.append(s("line", { x1: 0, x2: 400, y1: 130, y2: 130, class: "axis" }), s("polyline", { points, class: "line" }),
    s("text", { x: 0, y: 14, class: "faint" }, `${said(most)} ${unit}`), s("text", { x: 0, y: 150, class: "faint" }, labels[0]),
    s("text", { x: 400, y: 150, "text-anchor": "end", class: "faint" }, labels.at(-1)));
  return svg;
}

export function curve(values, name) {
  const svg = s("svg", { viewBox: "0 0 240 50", role: "img", "aria-label": `${name}: ${values.map((v) => v.toFixed(0)).join(", ")}` });
  const points = values.map((v, n) => `${(n / (values.length - 1)) * 240},${46 - v * 0.42}`).join(" ");
  svg.append(s("line", { x1: 0, x2: 240, y1: 46, y2: 46, class: "axis" }), s("polyline", { points, class: "line" }));
  return svg;
}
