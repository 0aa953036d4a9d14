// Text goes into the page as text, never as markup: a lead may be called anything.
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const digits = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
export const number = (value) => digits.format(value);
export const percent = (ratio) => `${(100 * ratio).toFixed(1)} %`;
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const signed = (value) => (value ? `${value > 0 ? "+" : "−"}${tenths.format(Math.abs(value))}` : "0");
const moment = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
// A time is not broken over lines.
export const when = (text) => (text ? moment.format(new Date(text)).replaceAll(" ", "\u00a0") : "–");
export const tier = (name) => h("span", { class: `tier ${name}` }, name);

const NUMBER = /^[+−-]?[\d.,]+( ?%| [A-Z]{3}| days?| h)?$|^-$|^–$/;
export function table(caption, heads, rows) {
  const right = heads.map((_, n) => n > 0 && rows.some((row) => /\d/.test(row[n])) && rows.every((row) => typeof row[n] === "string" && NUMBER.test(row[n].trim())));
  return h("table", {}, h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, ...heads.map((head, n) => h(head ? "th" : "td", { ...(head ? { scope: "col" } : {}), class: right[n] ? "number" : "" }, head)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell, n) => h("td", { class: right[n] ? "number" : "" }, cell))))));
}

// A table that may be wider than the screen: the keyboard can move it too.
export function wide(caption, heads, rows) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table(caption, heads, rows));
}
