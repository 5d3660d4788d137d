/**
 * Ways to show a camera without live video: MJPEG, and snapshots again and again.
 */

import { explain, path, request } from "./api.js";

/** Milliseconds between snapshots, and after one that could not be had. */
const EVERY = 2_000;
const RETRY = 5_000;

/**
 * MJPEG streams at once.  Browsers open six connections to a server, for all their
 * windows, and more streams than that would keep everything else waiting.
 */
const MAX_STREAMS = 2;

let streams = 0;
let serial = 0;

/** Is there room for another MJPEG stream? */
export function hasRoom() {
  return streams < MAX_STREAMS;
}

export class Mjpeg {
  /**
   * @param picture is called with the first picture.
   * @param broken is called when the stream ends.
   */
  constructor(name, quality, { picture, broken }) {
    streams += 1;
    this.isOpen = true;
    const image = (this.element = new Image());
    image.alt = "Live picture";
    image.addEventListener("load", picture);
    image.addEventListener("error", () => {
      if (this.isOpen) broken();
    });
    // The number, which is not sent, keeps browsers from taking an old stream.
    image.src = `${path(name, "stream.mjpeg")}?quality=${quality}#${++serial}`;
  }

  close() {
    if (!this.isOpen) return;
    this.isOpen = false;
    streams -= 1;
    this.element.removeAttribute("src");
  }
}

export class Snapshots {
  /**
   * @param picture is called with each picture.
   * @param broken is called with a sentence when one could not be had.
   * @param wanted tells whether to try: there is no use in asking a camera that is
   *     away.
   */
  constructor(name, { picture, broken, wanted }) {
    this.name = name;
    this.picture = picture;
    this.broken = broken;
    this.wanted = wanted;
    this.abort = new AbortController();
    this.query = "?from=video";
    this.element = new Image();
    this.element.alt = "Snapshot";
    this.take();
  }

  async take() {
    let pause = EVERY;
    if (this.wanted()) {
      try {
        await this.load();
      } catch (error) {
        if (this.abort.signal.aborted) return;
        pause = RETRY;
        // Perhaps it has one of its own.
        this.query = this.query ? "" : "?from=video";
        this.broken(explain(error));
      }
    }
    if (!this.abort.signal.aborted) this.timer = setTimeout(() => this.take(), pause);
  }

  async load() {
    const { signal } = this.abort;
    const response = await request(path(this.name, `snapshot.jpg${this.query}`), { signal });
    const url = URL.createObjectURL(await response.blob());
    const next = new Image();
    next.src = url;
    try {
      await next.decode();
    } finally {
      if (signal.aborted) URL.revokeObjectURL(url);
    }
    if (signal.aborted) return;
    this.element.src = url;
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = url;
    this.picture();
  }

  close() {
    this.abort.abort();
    clearTimeout(this.timer);
    if (this.url) URL.revokeObjectURL(this.url);
  }
}
