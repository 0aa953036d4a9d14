(function (w, d, n) {
  var s = d.currentScript, o = s.dataset, to = new URL(s.src).origin + "/v1/", mem = {}, last, api,
    off = n.doNotTrack == 1 || n.globalPrivacyControl, yes = !("consentRequired" in o);
  function id() {
    return w.crypto && crypto.randomUUID ? crypto.randomUUID() : Date.now() + "-" + Math.random();
  }
  function keep(k, v) {
    try {
      if (v === null) localStorage.removeItem(k);
      else if (v) localStorage.setItem(k, v);
      return localStorage.getItem(k);
    } catch (e) {
      if (v !== undefined) mem[k] = v;
      return mem[k];
    }
  }
  function send(call, m, lead) {
    if (off || !yes) return;
    m.messageId = id();
    m.anonymousId = keep("leadstream_visitor") || keep("leadstream_visitor", id());
    m.userId = keep("leadstream_lead", lead) || "";
    m.timestamp = m.sentAt = new Date();
    m.writeKey = o.writeKey;
    m.context = {
      page: { url: location.href, title: d.title, referrer: d.referrer },
      locale: n.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone
    };
    m = JSON.stringify(m);
    if (!n.sendBeacon(to + call, m)) fetch(to + call, { method: "POST", body: m, keepalive: true });
  }
  api = w.leadstream = {
    page: function () {
      if (last != location.href) send("p", {});
      last = location.href;
    },
    track: function (e, p) { send("t", { event: e, properties: p }); },
    identify: function (u, t) { send("i", { traits: t }, u); },
    consent: function (y) {
      yes = y;
      last = 0;
      if (y) return api.page();
      keep("leadstream_visitor", null);
      keep("leadstream_lead", null);
    }
  };
  d.addEventListener("submit", function (e) {
    var f = e.target, m = f.querySelector("input[type=email]");
    api.track("Form Submitted", {
      form_id: f.getAttribute("id") || f.getAttribute("name"),
      form_kind: f.dataset.formKind, email: m && m.value
    });
  }, true);
  ["pushState", "replaceState"].forEach(function (h) {
    var was = history[h];
    history[h] = function () { was.apply(history, arguments); api.page(); };
  });
  w.addEventListener("popstate", api.page);
  api.page();
})(window, document, navigator);
