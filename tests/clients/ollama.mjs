// SPDX-License-Identifier: MIT
import { Ollama } from 'ollama';
import { check, endpoint, failure, guarded, key, late, long, occupy, png, same, truth, weather } from './check.mjs';

const client = new Ollama({ host: endpoint });
const user = (content, more) => [{ role: 'user', content, ...more }];
const tools = [{ type: 'function', function: { name: 'weather', parameters: weather } }];

await check('a cold model is pulled', async () => {
  const seen = [];
  for await (const p of await client.pull({ model: 'cold-ollama', stream: true })) seen.push(p.status);
  truth(seen.length > 1, seen.join());
  same(seen.at(-1), 'success');
  truth((await client.ps()).models.some((m) => m.name === 'cold-ollama'), 'it is not awake');
});
await check('the models', async () => {
  const { models } = await client.list();
  truth(models.some((m) => m.name === 'parrot' && m.digest.length === 64), JSON.stringify(models));
  truth((await client.version()).version, 'no version');
});
await check('one model', async () => {
  const r = await client.show({ model: 'parrot' });
  truth(r.capabilities.includes('completion'), JSON.stringify(r));
});
await check('a chat', async () => {
  const r = await client.chat({ model: 'parrot', messages: user('Why?'), options: { num_predict: 9, num_ctx: 4096 } });
  same([r.message.content, r.done, r.done_reason, r.eval_count], ['Why?', true, 'stop', 2]);
});
await check('a stream', async () => {
  let text = '', last;
  for await (const c of await client.chat({ model: 'parrot', messages: user('one two three'), stream: true })) {
    text += c.message.content;
    last = c;
  }
  same([text, last.done, last.eval_count], ['one two three', true, 3]);
  truth(last.total_duration > 0 && last.prompt_eval_duration >= 0, JSON.stringify(last));
});
await check('a limit', async () => {
  const r = await client.chat({ model: 'parrot', messages: user('one two three'), options: { num_predict: 1 } });
  same([r.message.content, r.done_reason], ['one', 'length']);
});
await check('a stream that is left in its middle', async () => {
  const stream = await client.chat({ model: 'slow', messages: user(long), stream: true });
  let n = 0;
  const read = async () => {
    for await (const _ of stream) if (++n === 2) stream.abort();
  };
  same((await failure(read())).name, 'AbortError');
});
await check('generate', async () => {
  const r = await client.generate({ model: 'parrot', prompt: 'Why?', system: 'Be short.' });
  same([r.response, r.done], ['Why?', true]);
  let text = '';
  for await (const c of await client.generate({ model: 'parrot', prompt: 'one two', stream: true })) text += c.response;
  same(text, 'one two');
  same((await client.generate({ model: 'parrot', prompt: 'as it is', raw: true })).response, 'as it is');
});
await check('thinking', async () => {
  const r = await client.chat({ model: 'parrot', messages: user('Why?'), think: true });
  truth(r.message.thinking, JSON.stringify(r.message));
  same((await client.chat({ model: 'parrot', messages: user('Why?'), think: false })).message.thinking, undefined);
});
await check('a tool', async () => {
  for (const stream of [false, true]) {
    const messages = user('the weather');
    let call;
    if (stream) {
      for await (const c of await client.chat({ model: 'parrot', messages, tools, stream })) call ??= c.message.tool_calls?.[0];
    } else {
      call = (await client.chat({ model: 'parrot', messages, tools })).message.tool_calls[0];
    }
    same([call.function.name, call.function.arguments], ['weather', { city: 'the weather', days: 0 }]);
    messages.push({ role: 'assistant', content: '', tool_calls: [call] }, { role: 'tool', tool_name: 'weather', content: 'rain' });
    same((await client.chat({ model: 'parrot', messages, tools })).message.content, 'rain');
  }
});
await check('JSON of a schema', async () => {
  const r = await client.chat({ model: 'parrot', messages: user('Oslo'), format: weather });
  same(JSON.parse(r.message.content), { city: 'Oslo', days: 0 });
  truth(JSON.parse((await client.generate({ model: 'parrot', prompt: 'Oslo', format: 'json' })).response), 'no JSON');
});
await check('embeddings', async () => {
  const r = await client.embed({ model: 'parrot', input: ['one', 'two'] });
  same([r.embeddings.length, r.embeddings[0].length, r.prompt_eval_count], [2, 8, 2]);
  same((await client.embeddings({ model: 'parrot', prompt: 'one' })).embedding.length, 8);
});
await check('an image', async () => {
  const r = await client.chat({ model: 'parrot', messages: user('What?', { images: [png] }) });
  same([r.message.content, r.prompt_eval_count], ['What?', 3]);
});
await check('an unknown model is 404', async () => {
  const e = await failure(client.chat({ model: 'nobody', messages: user('x') }));
  same([e.name, e.status_code, e.error], ['ResponseError', 404, "model 'nobody' not found"]);
});
await check('a wrong key is 401', async () => {
  const wrong = new Ollama({ host: guarded, headers: { Authorization: 'Bearer sk-wrong' } });
  const e = await failure(wrong.chat({ model: 'parrot', messages: user('x') }));
  same([e.name, e.status_code], ['ResponseError', 401]);
});
await check('a key that is used up is 429', async () => {
  const leave = await occupy();
  const mine = new Ollama({ host: guarded, headers: { Authorization: `Bearer ${key}` } });
  const e = await failure(mine.chat({ model: 'parrot', messages: user('x') }));
  same([e.name, e.status_code], ['ResponseError', 429]);
  leave();
});
await check('a model that does not start is 503', async () => {
  const e = await failure(new Ollama({ host: late }).chat({ model: 'dead', messages: user('x') }));
  same([e.name, e.status_code], ['ResponseError', 503]);
});
await check('pulling it fails too', async () => {
  const read = async () => {
    for await (const _ of await new Ollama({ host: late }).pull({ model: 'dead', stream: true }));
  };
  truth((await failure(read())).message, 'without a word');
});
await check('an error in mid-stream', async () => {
  const read = async () => {
    for await (const _ of await client.chat({ model: 'broken', messages: user('one two three four'), stream: true }));
  };
  truth(/told to fail/.test((await failure(read())).message), 'in other words');
});
await check('models are not made here', async () => {
  same((await failure(client.delete({ model: 'parrot' }))).status_code, 400);
  same((await failure(client.copy({ source: 'parrot', destination: 'x' }))).status_code, 400);
});
