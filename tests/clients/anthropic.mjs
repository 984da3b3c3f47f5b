// SPDX-License-Identifier: MIT
import Anthropic from '@anthropic-ai/sdk';
import { check, counting, endpoint, failure, guarded, key, late, long, occupy, png, same, truth, weather } from './check.mjs';

const client = new Anthropic({ baseURL: endpoint, apiKey: 'none', maxRetries: 0 });
const user = (content) => [{ role: 'user', content }];
const base = { model: 'parrot', max_tokens: 64 };
const tools = [{ name: 'weather', description: 'how it will be', input_schema: weather }];

await check('a cold model', async () => {
  const r = await client.messages.create({ ...base, model: 'cold-anthropic', messages: user('good morning') });
  same(r.content, [{ type: 'text', text: 'good morning' }]);
});
await check('the models', async () => {
  const { data } = await client.models.list();
  truth(data.some((m) => m.id === 'parrot'), JSON.stringify(data));
});
await check('a message', async () => {
  const r = await client.messages.create({ ...base, system: 'Be short.', messages: user('Why?') });
  same([r.type, r.role, r.content[0].text, r.stop_reason, r.usage.output_tokens], ['message', 'assistant', 'Why?', 'end_turn', 2]);
});
await check('a limit', async () => {
  same((await client.messages.create({ ...base, max_tokens: 1, messages: user('one two') })).stop_reason, 'max_tokens');
});
await check('a stream, event by event', async () => {
  const seen = new Set();
  let text = '';
  for await (const e of await client.messages.create({ ...base, messages: user('one two three'), stream: true })) {
    seen.add(e.type);
    if (e.type === 'content_block_delta') text += e.delta.text;
  }
  same(text, 'one two three');
  same([...seen], ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop']);
});
await check('the package puts a stream together', async () => {
  const m = await client.messages.stream({ ...base, messages: user('one two three') }).finalMessage();
  same([m.content[0].text, m.stop_reason, m.usage.output_tokens], ['one two three', 'end_turn', 3]);
});
await check('a stream that is left in its middle', async () => {
  const stream = await client.messages.create({ ...base, model: 'slow', max_tokens: 4096, messages: user(long), stream: true });
  let n = 0;
  for await (const e of stream) if (e.type === 'content_block_delta' && ++n === 2) break;
  same(n, 2);
});
await check('a tool', async () => {
  const messages = user('the weather');
  const r = await client.messages.create({ ...base, messages, tools });
  same([r.stop_reason, r.content[0].type, r.content[0].input], ['tool_use', 'tool_use', { city: 'the weather', days: 0 }]);
  const end = await client.messages.create({
    ...base,
    messages: [...messages, { role: 'assistant', content: r.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: r.content[0].id, content: 'rain' }] }],
    tools,
  });
  same(end.content[0].text, 'rain');
});
await check('a tool in a stream', async () => {
  const m = await client.messages.stream({ ...base, messages: user('Go'), tools, tool_choice: { type: 'any' } }).finalMessage();
  same([m.stop_reason, m.content.at(-1).input], ['tool_use', { city: 'Go', days: 0 }]);
});
await check('thinking', async () => {
  const m = await client.messages.stream({
    ...base, max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 }, messages: user('Why?'),
  }).finalMessage();
  same(m.content.map((b) => b.type), ['thinking', 'text']);
});
await check('JSON of a schema', async () => {
  const r = await client.messages.create({
    ...base, messages: user('Oslo'), output_config: { format: { type: 'json_schema', schema: weather } },
  });
  same(JSON.parse(r.content[0].text), { city: 'Oslo', days: 0 });
});
await check('an image', async () => {
  const r = await client.messages.create({
    ...base,
    messages: user([
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
      { type: 'text', text: 'What?' },
    ]),
  });
  same([r.content[0].text, r.usage.input_tokens], ['What?', 3]);
});
await check('an unknown model is 404', async () => {
  const e = await failure(client.messages.create({ ...base, model: 'nobody', messages: user('x') }));
  truth(e instanceof Anthropic.NotFoundError, e.constructor.name);
  same([e.error.type, e.error.error.type], ['error', 'not_found_error']);
});
await check('a bad request is 400', async () => {
  const e = await failure(client.messages.create({ model: 'parrot', messages: user('x') }));
  truth(e instanceof Anthropic.BadRequestError, e.constructor.name);
});
await check('nobody counts tokens', async () => {
  same((await failure(client.messages.countTokens({ model: 'parrot', messages: user('x') }))).status, 404);
});
await check('401 is not tried again', async () => {
  const f = counting();
  const wrong = new Anthropic({ baseURL: guarded, apiKey: 'sk-wrong', maxRetries: 2, fetch: f });
  const e = await failure(wrong.messages.create({ ...base, messages: user('x') }));
  truth(e instanceof Anthropic.AuthenticationError, e.constructor.name);
  same(f.statuses, [401]);
});
await check('429 is tried again when there may be room', async () => {
  const f = counting(await occupy());
  const again = new Anthropic({ baseURL: guarded, apiKey: key, maxRetries: 1, fetch: f });
  const r = await again.messages.create({ ...base, messages: user('now') });
  same([f.statuses, r.content[0].text], [[429, 200], 'now']);
});
await check('503 is tried again', async () => {
  const f = counting();
  const again = new Anthropic({ baseURL: late, apiKey: 'none', maxRetries: 1, fetch: f });
  const e = await failure(again.messages.create({ ...base, model: 'dead', messages: user('x') }));
  same([f.calls, e.status, e.error.error.type], [2, 503, 'overloaded_error']);
});
await check('an error in mid-stream', async () => {
  const e = await failure(client.messages.stream({ ...base, model: 'broken', messages: user('one two three four') }).finalMessage());
  truth(e instanceof Anthropic.APIError && /told to fail/.test(e.message), String(e));
});
