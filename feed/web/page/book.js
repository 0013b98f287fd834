// The L2 book of one symbol, as PROTOCOL.md sections 4 and 5 let a client keep
// it: by a snapshot, then deltas without holes, proved by checksums.

// depthRows is how many levels of each side are shown; a checksum covers as many.
export const depthRows = 10;

// comparePrices orders decimal strings of one scale exactly, without floats.
const comparePrices = (a, b) => a.length - b.length || (a < b ? -1 : Number(a > b));

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

function crc32(text) {
  let crc = ~0;
  for (let i = 0; i < text.length; i++) crc = crcTable[(crc ^ text.charCodeAt(i)) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// Book is one symbol's L2 book, kept by snapshot and deltas. Both sides are
// [price, size] in rising order of price. seq is null while it waits for a
// snapshot.
export class Book {
  constructor() {
    this.reset();
  }

  reset() {
    [this.bids, this.asks, this.seq] = [[], [], null];
  }

  // apply takes a frame of the stream; false means that the book is not to be
  // trusted any more and needs a snapshot.
  apply(frame) {
    if (frame.type === 'snapshot') {
      const [part, parts] = frame.part ?? [1, 1];
      if (part === 1) this.reset();
      this.merge(frame);
      if (part < parts) return true;
    } else {
      if (this.seq === null || frame.seq <= this.seq) return true;
      if (frame.seq !== this.seq + 1) return false;
      this.merge(frame);
    }
    this.seq = frame.seq;
    return frame.crc === undefined || frame.crc === this.checksum();
  }

  merge(frame) {
    for (const level of frame.bids) Book.set(this.bids, level);
    for (const level of frame.asks) Book.set(this.asks, level);
  }

  static set(side, level) {
    let [low, high] = [0, side.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePrices(side[middle][0], level[0]) < 0) low = middle + 1;
      else high = middle;
    }
    const found = low < side.length && side[low][0] === level[0] ? 1 : 0;
    if (Number(level[1]) === 0) side.splice(low, found);
    else side.splice(low, found, level);
  }

  // bestAsks and bestBids return the best levels, best first.
  bestAsks() {
    return this.asks.slice(0, depthRows);
  }

  bestBids() {
    return this.bids.slice(-depthRows).reverse();
  }

  checksum() {
    const digits = (number) => number.replace('.', '').replace(/^0+/, '');
    return crc32([...this.bestAsks(), ...this.bestBids()].map(([price, size]) => digits(price) + digits(size)).join(''));
  }
}
