import { bars, curve } from "./charts.js";
import { api, follow, forget, keep } from "./source.js";
import { h, number, percent, signed, table, tier, when, wide } from "./parts.js";

const main = document.getElementById("main");
const said = document.getElementById("said");
const ROW_PX = 44;
const SPARE_ROWS = 8;
const leads = new Map();
let view = { update() {} };
let turn = 0;

const header = (title, text) => [h("h1", {}, title), h("p", { class: "quiet" }, text)];
const empty = (text) => h("p", { class: "card quiet" }, text);

// Leads -------------------------------------------------------------------
let filter = { text: "", tier: "" };

async function showLeads() {
  const fetched = await api("leads");
  leads.clear();
  for (const row of fetched.leads) leads.set(row.lead_id, row);
  const text = h("input", { type: "search", "aria-label": "Filter leads", placeholder: "Filter by lead or reason  ( / )", value: filter.text });
  const chosen = h("select", { "aria-label": "Tier" }, ...[["", "All tiers"], ["hot", "Hot"], ["warm", "Warm"], ["cold", "Cold"]]
    .map(([value, name]) => h("option", { value, ...(value === filter.tier ? { selected: "" } : {}) }, name)));
  const count = h("span", { class: "quiet", role: "status" });
  const body = h("tbody");
  const heads = [["Score", "number c-score"], ["Tier", "c-tier"], ["Change", "number c-change"], ["Lead", "c-lead"], ["Top reason", "c-reason"], ["Last change", "c-when"]];
  const grid = h("table", { class: "virtual", "aria-label": "Leads, hottest first" },
    h("thead", {}, h("tr", {}, ...heads.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))), body);
  const box = h("div", { class: "scroll tall", tabindex: "-1" }, grid);
  let rows = [];
  let fresh = new Set();
  let focused = null;
  let waiting = false;

  const sort = () => {
    const wanted = filter.text.trim().toLowerCase();
    rows = [...leads.values()].filter((row) => (!filter.tier || row.tier === filter.tier)
      && (!wanted || row.lead_id.toLowerCase().includes(wanted) || row.reason.toLowerCase().includes(wanted)));
    rows.sort((a, b) => b.score - a.score || (a.lead_id < b.lead_id ? -1 : 1));
    count.textContent = `${number(rows.length)} of ${number(leads.size)} leads`;
    grid.setAttribute("aria-rowcount", String(rows.length + 1));
  };
  const gap = (px) => {
    const cell = h("td");
    cell.style.height = `${px}px`;
    return h("tr", { class: "gap", "aria-hidden": "true" }, cell);
  };
  const line = (row, at) => {
    const change = row.previous_score === null ? null : row.score - row.previous_score;
    return h("tr", { "aria-rowindex": String(at + 2), class: fresh.has(row.lead_id) ? "new" : "" },
      h("td", { class: "number score c-score" }, row.score.toFixed(0)),
      h("td", { class: "c-tier" }, tier(row.tier)),
      h("td", { class: `number c-change ${change > 0 ? "up" : change < 0 ? "down" : "quiet"}` }, change === null ? "new" : signed(change)),
      h("td", { class: "c-lead", title: row.lead_id }, h("a", { href: `#/lead/${encodeURIComponent(row.lead_id)}`, "data-lead": row.lead_id }, row.lead_id)),
      h("td", { class: "c-reason quiet", title: row.reason }, row.reason || "–"),
      h("td", { class: "c-when quiet" }, when(row.occurred_at)));
  };
  let drawn = 0;
  const top = () => Math.max(0, Math.floor(box.scrollTop / ROW_PX) - SPARE_ROWS);
  const draw = () => {
    const first = drawn = top();
    const last = Math.min(rows.length, first + Math.ceil(box.clientHeight / ROW_PX) + 2 * SPARE_ROWS);
    const held = document.activeElement?.dataset?.lead;
    body.replaceChildren(gap(first * ROW_PX), ...rows.slice(first, last).map((row, n) => line(row, first + n)), gap((rows.length - last) * ROW_PX));
    if (held !== undefined) body.querySelector(`[data-lead="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    fresh = new Set();
  };
  const later = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; sort(); draw(); }, 120);
  };
  const go = (at) => {
    const to = Math.max(0, Math.min(rows.length - 1, at));
    if (!rows.length) return;
    const wanted = rows[to].lead_id;
    const px = to * ROW_PX;
    if (px < box.scrollTop) box.scrollTop = px;
    else if (px + 2 * ROW_PX > box.scrollTop + box.clientHeight) box.scrollTop = px + 3 * ROW_PX - box.clientHeight;
    draw();
    body.querySelector(`[data-lead="${CSS.escape(wanted)}"]`)?.focus({ preventScroll: true });
  };
  // The spare rows are there already.
  box.addEventListener("scroll", () => { if (Math.abs(top() - drawn) > SPARE_ROWS / 2) draw(); }, { passive: true });
  box.addEventListener("focusin", (event) => { focused = event.target.dataset?.lead ?? focused; });
  const page = () => Math.max(1, Math.floor(box.clientHeight / ROW_PX) - 2);
  const keys = { ArrowDown: (at) => at + 1, ArrowUp: (at) => at - 1, PageDown: (at) => at + page(), PageUp: (at) => at - page(), Home: () => 0, End: () => rows.length - 1 };
  box.addEventListener("keydown", (event) => {
    const move = keys[event.key];
    if (!move) return;
    event.preventDefault();
    go(move(rows.findIndex((row) => row.lead_id === focused)));
  });
  text.addEventListener("keydown", (event) => { if (event.key === "ArrowDown") { event.preventDefault(); go(0); } });
  text.addEventListener("input", () => { filter.text = text.value; box.scrollTop = 0; sort(); draw(); });
  chosen.addEventListener("change", () => { filter.tier = chosen.value; box.scrollTop = 0; sort(); draw(); });
  main.replaceChildren(...header("Leads", "Hottest first, live. Arrow keys move, Enter opens."),
    h("div", { class: "bar" }, text, chosen, count), box);
  sort();
  draw();
  return {
    update(change) {
      if (change.kind === "lead") { leads.set(change.lead_id, change); fresh.add(change.lead_id); later(); }
      if (change.kind === "lead_gone") { leads.delete(change.lead_id); later(); }
    },
    search() { text.focus(); },
    refresh: showLeads,
  };
}

// Lead --------------------------------------------------------------------
async function showLead(id) {
  let told = null;
  const fill = async () => {
    const [lead, recent] = await Promise.all([api(`../../leads/${encodeURIComponent(id)}`), api(`leads/${encodeURIComponent(id)}`)]);
    const named = lead.reasons.filter((r) => r.feature !== "baseline");
    const last = recent.changes.at(-1);
    const facts = h("dl", {}, ...[
      ["Converts", `${percent(lead.p_convert)} (${percent(lead.p_low)} to ${percent(lead.p_high)})`],
      ["Stage", lead.stage ?? "none"], ["Outcome", lead.outcome ?? "open"],
      ["Segment", lead.segment ? lead.segment.name ?? lead.segment.id : "none"],
      ["Own segments", lead.rule_segments.join(", ") || "none"],
      ["Came by", lead.source ?? "not known"], ["Events", number(lead.events)],
      ["First seen", when(lead.first_seen_at)], ["Last event", when(lead.last_event_at)],
      ["Model", `${lead.model_version ?? "rules"}, learned share ${percent(lead.model_weight)}`],
      ["Allowed", Object.entries(lead.allowed).filter(([, may]) => may).map(([name]) => name).join(", ") || "nothing"],
    ].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    const ledger = Object.entries(lead.points_by_rule).sort((a, b) => b[1] - a[1]);
    const decisions = [...recent.triggers.map((t) => [when(t.occurred_at), t.rule, t.action, percent(t.action_probability)]).reverse()];
    const open = lead.open_decisions.map((d) => [when(d.decided_at), d.rule, d.action, `until ${when(d.expires_at)}`]);
    main.replaceChildren(
      h("p", {}, h("a", { href: "#/leads" }, "← Leads")), h("h1", {}, lead.lead_id),
      h("div", { class: "card facts" }, h("div", { class: "big" }, lead.score.toFixed(0)), tier(lead.tier),
        last && last.previous_score !== null ? h("span", { class: last.score >= last.previous_score ? "up" : "down" }, `${signed(last.score - last.previous_score)} with the last change`) : null,
        h("div", { class: "spark" }, recent.changes.length > 1 ? curve(recent.changes.map((c) => c.score), "Score over its latest changes") : null)),
      h("div", { class: "wall" },
        h("section", { class: "card" }, h("h2", {}, "Why this score"), bars({ title: "", labels: named.map((r) => r.text || r.feature), values: named.map((r) => r.contribution), unit: "log-odds against the average lead" })),
        h("section", { class: "card" }, h("h2", {}, "Why it moved"), last && last.moved_by.length
          ? bars({ title: "", labels: last.moved_by.map((m) => m.text), values: last.moved_by.map((m) => m.change), unit: "log-odds with the last change" })
          : h("p", { class: "quiet" }, "No change has come in since the console follows.")),
        h("section", { class: "card" }, h("h2", {}, "Who it is"), facts),
        h("section", { class: "card" }, h("h2", {}, `Points: ${number(lead.points)}`), ledger.length ? table("Points by rule", ["Rule", "Points"], ledger.map(([rule, p]) => [rule, signed(p)])) : h("p", { class: "quiet" }, "No rule has given points.")),
        h("section", { class: "card" }, h("h2", {}, "Decisions"), decisions.length ? table("Recent triggers", ["When", "Rule", "Action", "Probability"], decisions) : null,
          open.length ? table("Open decisions", ["When", "Rule", "Open", "Until"], open) : null,
          decisions.length || open.length ? null : h("p", { class: "quiet" }, "No decision is open.")),
        h("section", { class: "card" }, h("h2", {}, "Timeline"), table("Events, newest first", ["When", "What", "Points"], [...lead.journey].reverse().map((e) => [when(e.occurred_at), e.what, signed(e.points)])))));
  };
  await fill();
  return {
    update(change) {
      if (change.lead_id !== id || told) return;
      told = setTimeout(() => { told = null; fill().catch(() => {}); }, 300);
    },
    refresh: () => fill(),
  };
}

// Triggers and dead letters ------------------------------------------------
async function showTriggers() {
  let rows = (await api("triggers")).triggers;
  const place = h("div");
  const draw = () => place.replaceChildren(rows.length ? wide("Recent triggers, newest first", ["When", "Lead", "Score", "Rule", "Action", "Probability", "Runners-up", "Policy"],
    rows.map((t) => [when(t.occurred_at), h("a", { href: `#/lead/${encodeURIComponent(t.lead_id)}` }, t.lead_id), h("span", {}, t.score.toFixed(0), " ", tier(t.tier)), t.rule,
      t.framing ? `${t.action}: ${t.framing}` : t.action, percent(t.action_probability),
      t.candidates.filter((c) => c.action !== t.action && c.action !== `${t.action}:${t.framing}`).slice(0, 3).map((c) => `${c.action} ${percent(c.probability)}`).join(", ") || "–",
      t.is_holdout ? "control group" : t.policy])) : empty("No trigger yet. One comes when a lead's tier changes, a demo is asked for, or a lead falls silent."));
  main.replaceChildren(...header("Triggers", "What to do next with a lead: the action that was chosen, and what else could have been."), place);
  draw();
  return { update(change) { if (change.kind === "trigger") { rows = [change, ...rows].slice(0, 200); draw(); } }, refresh: showTriggers };
}

