/**
 * Shows one camera in the best way that browser and camera allow: live video, MJPEG,
 * or snapshots again and again; and comes back by itself.
 */

import { Connection } from "./connection.js";
import { hasMediaSource } from "./live.js";
import { Mjpeg, Snapshots, hasRoom } from "./stills.js";

/** Milliseconds until the next try: the first time, and at most. */
const BACKOFF = 500;
const MAX_BACKOFF = 5_000;

/** Milliseconds between looks at how it goes. */
const TICK = 250;

/** Milliseconds without a picture after which that is told. */
const STALL = 1_500;

/** Milliseconds without a piece, from a camera that is up, until a new try. */
const DEAF = 10_000;

/** So many failures to decode, within so many milliseconds, and it gives up as long. */
const MAX_FAILURES = 3;
const FAILURES_WITHIN = 60_000;

export class Player {
  /**
   * @param screen a Screen.
   * @param name the camera's.
   * @param changed is called when any of the properties below changes.
   *
   * mode: "idle", "video", "mjpeg" or "snapshots".  problem: why there is no live
   * video, a sentence, or null.  hasPicture: since it was started.  stalled: pictures
   * came, and do not come now.  soundState: "off", "wanted", "on", "none" (nothing is
   * heard of it), or "refused" (by the browser).
   */
  constructor(screen, name, changed) {
    this.screen = screen;
    this.name = name;
    this.changed = changed;
    this.wish = { quality: "main", sound: false };
    this.isUp = true;
    this.failures = [];
    this.reset();
  }

  reset() {
    this.mode = "idle";
    this.problem = null;
    this.hasPicture = false;
    this.stalled = false;
    this.soundState = "off";
    this.connection = null;
    this.next = null;
    this.still = null;
    this.retry = null;
    this.backoff = BACKOFF;
  }

  // What one can ask of it.

  start() {
    if (this.timer) return;
    this.timer = setInterval(() => this.tick(), TICK);
    if (hasMediaSource) this.connect();
    else this.showMjpeg("This browser plays no live streams.");
    // Why nothing comes may be known already.
    this.changed();
  }

