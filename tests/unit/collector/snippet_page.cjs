// Runs the snippet in a page of the test's own, and prints what it sent.
const vm = require("vm");
const fs = require("fs");

const [file, scenario] = process.argv.slice(2);
const sent = [];
const listeners = {};
const stored = {};
const storage = {
  getItem: (k) => (k in stored ? stored[k] : null),
  setItem: (k, v) => { stored[k] = String(v); },
  removeItem: (k) => { delete stored[k]; },
};
const location = { href: "https://www.example.com/pricing?utm_source=google" };
const dataset = { writeKey: "a-write-key" };
if (scenario === "consent") dataset.consentRequired = "";
const form = {
  dataset: { formKind: "demo_request" },
  getAttribute: (name) => ({ id: "demo" })[name] ?? null,
  querySelector: () => ({ value: "jane@example.com" }),
};
const document = {
  currentScript: { src: "https://collect.example.com/leadstream.js", dataset },
  title: "Pricing", referrer: "https://search.example/", location,
  addEventListener: (name, call) => { listeners[name] = call; },
};
const navigator = {
  language: "de-DE",
  doNotTrack: scenario === "dnt" ? "1" : null,
  globalPrivacyControl: scenario === "gpc",
  sendBeacon: (url, body) => { sent.push({ url, ...JSON.parse(body) }); return scenario !== "full"; },
};
const history = { pushState: (a, b, url) => { location.href = url; }, replaceState: () => {} };
const page = { document, navigator, location, history, URL, Intl, Date, Math, JSON, fetch: () => {} };
if (scenario === "nostorage") {
  Object.defineProperty(page, "localStorage", { get: () => { throw new Error("blocked"); } });
} else page.localStorage = storage;
page.crypto = scenario === "insecure" ? {} : { randomUUID: () => require("crypto").randomUUID() };
page.window = page;
page.addEventListener = (name, call) => { listeners[name] = call; };
vm.runInNewContext(fs.readFileSync(file, "utf8"), page);

if (scenario === "consent") {
  if (sent.length || Object.keys(stored).length) throw new Error("sent before consent");
  page.leadstream.consent(true);
}
listeners.submit({ target: form });
page.leadstream.identify("lead-1", { plan: "pro" });
page.leadstream.track("Trial Started", { plan: "pro" });
page.history.pushState(null, "", "https://www.example.com/docs");
page.history.replaceState();
if (scenario === "consent") {
  page.leadstream.consent(false);
  page.leadstream.track("Unseen");
}
console.log(JSON.stringify({ sent, stored }));
