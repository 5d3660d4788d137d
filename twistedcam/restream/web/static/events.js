/**
 * What the server tells: which cameras there are, how they are, and its heartbeat.
 */

import { get } from "./api.js";

/** Milliseconds without a heartbeat, one a second, after which it is away. */
const SILENCE = 5_000;

/** Milliseconds between tries, where the browser has given up. */
const RETRY = 2_000;

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
  }

  open() {
    this.source?.close();
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
    if (!this.away) {
      this.away = true;
      this.handlers.away();
    }
    // After an answer that is no stream of events, browsers do not try again.
    if (this.source.readyState === EventSource.CLOSED && this.retry === null) {
      this.retry = setTimeout(() => this.ask(), RETRY);
    }
  }

  /** An EventSource does not say what was wrong; a login that is gone matters. */
  async ask() {
    try {
      await get("/cameras");
      this.open();
    } catch {
      this.retry = null;
      this.lost();
    }
  }

  watch() {
    if (this.retry === null && Date.now() - this.heard > SILENCE) {
      this.open();
      this.lost();
    }
  }
}