  /** Stop, and keep the last picture. */
  stop() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    this.screen.freeze();
    this.drop();
    this.reset();
    this.changed();
  }

  get isRunning() {
    return Boolean(this.timer);
  }

  /** Is what was wished for still to come? */
  get isWaiting() {
    return this.next !== null || this.retry !== null;
  }

  /** Change quality or sound; what is there plays until that comes. */
  set(wish) {
    this.wish = { ...this.wish, ...wish };
    if (!this.isRunning) return;
    if (this.mode === "mjpeg" || this.mode === "snapshots") {
      if (wish.sound === undefined) this.again();
      this.soundState = this.wish.sound ? "none" : "off";
    } else {
      this.soundState = this.wish.sound ? "wanted" : "off";
      this.connect();
    }
    this.changed();
  }

  /** Try everything anew, the last picture staying meanwhile. */
  again() {
    if (!this.isRunning) return;
    this.screen.freeze();
    this.drop();
    clearInterval(this.timer);
    this.timer = null;
    this.failures = [];
    const { soundState } = this;
    this.reset();
    this.soundState = soundState;
    this.start();
  }

  /** The server is back. */
  reconnect() {
    if (this.isRunning && this.mode !== "snapshots") this.again();
  }

  /** What the server says of the camera. */
  cameraIs(state) {
    const isUp = state === "Up";
    const cameBack = isUp && !this.isUp;
    this.isUp = isUp;
    // It may send something else now; live video goes on by itself.
    if (cameBack && this.still !== null) this.again();
  }

  /** Seconds behind the live edge, or null. */
  get behind() {
    return this.mode === "video" ? (this.connection?.live?.behind ?? null) : null;
  }

  // Live video.

  connect() {
    clearTimeout(this.retry);
    this.retry = null;
    this.next?.close();
    this.next = new Connection(this.name, { ...this.wish }, this);
  }

  staged(live) {
    live.element.setAttribute("aria-label", "Live picture");
    this.screen.stage(live);
  }

  discarded(live) {
    this.screen.remove(live);
  }

  picture(connection, live) {
    this.screen.show(live);
    if (connection === this.next) {
      const before = this.connection;
      this.connection = connection;
      this.next = null;
      before?.close();
    }
    this.mode = "video";
    this.problem = null;
    this.hasPicture = true;
    this.backoff = BACKOFF;
    this.soundState = this.soundOf(connection, live);
    this.changed();
  }

  soundOf(connection, live) {
    if (!connection.wish.sound) return "off";
    if (!live.hasSound) return "none";
    return live.element.muted ? "refused" : "on";
  }

  soundRefused() {
    this.soundState = "refused";
    this.changed();
  }

  gone(connection) {
    connection.close();
    if (connection === this.next) this.next = null;
    this.later();
  }

  later() {
    if (this.retry !== null || this.next !== null || !this.isRunning) return;
    const wait = this.backoff * (0.8 + 0.4 * Math.random());
    this.backoff = Math.min(this.backoff * 2, MAX_BACKOFF);
    this.retry = setTimeout(() => this.connect(), wait);
  }

  broken(connection, problem) {
    connection.close();
    if (connection === this.next) this.next = null;
    if (problem === "dumb") {
      this.wish.sound = false;
      this.connect();
      this.soundState = "none";
      this.changed();
      return;
    }
    if (problem === "refused") {
      this.showSnapshots("This browser plays no video by itself");
      return;
    }
    if (problem === "decoding") {
      const now = performance.now();
      this.failures = this.failures.filter((time) => now - time < FAILURES_WITHIN);
      if (this.failures.push(now) >= MAX_FAILURES) {
        this.showSnapshots("This browser cannot decode its pictures");
        this.retry = setTimeout(() => this.again(), FAILURES_WITHIN);
        return;
      }
    }
    this.later();
  }

  unplayable(connection, codec) {
    this.showSnapshots(`This browser cannot show ${codec}`);
  }

  // The other ways.

  mjpeg() {
    this.showMjpeg(null);
  }

  showMjpeg(problem) {
    this.drop();
    if (!hasRoom()) {
      this.showSnapshots("Many MJPEG cameras at once");
      return;
    }
    this.mode = "mjpeg";
    this.problem = problem;
    const still = new Mjpeg(this.name, this.wish.quality, {
      picture: () => this.stillPicture(still),
      broken: () => this.stillBroken(),
    });
    this.useStill(still);
  }

  showSnapshots(problem) {
    this.drop();
    this.mode = "snapshots";
    this.problem = problem;
    const still = new Snapshots(this.name, {
      wanted: () => this.isUp,
      picture: () => {
        this.problem = problem;
        this.stillPicture(still);
      },
      broken: (why) => {
        this.problem = `${problem}; no snapshot: ${why}`;
        this.changed();
      },
    });
    this.useStill(still);
  }

  useStill(still) {
    this.still = still;
    this.screen.stage(still);
    if (this.wish.sound) this.soundState = "none";
    this.changed();
  }

  stillPicture(still) {
    if (still !== this.still) return;
    const isFirst = !this.hasPicture;
    this.screen.show(still);
    this.hasPicture = true;
    this.backoff = BACKOFF;
    if (isFirst || this.mode === "snapshots") this.changed();
  }

  stillBroken() {
    const wait = this.backoff;
    this.backoff = Math.min(this.backoff * 2, MAX_BACKOFF);
    this.drop();
    this.retry = setTimeout(() => {
      this.retry = null;
      if (hasMediaSource) this.connect();
      else this.showMjpeg(this.problem);
    }, wait);
  }

  // Looking after it.

  tick() {
    this.connection?.tick();
    this.next?.tick();
    const silence = this.connection?.silence ?? null;
    const stalled = this.mode === "video" && (silence === null || silence > STALL);
    if (stalled !== this.stalled) {
      this.stalled = stalled;
      this.changed();
    }
    if (stalled && this.isUp && silence > DEAF && this.next === null) this.connect();
  }

  /** Close all that is open; the last picture is the screen's. */
  drop() {
    clearTimeout(this.retry);
    this.retry = null;
    this.next?.close();
    this.connection?.close();
    this.next = this.connection = null;
    if (this.still !== null) {
      this.screen.remove(this.still);
      this.still = null;
    }
  }
}
