// The page: draws what feed.js knows, at most once an animation frame, and
// lets the reader choose a symbol. Text is set as textContent only.

import { depthRows } from './book.js';
import { Feed, tradesMax } from './feed.js';

const flashMs = 250;

const byId = (id) => document.getElementById(id);
const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false });

// set changes a text only if it differs: most cells of a frame do not.
function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function newRow(body, cells) {
  const row = body.insertRow();
  for (let i = 0; i < cells; i++) row.insertCell();
  return row;
}

// Watchlist is the table of all symbols: one row each, a button to select it.
class Watchlist {
  constructor(body, select) {
    Object.assign(this, { body, select, rows: new Map(), flashes: new Map() });
    body.addEventListener('click', (event) => {
      const row = event.target.closest('tr');
      if (row) select(row.dataset.symbol);
    });
    body.addEventListener('keydown', (event) => this.move(event));
  }

  // move takes the focus along the rows; the buttons do the rest.
  move(event) {
    const buttons = [...this.body.querySelectorAll('button')];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.focus(buttons[Math.max(0, Math.min(to, buttons.length - 1))]);
  }

  // focus leaves one button of the list in the order of tabs.
  focus(button) {
    for (const other of this.body.querySelectorAll('button[tabindex="0"]')) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  }

  draw(symbols, selected, now) {
    for (const symbol of symbols.values()) {
      if (!symbol.changed) continue;
      symbol.changed = false;
      this.drawRow(this.rows.get(symbol.name) ?? this.add(symbol.name), symbol, now);
    }
    for (const [name, row] of this.rows) {
      if (symbols.has(name)) continue;
      row.remove();
      this.rows.delete(name);
    }
    if (selected !== this.selected) this.mark(selected);
    for (const [cell, until] of this.flashes) {
      if (now < until) continue;
      delete cell.dataset.flash;
      this.flashes.delete(cell);
    }
  }

  add(name) {
    const row = this.body.insertRow();
    row.dataset.symbol = name;
    const head = document.createElement('th');
    head.scope = 'row';
    const button = document.createElement('button');
    button.type = 'button';
    button.tabIndex = this.rows.size ? -1 : 0;
    button.setAttribute('aria-pressed', 'false');
    button.textContent = name;
    head.append(button);
    row.append(head);
    for (const side of ['bid', 'bid', 'ask', 'ask', '']) row.insertCell().className = side;
    this.rows.set(name, row);
    return row;
  }

  drawRow(row, symbol, now) {
    const [bid, bidSize] = symbol.bid ?? ['–', ''];
    const [ask, askSize] = symbol.ask ?? ['–', ''];
    const [, bidSizeCell, bidCell, askCell, askSizeCell, lastCell] = row.cells;
    set(bidSizeCell, bidSize);
    set(askSizeCell, askSize);
    this.price(bidCell, bid, now);
    this.price(askCell, ask, now);
    this.price(lastCell, symbol.last ?? '–', now);
  }

  price(cell, text, now) {
    const [before, after] = [Number(cell.textContent), Number(text)];
    if (cell.textContent === text) return;
    cell.textContent = text;
    if (!before || !after) return;
    cell.dataset.flash = after > before ? 'up' : 'down';
    this.flashes.set(cell, now + flashMs);
  }

  mark(selected) {
    for (const [name, row] of this.rows) {
      const button = row.querySelector('button');
      button.setAttribute('aria-pressed', String(name === selected));
      row.toggleAttribute('aria-current', name === selected);
      if (name === selected) this.selected = name;
    }
  }
}

// Depth is the best levels of the selected book, the asks upside down.
class Depth {
  constructor(asks, bids) {
    const rows = (body) => Array.from({ length: depthRows }, () => newRow(body, 3));
    this.asks = rows(asks).reverse();
    this.bids = rows(bids);
  }

