// Sends every call with Segment's and RudderStack's own libraries, as a server of theirs would.
const { Analytics } = require("@segment/analytics-node");
const RudderAnalytics = require("@rudderstack/rudder-sdk-node");

const { URL: host, KEY: writeKey, LEAD: lead } = process.env;
const errors = [];

async function segment() {
  const client = new Analytics({ host, writeKey, flushAt: 5, flushInterval: 50, maxRetries: 0 });
  client.on("error", (error) => errors.push(`segment: ${error.reason ?? error.code}`));
  const visitor = `${lead}-visitor`;
  const campaign = { source: "google", medium: "cpc", name: "spring" };
  client.page({
    anonymousId: visitor,
    messageId: `${lead}-page`,
    properties: { url: "https://example.com/pricing", title: "Pricing" },
    context: { campaign, locale: "de-DE", userAgent: "Mozilla/5.0", ip: "203.0.113.9" },
  });
  client.identify({
    userId: lead, anonymousId: visitor,
    traits: { email: `${lead}@example.com`, title: "CTO", company: { name: "Acme", employees: 80 } },
  });
  client.group({ userId: lead, groupId: "c-1", traits: { name: "Acme", industry: "software" } });
  client.track({ userId: lead, event: "Email Opened", properties: { campaign_id: "c", email_id: "m" } });
  client.track({ userId: lead, event: "Form Submitted", properties: { form_id: "demo" } });
  client.track({ userId: lead, event: "Order Completed", properties: { revenue: 19.99, currency: "EUR" } });
  client.track({
    userId: lead, messageId: `${lead}-webinar`, event: "Webinar Attended", properties: { minutes: 40 },
    context: { consent: { categoryPreferences: { Advertising: false, Analytics: true, Functional: true } } },
  });
  client.screen({ userId: lead, name: "Home" });
  client.alias({ previousId: `${lead}-old`, userId: lead });
  await client.closeAndFlush({ timeout: 10000 });
}

async function rudder() {
  const client = new RudderAnalytics(writeKey, {
    dataPlaneUrl: host, flushAt: 20, retryCount: 0, gzip: true, logLevel: "error",
    errorHandler: (error) => errors.push(`rudder: ${error.response?.status ?? error}`),
  });
  const one = (call, message) => new Promise((sent) => {
    client[call]({ userId: lead, ...message }, (error) => {
      if (error) errors.push(`rudder ${call}: ${error}`);
      sent();
    });
    client.flush();
  });
  await one("page", { name: "Docs", properties: { url: "https://example.com/docs" } });
  await one("track", { event: "Trial Started", properties: { plan: "pro" } });
  await one("identify", { traits: { plan: "pro" } });
  await one("track", { event: "" + "x".repeat(300) });
}

segment()
  .then(rudder)
  .then(() => {
    console.log(JSON.stringify(errors));
    process.exit(0);
  });
