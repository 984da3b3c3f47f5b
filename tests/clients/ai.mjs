// SPDX-License-Identifier: MIT
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embedMany, generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { check, counting, endpoint, failure, guarded, key, late, long, occupy, png, same, truth, weather } from './check.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;
const provider = (more) =>
  createOpenAICompatible({ name: 'slullamafs', baseURL: `${endpoint}/v1`, supportsStructuredOutputs: true, includeUsage: true, ...more });
const parrot = provider();
const base = { model: parrot('parrot'), maxRetries: 0 };

await check('a cold model', async () => {
  same((await generateText({ ...base, model: parrot('cold-ai'), prompt: 'good morning' })).text, 'good morning');
});
await check('a chat', async () => {
  const r = await generateText({ ...base, prompt: 'Why?' });
  same([r.text, r.finishReason, r.usage.outputTokens], ['Why?', 'stop', 2]);
});
await check('a stream', async () => {
  const r = streamText({ ...base, prompt: 'one two three' });
  let text = '';
  for await (const piece of r.textStream) text += piece;
  same([text, (await r.usage).outputTokens], ['one two three', 3]);
});
await check('a stream that is left in its middle', async () => {
  const abort = new AbortController();
  const r = streamText({ ...base, model: parrot('slow'), prompt: long, abortSignal: abort.signal, onError() {} });
  let n = 0;
  for await (const part of r.fullStream) {
    if (part.type === 'text-delta' && ++n === 2) abort.abort();
    if (part.type === 'abort') break;
  }
  truth(n >= 2 && n < 400, `${n} pieces`);
});
await check('a tool, and the answer behind it', async () => {
  const tools = { weather: tool({ inputSchema: jsonSchema(weather), execute: async ({ city }) => `rain in ${city}` }) };
  const r = await generateText({ ...base, prompt: 'the weather', tools, stopWhen: stepCountIs(3) });
  same(r.steps[0].toolCalls[0].input, { city: 'the weather', days: 0 });
  same(r.text, 'rain in the weather');
});
await check('an object', async () => {
  const r = await generateObject({ ...base, prompt: 'Oslo', schema: jsonSchema(weather) });
  same(r.object, { city: 'Oslo', days: 0 });
});
await check('embeddings', async () => {
  const r = await embedMany({ model: parrot.textEmbeddingModel('parrot'), values: ['one', 'two'], maxRetries: 0 });
  same([r.embeddings.length, r.embeddings[0].length], [2, 8]);
});
await check('an image', async () => {
  const r = await generateText({
    ...base,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'What?' }, { type: 'image', image: png, mediaType: 'image/png' }] }],
  });
  same([r.text, r.usage.inputTokens], ['What?', 3]);
});
await check('an unknown model is 404', async () => {
  const e = await failure(generateText({ ...base, model: parrot('nobody'), prompt: 'x' }));
  truth(APICallError.isInstance(e), e.name);
  same([e.statusCode, e.isRetryable], [404, false]);
  truth(/there is no model/.test(e.message), e.message);
});
await check('401 is not tried again', async () => {
  const f = counting();
  const wrong = provider({ baseURL: `${guarded}/v1`, apiKey: 'sk-wrong', fetch: f });
  const e = await failure(generateText({ model: wrong('parrot'), prompt: 'x', maxRetries: 2 }));
  same([e.statusCode, e.isRetryable, f.statuses], [401, false, [401]]);
});
await check('429 is tried again when there may be room', async () => {
  const f = counting(await occupy());
  const again = provider({ baseURL: `${guarded}/v1`, apiKey: key, fetch: f });
  const r = await generateText({ model: again('parrot'), prompt: 'now', maxRetries: 1 });
  same([f.statuses, r.text], [[429, 200], 'now']);
});
await check('503 is tried again', async () => {
  const f = counting();
  await failure(generateText({ model: provider({ baseURL: `${late}/v1`, fetch: f })('dead'), prompt: 'x', maxRetries: 1 }));
  same(f.calls, 2);
});
await check('an error in mid-stream', async () => {
  let told;
  const r = streamText({ ...base, model: parrot('broken'), prompt: 'one two three four', onError: ({ error }) => (told = error) });
  for await (const _ of r.fullStream);
  truth(told, 'nobody was told');
});