async function showLetters() {
  let rows = (await api("dead-letters")).dead_letters;
  const place = h("div");
  const draw = () => place.replaceChildren(rows.length ? wide("Newest dead letters", ["When", "Reason", "Field", "Message", "Stage", "Where"],
    rows.map((l) => [when(l.received_at), l.reason, l.field ?? "–", l.message, l.stage, `${l.topic}/${l.partition}/${l.offset}`])) : empty("No dead letter: every event was understood."));
  main.replaceChildren(...header("Dead letters", "Events that were refused, and why. What they held is sealed: leadstream dead-letters show opens it."), place);
  draw();
  return { update(change) { if (change.kind === "dead_letter") { rows = [change, ...rows].slice(0, 200); draw(); } }, refresh: showLetters };
}

// Models -------------------------------------------------------------------
async function showModels() {
  const { models, may_decide: mayDecide } = await api("models");
  const decide = async (model, decision, chosen) => {
    if (!confirm(`${decision} ${model}${chosen ? ` to ${chosen}` : ""}?`)) return;
    try {
      const answer = await api(`models/${encodeURIComponent(model)}/${decision}`, { chosen });
      said.textContent = answer.done;
    } catch (error) { said.textContent = error.message; alert(error.message); }
    setTimeout(route, 1500);
  };
  const one = (series) => series.find((s) => Object.keys(s.labels).length === 0)?.value;
  const card = (m) => {
    const q = m.quality;
    const rivals = q.contestant_log_loss.map((s) => [s.labels.kind, s.value?.toFixed(3) ?? "–", s.labels.kind === m.champion ? "champion" : "",
      mayDecide && s.labels.kind !== m.champion ? h("button", { onclick: () => decide(m.model, "promote", s.labels.kind) }, "Promote") : ""]);
    const drift = q.drift_alerts.filter((s) => s.value > 0).map((s) => `${s.labels.what} ${number(s.value)}`).join(", ");
    const figure = (value, digits) => value === undefined || value === null ? "not measured here" : value.toFixed(digits);
    return h("section", { class: "card", "aria-label": m.model }, h("h2", {}, m.model), h("dl", {}, ...[
      ["Serves", m.pinned ? `${m.serving}, pinned` : m.serving ?? "none yet"], ["AUC", figure(one(q.auc), 3)], ["Log loss", figure(one(q.log_loss), 3)],
      ["Calibration error", figure(one(q.calibration_error), 3)], ["Drift alerts", drift || "none"],
      ["Champion", m.champion ? `${m.champion}, by ${m.decided_by === "rule" ? "the rule" : "a command"}` : m.serving?.replace(/-\d+$/, "") ?? "none yet"],
    ].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    rivals.length ? table("Champion and challengers", ["Contestant", "Log loss", "", ""], rivals) : null,
    h("div", { class: "bar" }, mayDecide ? h("button", { onclick: () => decide(m.model, "rollback", null) }, "Roll back") : null,
      mayDecide && m.pinned ? h("button", { onclick: () => decide(m.model, "release", null) }, "Release") : null),
    h("details", {}, h("summary", {}, "Newest versions"), table("Newest versions", ["Version", "Examples", "Positives"], m.versions.map((v) => [v.version, number(v.examples), number(v.positives)]))));
  };
  main.replaceChildren(...header("Models", mayDecide ? "Quality over the newest 1,000 labels, each predicted before it was known." : "Quality over the newest 1,000 labels. To promote or roll back here, set LEADSTREAM_WEB_TOKEN."),
    models.length ? h("div", { class: "grid" }, ...models.map(card)) : empty("No version yet: scores come from the rules until the first outcomes are known."));
  return { update() {}, refresh: showModels };
}

// Reports ------------------------------------------------------------------
async function showReport(name, title, text) {
  const report = await api(`reports/${name}`);
  const nothing = !report.tables.length && !report.plots.length;
  main.replaceChildren(...header(title, text), report.sentences.length ? h("div", { class: "card" }, ...report.sentences.map((s) => h("p", {}, s))) : "", nothing && !report.sentences.length ? empty("Nothing to tell yet.") : "",
    h("div", { class: "grid" }, ...report.plots.map((plot) => h("section", { class: "card" }, bars(plot)))),
    ...report.tables.map((t) => h("section", { class: "card" }, t.title ? h("h2", {}, t.title) : null, wide(t.title || title, t.heads, t.rows))));
  return { update() {}, refresh: () => showReport(name, title, text) };
}

const VIEWS = {
  leads: showLeads, triggers: showTriggers, models: showModels, "dead-letters": showLetters,
  journey: () => showReport("journey", "Journey", "How leads pass through the stages, and where they drop off."),
  attribution: () => showReport("attribution", "Attribution", "Which channels and campaigns deals are owed to."),
  forecast: () => showReport("forecast", "Forecast", "What the next days are to bring, with 90 % intervals."),
};

// Frame --------------------------------------------------------------------
function askForToken(message) {
  const field = h("input", { type: "password", "aria-label": "Token", autocomplete: "current-password", required: "" });
  const form = h("form", { class: "bar" }, field, h("button", { type: "submit" }, "Open"));
  form.addEventListener("submit", (event) => { event.preventDefault(); keep(field.value); route(); });
  main.replaceChildren(...header("Token", "This console shows people's data: it opens with LEADSTREAM_WEB_TOKEN."), form, message ? h("p", { class: "error", role: "alert" }, message) : "");
  field.focus();
}

async function route() {
  const mine = ++turn;
  const [name, ...rest] = (location.hash.replace(/^#\/?/, "") || "leads").split("/");
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === `#/${name}` || (name === "lead" && link.hash === "#/leads");
    if (here) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  document.title = `${name.replace("-", " ")} – leadstream`;
  view = { update() {} };
  const slow = setTimeout(() => { if (mine === turn) main.replaceChildren(h("p", { class: "quiet", role: "status" }, "Loading…")); }, 250);
  try {
    const next = name === "lead" ? await showLead(decodeURIComponent(rest.join("/"))) : await (VIEWS[name] ?? showLeads)();
    clearTimeout(slow);
    if (mine === turn) { view = next; started(); }
  } catch (error) {
    clearTimeout(slow);
    if (mine !== turn) return;
    if (error.status === 401) { forget(); askForToken(error.had ? "That token is not the right one." : ""); return; }
    main.replaceChildren(h("h1", {}, "That did not work"), h("p", { class: "error", role: "alert" }, error.message), h("button", { onclick: route }, "Try again"));
  }
}

let following = false;
function started() {
  if (following) return;
  following = true;
  follow({
    changes(changes) { for (const change of changes) view.update(change); },
    health(state) {
      document.getElementById("dot").className = `dot ${state.ready ? "good" : ""}`;
      document.getElementById("health").textContent = `${state.ready ? "live" : "starting"} · ${number(state.lag_records)} events waiting · ${number(state.score_changes)} score changes`;
    },
    lost(error) {
      document.getElementById("dot").className = "dot bad";
      document.getElementById("health").textContent = "no connection, trying again";
      if (error.status === 401) { following = false; route(); }
      return error.status !== 401;
    },
    again() { route(); },
  });
}

addEventListener("hashchange", () => { if (location.hash === "#main") return; route().then(() => main.focus({ preventScroll: true })); scrollTo(0, 0); });
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|SELECT/.test(event.target.tagName) && view.search) { event.preventDefault(); view.search(); }
});
route();
