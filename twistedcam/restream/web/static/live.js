/**
 * One life of a live video: a <video>, a media source, and the tracks in it.  It
 * follows what arrives as closely as it can without stumbling.
 */

import { Track } from "./track.js";

const MediaSourceClass = window.MediaSource ?? window.ManagedMediaSource;

/** Seconds behind the newest picture: wanted at first, and at most after stumbling. */
const TARGET = 0.12;
const MAX_TARGET = 0.24;
const STUMBLE = 0.03;

/** Milliseconds without stumbling after which it may be closer again. */
const STEADY = 20_000;

/** Seconds behind, beyond which it jumps instead of hurrying. */
const JUMP = 1;

/** Seconds off the target that are left alone. */
const SLACK = 0.05;

/** Sound so much (seconds) behind the pictures has ended. */
const DUMB = 2.5;

/** How much faster it may play, where nobody listens, and where somebody does. */
const HURRY = 0.25;
const HURRY_HEARD = 0.08;

/** Can this browser show live streams at all? */
export const hasMediaSource = Boolean(MediaSourceClass);

/** Can this browser decode that? */
export function canPlay(mime) {
  return hasMediaSource && MediaSourceClass.isTypeSupported(mime);
}

export class Live {
  /**
   * @param picture is called when there is something to be seen.
   * @param broken is called, once, with what is wrong: "decoding", "overflow" or
   *     "dumb", which is that the sound has ended.
   * @param refused is called if the browser wants no sound without a click.
   */
  constructor({ sound, picture, broken, refused }) {
    this.picture = picture;
    this.broken = broken;
    this.refused = refused;
    this.tracks = new Map();
    this.early = [];
    this.target = TARGET;
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
    this.target = Math.min(this.target + STUMBLE, MAX_TARGET);
  }

  /** Keep close to the newest: called with each piece, and now and then. */
  follow() {
    const video = this.element;
    const ranges = video.buffered;
    if (this.closed || ranges.length === 0) return;
    const last = ranges.length - 1;
    const edge = ranges.end(last);
    const place = Math.max(ranges.start(last), edge - this.target);
    const now = video.currentTime;
    if (edge - now > JUMP || now > edge + JUMP) {
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
        if (isAtEnd && !this.element.seeking) this.jump(ranges.start(number));
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
    const most = video.muted ? HURRY : HURRY_HEARD;
    let rate = 1;
    if (off > SLACK) rate = 1 + Math.min(most, Math.max(0.05, off));
    else if (off < -SLACK) rate = 0.95;
    rate = Math.round(rate * 50) / 50;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  /** Called four times a second. */
  tick() {
    if (this.closed) return;
    this.follow();
    if (performance.now() - this.stumbled > STEADY && this.target > TARGET) {
      this.stumbled = performance.now();
      this.target = Math.max(TARGET, this.target - STUMBLE);
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
        if (this.element.muted) return;
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
