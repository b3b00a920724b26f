// Telegram's Bot API as telegram-test-api plays it, on a free port of 127.0.0.1, until standard input closes.
// What python-telegram-bot needs besides is put into its answers here; the rest is left as that package has it.
'use strict';
const http = require('http');
const TelegramServer = require('telegram-test-api');

const LONGEST_WAIT_MS = 200;
const peer = new TelegramServer({ host: '127.0.0.1' });
let changes = 0;
for (const what of ['AddedBotMessage', 'EditedMessageText', 'EditedMessageReplyMarkup']) {
  peer.on(what, () => { changes += 1; peer.emit('changed'); });
}
for (const what of ['AddedUserMessage', 'AddedUserCommand', 'AddedUserCallbackQuery']) {
  peer.on(what, () => peer.emit('said'));
}
peer.setMaxListeners(0);

function completed(method, result) {
  if (result === null) return true;
  if (method === 'getMe') return { ...result, is_bot: true };
  if (method === 'sendMessage') {
    // What was asked for comes back as the text that it was in the request: no part of a message.
    const { link_preview_options: asked, reply_parameters: meant, ...message } = result;
    return { ...message, date: Math.floor(message.date / 1000) };
  }
  if (method !== 'getUpdates') return result;
  return result.map((update) => (update.callback_query
    ? { ...update, callback_query: { ...update.callback_query, chat_instance: '1' } } : update));
}

const plain = peer.webServer.response.json;
peer.webServer.response.json = function json(body) {
  const [, method] = /^\/bot[^/]+\/(\w+)/.exec(this.req.path) || [];
  return plain.call(this, method && body.ok ? { ...body, result: completed(method, body.result) } : body);
};

// Until `event`, but not for long; then what was asked for, unless nobody waits for it any more.
function later(event, response, answer) {
  const end = () => { clearTimeout(timer); peer.off(event, end); if (!response.destroyed) answer(); };
  const timer = setTimeout(end, LONGEST_WAIT_MS);
  peer.on(event, end);
}

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://127.0.0.1');
  const [, token] = /^\/bot([^/]+)\/getUpdates$/.exec(pathname) || [];
  if (pathname === '/changes') {
    const answer = () => response.end(String(changes));
    if (changes > Number(searchParams.get('after'))) answer(); else later('changed', response, answer);
  } else if (token && !peer.storage.userMessages.some((one) => one.botToken === token && !one.isRead)) {
    later('said', response, () => peer.webServer(request, response));
  } else peer.webServer(request, response);
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
