/**
 * One life of a live video: a <video>, a media source, and the tracks in it.  It
 * follows what arrives as closely as it can without stumbling.
 */

import { Track } from "./track.js";

const MediaSourceClass = window.MediaSource ?? window.ManagedMediaSource;

/**
 * Seconds behind the newest piece that can be played: wanted at first, at most after
 * stumbling, and how much more each time.  Sound comes in longer pieces, and browsers
 * stop when they have less than 0.2 s of it.
 */
const PACE = { least: 0.12, most: 0.24, step: 0.03, hurry: 0.25 };
const PACE_HEARD = { least: 0.29, most: 0.5, step: 0.04, hurry: 0.1 };

/** Milliseconds without stumbling after which it may be closer again. */
const STEADY = 20_000;

/**
 * Seconds behind, beyond which it jumps instead of hurrying; at the start, and so many
 * milliseconds after it, it always does.
 */
const JUMP = 1;
const START = 300;

/** Seconds off the target that are left alone. */
const SLACK = 0.05;

/** Sound so much (seconds) behind the pictures has ended. */
const DUMB = 2.5;

/** Can this browser show live streams at all? */
export const hasMediaSource = Boolean(MediaSourceClass);

/** Can this browser decode that? */
export function canPlay(mime) {
  return hasMediaSource && MediaSourceClass.isTypeSupported(mime);
}

export class Live {
  /**
   * @param picture is called when there is something to be seen.
   * @param broken is called, once, with what is wrong: "decoding", "overflow",
   *     "dumb", which is that the sound has ended, or "refused": the browser plays
   *     nothing without a click, as some do to save power.
   * @param refused is called if the browser wants no sound without a click.
   */
  constructor({ sound, picture, broken, refused }) {
    this.picture = picture;
    this.broken = broken;
    this.refused = refused;
    this.tracks = new Map();
    this.early = [];
    this.pacing = PACE;
    this.target = PACE.least;
    this.stumbled = performance.now();
    this.distance = null;
    this.begun = false;
    this.seen = false;
    this.closed = false;

    const video = (this.element = document.createElement("video"));
    video.muted = !sound;
    video.playsInline = true;
    video.disableRemotePlayback = true;
    video.addEventListener("loadeddata", () => this.showing());
    video.addEventListener("waiting", () => this.stumble());
    video.addEventListener("error", () => this.fail("decoding"));

    this.source = new MediaSourceClass();
    this.isOpen = new Promise((resolve) => {
      this.source.addEventListener("sourceopen", resolve, { once: true });
    });
    this.url = URL.createObjectURL(this.source);
    video.src = this.url;
  }

  /** The tracks that will come: objects with kind and mime. */
  async begin(tracks) {
    await this.isOpen;
    if (this.closed) return;
    URL.revokeObjectURL(this.url);
    try {
      tracks.forEach((track, number) => {
        if (!canPlay(track.mime)) return;
        const made = new Track(this.source.addSourceBuffer(track.mime), {
          now: () => this.element.currentTime,
          appended: () => this.follow(),
          broken: (problem) => this.fail(problem),
        });
        made.kind = track.kind;
        this.tracks.set(number, made);
      });
    } catch {
      this.fail("decoding");
      return;
    }
    this.begun = true;
    this.pacing = this.hasSound ? PACE_HEARD : PACE;
    this.target = this.pacing.least;
    for (const [number, bytes] of this.early) this.tracks.get(number)?.push(bytes);
    this.early = [];
  }

  push(number, bytes) {
    if (this.closed) return;
    if (this.begun) this.tracks.get(number)?.push(bytes);
    else if (this.early.push([number, bytes]) > 500) this.fail("overflow");
  }

  track(kind) {
    return [...this.tracks.values()].find((track) => track.kind === kind);
  }

  /** Is there a track of sound? */
  get hasSound() {
    return this.track("sound") !== undefined;
  }

  /** Seconds that the picture is behind the newest one that came, or null. */
  get behind() {
    const end = this.track("video")?.end ?? null;
    return end === null || !this.seen ? null : Math.max(0, end - this.element.currentTime);
  }

  showing() {
    if (this.closed || this.seen) return;
    this.seen = true;
    this.picture();
  }

  stumble() {
    if (!this.seen) return;
    this.stumbled = performance.now();
    this.target = Math.min(this.target + this.pacing.step, this.pacing.most);
  }

  /** Keep close to the newest: called with each piece, and now and then. */
  follow() {
    const video = this.element;
    const ranges = video.buffered;
    // One jump at a time: a slow decoder would never come to an end otherwise.
    if (this.closed || ranges.length === 0 || video.seeking) return;
    const last = ranges.length - 1;
    const edge = ranges.end(last);
    const place = Math.max(ranges.start(last), edge - this.target);
    const now = video.currentTime;
    this.first ??= performance.now();
    const isNew = !this.seen || performance.now() - this.first < START;
    const most = isNew ? this.target + SLACK : JUMP;
    if (edge - now > most || now > edge + JUMP) {
      this.jump(place);
    } else if (now < ranges.start(last)) {
      this.leap(ranges, now);
    } else {
      this.pace(edge - now);
    }
    if (video.paused) this.play();
  }

  jump(place) {
    this.distance = null;
    this.element.currentTime = place;
  }

  /** There is a hole ahead: cross it when it is reached. */
  leap(ranges, now) {
    for (let number = 0; number < ranges.length; number++) {
      if (ranges.start(number) > now) {
        const isAtEnd = number === 0 || ranges.end(number - 1) - now < 0.1;
        if (isAtEnd) this.jump(ranges.start(number));
        return;
      }
    }
  }

  /** Hurry, or dawdle, so gently that nobody notices. */
  pace(distance) {
    const video = this.element;
    this.distance =
      this.distance === null ? distance : 0.85 * this.distance + 0.15 * distance;
    const off = this.distance - this.target;
    let rate = 1;
    if (off > SLACK) rate = 1 + Math.min(this.pacing.hurry, Math.max(0.05, off));
    else if (off < -SLACK) rate = 0.95;
    rate = Math.round(rate * 50) / 50;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  /** Called four times a second. */
  tick() {
    if (this.closed) return;
    this.follow();
    if (performance.now() - this.stumbled > STEADY) {
      this.stumbled = performance.now();
      this.target = Math.max(this.pacing.least, this.target - this.pacing.step);
    }
    const sound = this.track("sound");
    const pictures = this.track("video")?.end ?? null;
    if (sound && pictures !== null && this.firstPicture === undefined) {
      this.firstPicture = pictures;
    }
    if (sound && pictures - (sound.end ?? this.firstPicture) > DUMB) this.fail("dumb");
  }

  play() {
    if (this.starting || this.closed) return;
    this.starting = true;
    this.element.play().then(
      () => {
        this.starting = false;
      },
      (error) => {
        this.starting = false;
        if (this.closed || error.name !== "NotAllowedError") return;
        if (this.element.muted) {
          this.fail("refused");
          return;
        }
        this.element.muted = true;
        this.refused();
        this.play();
      },
    );
  }

  fail(problem) {
    if (this.closed) return;
    this.stop();
    this.broken(problem);
  }

  /** Take nothing more; what is seen stays. */
  stop() {
    this.closed = true;
    for (const track of this.tracks.values()) track.close();
    this.early = [];
  }

  /** Free everything. */
  close() {
    this.stop();
    URL.revokeObjectURL(this.url);
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load();
  }
}
