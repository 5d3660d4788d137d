/**
 * One SourceBuffer, which takes one thing at a time, and the queue in front of it.
 */

/**
 * Seconds that are kept behind what is shown, and what may gather there.  Browsers
 * remove up to the next keyframe: what is shown depends on one that must stay.
 */
const KEEP = 12;
const GATHER = 30;

/** What may wait: beyond that the decoder hangs, and a new start is better. */
const MAX_BYTES = 8 << 20;
const MAX_CHUNKS = 1_000;

export class Track {
  /**
   * @param buffer a SourceBuffer.
   * @param now gives the time that is shown.
   * @param appended is called after something was added.
   * @param broken is called, once, with what is wrong.
   */
  constructor(buffer, { now, appended, broken }) {
    this.buffer = buffer;
    this.now = now;
    this.queue = [];
    this.bytes = 0;
    this.closed = false;
    this.broken = (problem) => {
      if (!this.closed) {
        this.close();
        broken(problem);
      }
    };
    buffer.addEventListener("updateend", () => {
      if (this.closed) return;
      appended();
      this.pump();
    });
    buffer.addEventListener("error", () => this.broken("decoding"));
  }

  /** The time up to which there is something, or null. */
  get end() {
    try {
      const ranges = this.buffer.buffered;
      return ranges.length ? ranges.end(ranges.length - 1) : null;
    } catch {
      return null; // it was removed from its source
    }
  }

  push(bytes) {
    if (this.closed) return;
    this.queue.push(bytes);
    this.bytes += bytes.length;
    if (this.bytes > MAX_BYTES || this.queue.length > MAX_CHUNKS) {
      this.broken("overflow");
    } else {
      this.pump();
    }
  }

  /** Hand over all that waits, or make room. */
  pump() {
    if (this.closed || this.buffer.updating || this.queue.length === 0) return;
    try {
      if (this.trim(GATHER)) return;
      const all = join(this.queue, this.bytes);
      this.buffer.appendBuffer(all);
      this.queue = [];
      this.bytes = 0;
    } catch (error) {
      if (error.name !== "QuotaExceededError") {
        this.broken("decoding");
      } else if (!this.trim(1, 1)) {
        this.broken("overflow");
      }
    }
  }

  /** Forget what is old; true while that goes on, after which pump() is called. */
  trim(gather, keep = KEEP) {
    const ranges = this.buffer.buffered;
    const now = this.now();
    if (ranges.length === 0 || now - ranges.start(0) <= gather) return false;
    this.buffer.remove(0, now - keep);
    return true;
  }

  close() {
    this.closed = true;
    this.queue = [];
    this.bytes = 0;
  }
}

function join(chunks, length) {
  if (chunks.length === 1) return chunks[0];
  const all = new Uint8Array(length);
  let place = 0;
  for (const chunk of chunks) {
    all.set(chunk, place);
    place += chunk.length;
  }
  return all;
}
