// The connection, to the letter of PROTOCOL.md: it knows nothing of the page.

import { Book } from './book.js';

const watchedMax = 50; // symbols in the watchlist: what a screen and a reader can follow
const pingMs = 5_000;
const backoffMs = { first: 500, max: 15_000 };
const stableMs = 5_000; // live for so long, the next backoff starts anew
const settleMs = 500; // after an acknowledgement frames are old: they repeat a state
const resyncMs = 1_000; // a channel is asked for again at most so often
const timeoutMs = 10_000; // for the list of symbols and for the hello

// tradesMax is how many trades of each symbol are kept.
export const tradesMax = 25;

// wallMicros is this machine's wall clock in microseconds, as frames have it.
const wallMicros = () => (performance.timeOrigin + performance.now()) * 1000;

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

// Clock estimates how far the server's clock is ahead, from the ping with the
// shortest way, and from it the age of frames.
class Clock {
  constructor() {
    this.samples = [];
    this.ages = [];
  }

  pong(sentMicros, serverMicros) {
    const now = wallMicros();
    this.samples.push({ trip: now - sentMicros, ahead: serverMicros - (sentMicros + now) / 2 });
    if (this.samples.length > 12) this.samples.shift();
    this.ahead = this.samples.reduce((a, b) => (b.trip < a.trip ? b : a)).ahead;
  }

  frame(publishedMicros) {
    if (this.ahead !== undefined && this.ages.length < 1000) this.ages.push(wallMicros() + this.ahead - publishedMicros);
  }

  // takeLatency returns the median age in ms of the frames since the last
  // call, or undefined.
  takeLatency() {
    const age = median(this.ages);
    this.ages = [];
    return age === undefined ? undefined : Math.max(0, age / 1000);
  }
}

// Feed is the connection: it subscribes, follows every stream's numbers, asks
// again for what does not add up, and comes back after a loss.
export class Feed {
  constructor() {
    this.symbols = new Map(); // name -> {name, bid, ask, last, bboSeq, tradeSeq, trades}
    this.book = new Book();
    this.clock = new Clock();
    Object.assign(this, { selected: '', skipped: 0, frames: 0, speed: undefined, epoch: '', attempt: 0, pings: new Map(), nextId: 1 });
    this.resyncs = {}; // channel -> {planned} or when it was last {asked} for again
    this.changed = () => {}; // set by the view
    this.status = () => {};
    this.tell = () => {};
    setInterval(() => this.watch(), 1000);
    setInterval(() => this.ping(), pingMs);
    addEventListener('online', () => this.waiting && this.connect());
  }

