// SPDX-License-Identifier: MIT
// What the programs of this folder share: checks that print TAP lines without numbers, which clients.t counts.

export const endpoint = process.argv[2];
export const late = process.argv[3]; // of a gateway whose model is never ready in time
export const guarded = process.argv[4]; // of one that asks for keys
export const key = process.argv[5]; // one of these, for a single question at a time
export const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
export const weather = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days'],
};
export const long = 'word '.repeat(400);

export async function check(name, run) {
  try {
    await run();
    console.log(`ok - ${name}`);
  } catch (e) {
    const text = String(e?.stack ?? e).split('\n').slice(0, 12).join('\n# ');
    console.log(`not ok - ${name}\n# ${text}`);
    process.exitCode = 1;
  }
}

export function same(got, want) {
  const a = JSON.stringify(got), b = JSON.stringify(want);
  if (a !== b) throw new Error(`got ${a}, want ${b}`);
}

export function truth(value, text) {
  if (!value) throw new Error(text);
}

// The error that a promise ends with.
export async function failure(promise) {
  let value;
  try {
    value = await promise;
  } catch (e) {
    return e;
  }
  throw new Error(`it did not fail: ${JSON.stringify(value).slice(0, 300)}`);
}

// A fetch that counts, for what a package repeats by itself; refused() is called when there is a 429.
export function counting(refused) {
  const f = async (...args) => {
    f.calls++;
    const r = await fetch(...args);
    f.statuses.push(r.status);
    if (r.status === 429) refused?.();
    return r;
  };
  f.calls = 0;
  f.statuses = [];
  return f;
}

// The one question that the key may have under way is, until what this returns is called.
export async function occupy() {
  const abort = new AbortController();
  const r = await fetch(`${guarded}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'slow', messages: [{ role: 'user', content: long }], stream: true }),
    signal: abort.signal,
  });
  same(r.status, 200);
  await r.body.getReader().read();
  return () => abort.abort();
}
