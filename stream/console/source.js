const TOKEN = "leadstream-token";
const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 15_000, SILENCE_MS = 15_000;
const token = () => sessionStorage.getItem(TOKEN) ?? "";
export const keep = (value) => sessionStorage.setItem(TOKEN, value.trim());
export const forget = () => sessionStorage.removeItem(TOKEN);

async function ask(path, options = {}) {
  const given = token();
  let answer;
  try {
    answer = await fetch(`api/${path}`, { cache: "no-store", ...options, headers: { ...(given ? { Authorization: `Bearer ${given}` } : {}), ...options.headers } });
  } catch (error) {
    throw Object.assign(new Error("The worker does not answer. Is it running?"), { cause: error });
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(body.error ?? `The worker answered ${answer.status}.`), { status: answer.status, had: Boolean(given) });
  }
  return answer;
}

export async function api(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return (await ask(path, options)).json();
}

async function read(answer, told) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    let timer;
    const silence = new Promise((_, refuse) => { timer = setTimeout(() => refuse(new Error("silence")), SILENCE_MS); });
    const { value, done } = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
    if (done) return;
    kept += value;
    const parts = kept.split("\n\n");
    kept = parts.pop();
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part)?.[1];
      const data = /^data: (.*)$/m.exec(part)?.[1];
      if (name && data) told[name]?.(JSON.parse(data));
    }
  }
}

// EventSource cannot send a token in a header.
export async function follow(told) {
  let wait = FIRST_WAIT_MS;
  for (let again = false; ; again = true) {
    const abort = new AbortController();
    let failed = new Error("ended");
    try {
      const answer = await ask("changes", { signal: abort.signal });
      wait = FIRST_WAIT_MS;
      if (again) told.again();
      await read(answer, told);
    } catch (error) { failed = error; }
    abort.abort();
    if (!told.lost(failed)) return;
    await new Promise((go) => setTimeout(go, wait * (0.5 + Math.random() / 2)));
    wait = Math.min(LONGEST_WAIT_MS, 2 * wait);
  }
}