  async connect() {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    this.status(this.attempt ? 'reconnecting' : 'connecting');
    try {
      await this.list();
    } catch (error) {
      return this.lost(0, `no list of symbols: ${error.message}`);
    }
    const url = new URL('/v1/stream', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.socket = new WebSocket(url);
    this.received = performance.now();
    this.silenceMs = timeoutMs;
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = (event) => this.lost(event.code, event.reason);
  }

  async list() {
    const response = await fetch('/v1/symbols', { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const { symbols } = await response.json();
    this.listed = symbols.length;
    this.all = symbols.length <= watchedMax;
    const names = symbols.slice(0, watchedMax).map(({ symbol }) => symbol);
    for (const name of this.symbols.keys()) if (!names.includes(name)) this.symbols.delete(name);
    for (const name of names) this.symbol(name);
    if (!this.symbols.has(this.selected)) this.selected = this.symbols.keys().next().value ?? '';
    this.changed();
  }

  // symbol returns what is known of a symbol, listed now if it is new.
  symbol(name) {
    if (!this.symbols.has(name)) this.symbols.set(name, { name, trades: [], bboSeq: null, tradeSeq: null, changed: true });
    return this.symbols.get(name);
  }

  // lost ends this attempt and plans the next, unless the server said not to
  // come back.
  lost(code, reason) {
    if (this.socket) this.socket.onmessage = this.socket.onclose = null;
    this.socket?.close();
    this.socket = this.hello = this.live = undefined;
    this.pings.clear();
    this.book.reset();
    this.changed();
    if (code === 1008 || (code >= 4500 && code < 4600)) return this.status('closed', `${reason || 'refused by the server'} (${code})`);
    const backoff = Math.min(backoffMs.max, backoffMs.first * 2 ** this.attempt++);
    const delay = this.reconnectMs ?? backoff * (0.5 + Math.random() / 2);
    this.reconnectMs = undefined;
    this.status('reconnecting', `again in ${(delay / 1000).toFixed(1)} s${reason ? `: ${reason}` : ''}`);
    this.waiting = setTimeout(() => this.connect(), delay);
  }

  // watch gives up a connection that has gone silent: the server beats.
  watch() {
    if (!this.socket) return;
    const now = performance.now();
    if (now - this.received > this.silenceMs) this.lost(0, 'the server is silent');
    else if (this.live && now - this.live > stableMs) this.attempt = 0;
  }

  ping() {
    if (!this.hello) return;
    if (this.pings.size > 10) this.pings.clear();
    this.pings.set(this.nextId, wallMicros());
    this.send({ op: 'ping' });
  }

  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const { op, ...rest } = message;
    this.socket.send(JSON.stringify({ op, id: this.nextId++, ...rest }));
  }

  entries(channel) {
    return this.all ? [`${channel}.*`] : [...this.symbols.keys()].map((name) => `${channel}.${name}`);
  }

  // cursors is where the trades go on after a loss.
  cursors() {
    const known = [...this.symbols.values()].filter((symbol) => symbol.tradeSeq !== null);
    return Object.fromEntries(known.map((symbol) => [`trade.${symbol.name}`, `${this.epoch}:${symbol.tradeSeq}`]));
  }

  subscribe(channel) {
    if (channel === 'book') {
      this.book.reset();
      if (this.selected) this.send({ op: 'subscribe', streams: [`book.${this.selected}`] });
    } else if (this.symbols.size || this.all) {
      this.send({ op: 'subscribe', streams: this.entries(channel), ...(channel === 'trade' && { since: this.cursors() }) });
    }
  }

  // resync asks for a channel again, which brings its acknowledgement and
  // state, and never doubles a stream: soon, but at most once in resyncMs.
  resync(channel) {
    if (channel === 'book') this.book.reset();
    const { asked = -resyncMs, planned } = this.resyncs[channel] ?? {};
    if (planned) return;
    this.resyncs[channel] = { planned: true };
    const ask = () => {
      this.resyncs[channel] = { asked: performance.now() };
      this.subscribe(channel);
    };
    setTimeout(ask, Math.max(0, asked + resyncMs - performance.now()));
  }

  select(name) {
    if (name === this.selected || !this.symbols.has(name)) return;
    if (this.selected) this.send({ op: 'unsubscribe', streams: [`book.${this.selected}`] });
    this.selected = name;
    this.subscribe('book');
    this.changed();
  }

  receive(data) {
    this.received = performance.now();
    this.frames++;
    const message = JSON.parse(data);
    if (message.stream !== undefined && message.op === undefined) this.data(message);
    else this.control[message.op]?.call(this, message);
    this.changed();
  }

  data(frame) {
    const [channel, name] = frame.stream.split('.');
    if (channel === 'book') {
      if (name === this.selected && !this.book.apply(frame)) this.doubt(frame);
    } else if (channel === 'bbo') {
      this.bbo(this.symbol(name), frame);
    } else if (channel === 'trade') {
      this.trade(this.symbol(name), frame);
    }
    if (this.live && frame.type !== 'snapshot' && this.received - this.acknowledged > settleMs) this.clock.frame(frame.tp);
  }

  // doubt asks for a book again. A snapshot that contradicts its own checksum
  // would do so again.
  doubt(frame) {
    if (frame.type === 'snapshot') this.tell(`${frame.stream}: the snapshot's checksum is wrong`);
    else this.resync('book');
  }

  bbo(symbol, frame) {
    if (symbol.bboSeq !== null && frame.seq < symbol.bboSeq) return;
    symbol.bboSeq = frame.seq;
    [symbol.bid, symbol.ask, symbol.changed] = [frame.bid, frame.ask, true];
  }

  trade(symbol, frame) {
    if (symbol.tradeSeq !== null) {
      if (frame.seq <= symbol.tradeSeq) return;
      if (frame.seq > symbol.tradeSeq + 1) return this.resync('trade');
    }
    symbol.tradeSeq = frame.seq;
    [symbol.last, symbol.changed] = [frame.price, true];
    Feed.keep(symbol, frame);
  }

  static keep(symbol, item) {
    symbol.trades.unshift(item);
    symbol.trades.length = Math.min(symbol.trades.length, tradesMax);
  }

  // newEpoch forgets every number: the sequences begin anew.
  newEpoch(epoch) {
    if (this.epoch && this.epoch !== epoch) this.tell('The server has begun a new session.');
    this.epoch = epoch;
    for (const symbol of this.symbols.values()) Object.assign(symbol, { bboSeq: null, tradeSeq: null });
  }
}

// control answers the server's messages, by op, with this = the feed.
Feed.prototype.control = {
  hello(message) {
    this.hello = message;
    this.silenceMs = message.heartbeat ? (2 * message.heartbeat + 5) * 1000 : 150_000;
    if (message.epoch !== this.epoch) this.newEpoch(message.epoch);
    this.speed = message.clock?.speed;
    this.showFaults(message.faults);
    this.acknowledged = Infinity;
    this.clock = new Clock();
    this.ping();
    for (const channel of ['bbo', 'trade', 'book']) this.subscribe(channel);
  },
  subscribed(message) {
    this.acknowledged = performance.now();
    if (!this.live) {
      this.live = this.acknowledged;
      this.status('live');
    }
    for (const { stream, cursor, recovered } of message.streams) {
      const [channel, name] = stream.split('.');
      // Recovered trades go on at our own cursor.
      if (channel === 'trade' && !recovered) this.symbol(name).tradeSeq = Number(cursor.split(':').pop());
    }
    if (message.errors?.length) this.tell(message.errors.map((error) => `${error.stream}: ${error.message}`).join('; '));
  },
  error(message) {
    this.tell(`${message.code}: ${message.message}`);
  },
  pong(message) {
    const sent = this.pings.get(message.id);
    if (sent !== undefined) this.clock.pong(sent, message.ts);
    this.pings.delete(message.id);
  },
  // heartbeat proves that nothing of a quiet stream was missed, or shows it.
  heartbeat(message) {
    for (const [stream, seq] of Object.entries(message.cursors ?? {})) {
      const [channel, name] = stream.split('.');
      const symbol = this.symbols.get(name);
      const known = channel === 'book' ? (name === this.selected ? this.book.seq : null) : channel === 'bbo' ? symbol?.bboSeq : symbol?.tradeSeq;
      if (known !== null && known !== undefined && known < seq) this.resync(channel);
    }
  },
  gap(message) {
    const [channel, name] = message.stream.split('.');
    const size = message.from == null ? 0 : message.to - message.from + 1;
    this.skipped += size;
    if (channel === 'book' && name === this.selected) this.book.reset();
    if (channel !== 'trade') return;
    const symbol = this.symbol(name);
    symbol.tradeSeq = message.to;
    symbol.changed = true;
    Feed.keep(symbol, { gap: `${size || 'some'} trades left out (${message.reason})` });
  },
  conflated(message) {
    this.skipped += message.frames;
  },
  notice(message) {
    if (message.code === 'shutdown') {
      this.reconnectMs = message.reconnect_ms;
      this.tell('The server is going to restart.');
    } else if (message.code === 'clock') {
      this.speed = message.clock.speed;
    } else if (message.code === 'faults') {
      this.showFaults(message.faults);
    }
  },
};

Feed.prototype.showFaults = function (faults) {
  if (faults?.length) this.tell(`Feed faults that somebody asked for: ${JSON.stringify(faults)}`);
};
