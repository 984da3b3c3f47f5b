// SPDX-License-Identifier: MIT
import OpenAI from 'openai';
import { check, counting, endpoint, failure, guarded, key, late, long, occupy, png, same, truth, weather } from './check.mjs';

const client = new OpenAI({ baseURL: `${endpoint}/v1`, apiKey: 'none', maxRetries: 0 });
const user = (content) => [{ role: 'user', content }];
const chat = (more) => client.chat.completions.create({ model: 'parrot', ...more });
const tools = [{ type: 'function', function: { name: 'weather', parameters: weather } }];

await check('a cold model', async () => {
  const r = await client.chat.completions.create({ model: 'cold-openai', messages: user('good morning') });
  same(r.choices[0].message.content, 'good morning');
});
await check('the models', async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  truth(ids.includes('parrot'), ids.join());
  same((await client.models.retrieve('parrot')).id, 'parrot');
});
await check('a chat', async () => {
  const r = await chat({ messages: user('Why?') });
  same([r.choices[0].message.content, r.choices[0].finish_reason, r.usage.completion_tokens], ['Why?', 'stop', 2]);
});
await check('a stream', async () => {
  let text = '';
  for await (const c of await chat({ messages: user('one two three'), stream: true })) text += c.choices[0]?.delta?.content ?? '';
  same(text, 'one two three');
});
await check('a stream that is left in its middle', async () => {
  const stream = await client.chat.completions.create({ model: 'slow', messages: user(long), stream: true });
  let n = 0;
  for await (const c of stream) if (c.choices[0]?.delta?.content && ++n === 2) break;
  same(n, 2);
});
await check('a tool', async () => {
  const r = await chat({ messages: user('the weather'), tools });
  const call = r.choices[0].message.tool_calls[0];
  same([call.function.name, JSON.parse(call.function.arguments)], ['weather', { city: 'the weather', days: 0 }]);
  const end = await chat({
    messages: [...user('the weather'), r.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'rain' }],
    tools,
  });
  same(end.choices[0].message.content, 'rain');
});
await check('a tool in a stream', async () => {
  const r = await client.chat.completions.stream({ model: 'parrot', messages: user('the weather'), tools }).finalChatCompletion();
  same(JSON.parse(r.choices[0].message.tool_calls[0].function.arguments).city, 'the weather');
});
await check('JSON of a schema', async () => {
  const r = await chat({
    messages: user('Oslo'),
    response_format: { type: 'json_schema', json_schema: { name: 'w', schema: weather } },
  });
  same(JSON.parse(r.choices[0].message.content), { city: 'Oslo', days: 0 });
});
await check('embeddings', async () => {
  const r = await client.embeddings.create({ model: 'parrot', input: ['one', 'two', 'one'] });
  same([r.data.length, r.data[0].embedding.length], [3, 8]);
  same(r.data[0].embedding, r.data[2].embedding);
  truth(r.data[0].embedding[0] !== r.data[1].embedding[0], 'two texts have one vector');
  const plain = await client.embeddings.create({ model: 'parrot', input: 'one', encoding_format: 'float' });
  same(Array.from(plain.data[0].embedding), Array.from(r.data[0].embedding));
});
await check('an image', async () => {
  const r = await chat({
    messages: user([
      { type: 'text', text: 'What?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
    ]),
  });
  same([r.choices[0].message.content, r.usage.prompt_tokens], ['What?', 3]);
});
await check('an unknown model is 404', async () => {
  const e = await failure(client.chat.completions.create({ model: 'parot', messages: user('x') }));
  truth(e instanceof OpenAI.NotFoundError, e.constructor.name);
  truth(/did you mean/.test(e.message), e.message);
});
await check('a bad request is 400', async () => {
  const e = await failure(chat({ messages: [] }));
  truth(e instanceof OpenAI.BadRequestError, e.constructor.name);
});
await check('401 is not tried again', async () => {
  const f = counting();
  const wrong = new OpenAI({ baseURL: `${guarded}/v1`, apiKey: 'sk-wrong', maxRetries: 2, fetch: f });
  const e = await failure(wrong.chat.completions.create({ model: 'parrot', messages: user('x') }));
  truth(e instanceof OpenAI.AuthenticationError, e.constructor.name);
  same(f.statuses, [401]);
});
await check('429 is tried again when there may be room', async () => {
  const f = counting(await occupy());
  const again = new OpenAI({ baseURL: `${guarded}/v1`, apiKey: key, maxRetries: 1, fetch: f });
  const r = await again.chat.completions.create({ model: 'parrot', messages: user('now') });
  same([f.statuses, r.choices[0].message.content], [[429, 200], 'now']);
});
await check('503 is tried again', async () => {
  const f = counting();
  const again = new OpenAI({ baseURL: `${late}/v1`, apiKey: 'none', maxRetries: 1, fetch: f });
  const e = await failure(again.chat.completions.create({ model: 'dead', messages: user('x') }));
  same([f.calls, e.status], [2, 503]);
  truth(e.headers.get('retry-after'), 'no Retry-After');
});
await check('an error in mid-stream', async () => {
  const read = async () => {
    for await (const _ of await client.chat.completions.create({ model: 'broken', messages: user('one two three four'), stream: true }));
  };
  truth((await failure(read())) instanceof OpenAI.APIError, 'of another kind');
});

// --- Responses
await check('responses', async () => {
  const r = await client.responses.create({ model: 'parrot', input: 'Why?', instructions: 'Be short.' });
  same([r.output_text, r.status, r.usage.output_tokens], ['Why?', 'completed', 2]);
});
await check('responses: a stream', async () => {
  let text = '', end;
  for await (const e of await client.responses.create({ model: 'parrot', input: 'one two three', stream: true })) {
    if (e.type === 'response.output_text.delta') text += e.delta;
    end = e;
  }
  same([text, end.type, end.response.output[0].content[0].text], ['one two three', 'response.completed', 'one two three']);
});
await check('responses: the package puts a stream together', async () => {
  const r = await client.responses.stream({ model: 'parrot', input: 'one two three' }).finalResponse();
  same([r.output[0].content[0].text, r.status], ['one two three', 'completed']);
});
await check('responses: thinking', async () => {
  const r = await client.responses.create({ model: 'parrot', input: 'Why?', reasoning: { effort: 'low' } });
  same(r.output.map((o) => o.type), ['reasoning', 'message']);
});
await check('responses: a tool', async () => {
  const f = [{ type: 'function', name: 'weather', parameters: weather, strict: false }];
  const input = [{ role: 'user', content: 'the weather' }];
  const r = await client.responses.stream({ model: 'parrot', input, tools: f }).finalResponse();
  const call = r.output[0];
  same([call.type, JSON.parse(call.arguments).city], ['function_call', 'the weather']);
  const end = await client.responses.create({
    model: 'parrot', input: [...input, call, { type: 'function_call_output', call_id: call.call_id, output: 'rain' }], tools: f,
  });
  same(end.output_text, 'rain');
});
await check('responses: JSON of a schema', async () => {
  const r = await client.responses.create({
    model: 'parrot', input: 'Oslo', text: { format: { type: 'json_schema', name: 'w', schema: weather } },
  });
  same(JSON.parse(r.output_text).city, 'Oslo');
});
await check('responses: an image', async () => {
  const r = await client.responses.create({
    model: 'parrot',
    input: [{ role: 'user', content: [
      { type: 'input_text', text: 'What?' },
      { type: 'input_image', image_url: `data:image/png;base64,${png}`, detail: 'auto' },
    ] }],
  });
  same(r.usage.input_tokens, 3);
});
await check('responses: what was stored is not here', async () => {
  const e = await failure(client.responses.create({ model: 'parrot', input: 'x', previous_response_id: 'resp_1' }));
  truth(e instanceof OpenAI.BadRequestError, e.constructor.name);
});
await check('responses: an error in mid-stream', async () => {
  const read = async () => {
    for await (const _ of await client.responses.create({ model: 'broken', input: 'one two three four', stream: true }));
  };
  truth((await failure(read())) instanceof OpenAI.APIError, 'of another kind');
});