  draw(book) {
    const [asks, bids] = [book.bestAsks(), book.bestBids()];
    const largest = Math.max(...[...asks, ...bids].map(([, size]) => Number(size)), 0);
    Depth.side(this.asks, 'ask', asks, largest);
    Depth.side(this.bids, 'bid', bids, largest);
    const decimals = asks[0]?.[0].split('.')[1]?.length ?? 0;
    set(byId('spread'), asks.length && bids.length ? (asks[0][0] - bids[0][0]).toFixed(decimals) : '–');
    set(byId('book-state'), book.seq === null ? 'syncing' : 'in sync');
  }

  static side(rows, side, levels, largest) {
    rows.forEach((row, i) => {
      const [price, size] = levels[i] ?? ['', ''];
      set(row.cells[0], price && side);
      set(row.cells[1], price);
      set(row.cells[2], size);
      row.style.setProperty('--fill', size ? `${Math.round((100 * size) / largest)}%` : '0%');
    });
  }
}

// Trades is the latest executions of the selected symbol, and what was left out.
class Trades {
  constructor(body) {
    this.rows = Array.from({ length: tradesMax }, () => newRow(body, 4));
  }

  draw(trades) {
    this.rows.forEach((row, i) => {
      const trade = trades[i];
      row.toggleAttribute('data-gap', Boolean(trade?.gap));
      row.cells[0].colSpan = trade?.gap ? 4 : 1;
      for (const cell of [...row.cells].slice(1)) cell.hidden = Boolean(trade?.gap);
      row.dataset.side = trade?.side ?? '';
      const texts = trade?.gap ? [trade.gap] : trade ? [timeOfDay.format(trade.ts / 1000), trade.side, trade.price, trade.qty] : [];
      [...row.cells].forEach((cell, n) => set(cell, texts[n] ?? ''));
    });
  }
}

// Page ties feed and tables together.
class Page {
  constructor() {
    this.feed = new Feed();
    this.watchlist = new Watchlist(byId('watch'), (name) => this.select(name));
    this.depth = new Depth(byId('asks'), byId('bids'));
    this.trades = new Trades(byId('trades'));
    this.feed.selected = location.hash.slice(1);
    this.feed.changed = () => this.schedule();
    this.feed.status = (state, detail) => this.status(state, detail);
    this.feed.tell = (text) => set(byId('message'), text);
    byId('retry').addEventListener('click', () => this.feed.connect());
    addEventListener('hashchange', () => this.select(location.hash.slice(1)));
    setInterval(() => this.figures(), 1000);
    this.feed.connect();
  }

  select(name) {
    this.feed.select(name);
    history.replaceState(null, '', `#${this.feed.selected}`);
  }

  schedule() {
    this.frame ??= requestAnimationFrame((now) => this.draw(now));
  }

  draw(now) {
    this.frame = undefined;
    const { feed } = this;
    this.watchlist.draw(feed.symbols, feed.selected, now);
    this.depth.draw(feed.book);
    this.trades.draw(feed.symbols.get(feed.selected)?.trades ?? []);
    for (const node of document.querySelectorAll('.selected')) set(node, feed.selected);
    set(byId('skipped'), String(feed.skipped));
    set(byId('epoch'), feed.epoch || '–');
    set(byId('speed'), feed.speed === undefined ? '–' : feed.speed ? `×${feed.speed}` : 'paused');
    set(byId('watch-note'), feed.listed > feed.symbols.size ? `The first ${feed.symbols.size} of ${feed.listed} symbols.` : '');
    if (this.watchlist.flashes.size) this.schedule();
  }

  // figures are read by people: once a second is enough.
  figures() {
    const latency = this.feed.clock.takeLatency();
    set(byId('latency'), latency === undefined ? '–' : `${latency < 10 ? latency.toFixed(1) : Math.round(latency)} ms`);
    set(byId('rate'), String(this.feed.frames));
    this.feed.frames = 0;
  }

  status(state, detail) {
    const node = byId('state');
    node.dataset.state = state;
    set(node, detail ? `${state}: ${detail}` : state);
    byId('retry').hidden = state !== 'closed';
    if (!detail && state !== 'live') set(byId('message'), ''); // a new attempt
  }
}

new Page();
