/**
 * What the server tells: which cameras there are, how they are, and its heartbeat.
 */

import { get, signedOut, wantsLogin } from "./api.js";

/** Milliseconds without a heartbeat, one a second, after which it is away. */
const SILENCE = 4_000;

/** Milliseconds between tries, where the browser has given up. */
const RETRY = 2_000;

/** Milliseconds until a server that answers at all has to tell something. */
const PATIENCE = 1_000;

const KINDS = ["list", "camera", "statistics", "alarm"];

export class Events {
  /**
   * @param handlers functions by the events' names, which get their data; and
   *     `away` and `back`, for the server.
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.away = false;
    this.heard = Date.now();
    this.retry = null;
    this.open();
    setInterval(() => this.watch(), 1_000);
    // A page that somebody may come back to must not keep its connection: browsers
    // open six to a server.
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.open();
    });
  }

  close() {
    clearTimeout(this.retry);
    this.retry = null;
    this.source.close();
    this.isClosed = true;
  }

  open() {
    this.source?.close();
    this.isClosed = false;
    this.retry = null;
    this.heard = Date.now();
    const source = (this.source = new EventSource("/events"));
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => this.told(kind, event.data));
    }
    source.addEventListener("error", () => this.lost());
  }

  told(kind, data) {
    this.heard = Date.now();
    if (this.away) {
      this.away = false;
      this.handlers.back();
    }
    this.handlers[kind](JSON.parse(data));
  }

  lost() {
    if (this.isClosed) return;
    if (!this.away) {
      this.away = true;
      this.handlers.away();
    }
    // After an answer that is no stream of events, browsers do not try again.
    if (this.source.readyState === EventSource.CLOSED && this.retry === null) {
      this.retry = setTimeout(() => this.ask(), RETRY);
    }
  }

  /** An EventSource does not say what was wrong: request() sees a login that is gone. */
  async ask() {
    try {
      await get("/cameras");
      if (!this.isClosed) this.open();
    } catch {
      this.retry = null;
      this.lost();
    }
  }

  watch() {
    if (this.isClosed || this.retry !== null) return;
    if (Date.now() - this.heard > SILENCE) {
      this.open();
      this.lost();
      this.askSilently();
    }
  }

  /** Browsers that want to ask for a login keep an EventSource waiting meanwhile. */
  async askSilently() {
    try {
      const mayBeOut = await wantsLogin();
      await new Promise((resolve) => setTimeout(resolve, PATIENCE));
      if (mayBeOut && this.away && !this.isClosed) signedOut();
    } catch {
      // There is no server.
    }
  }
}
