/**
 * A camera's picture and what is written on it: the same in a tile and large.
 */

import { Player } from "./player.js";
import { Screen } from "./screen.js";
import {
  alarmWord,
  latency,
  noPictures,
  stateMood,
  stateSentence,
  stateWord,
  waiting,
} from "./words.js";

/** Milliseconds that an alarm is shown. */
const ALARM = 8_000;

/**
 * Milliseconds that a camera which has just come back may take to begin: what it
 * refuses meanwhile, it often grants at the next try.
 */
const GRACE = 1_500;

export class View {
  /**
   * @param root gets data-state, data-mode and data-live.
   * @param picture holds the screen, the veil, the alarm and the note.
   * @param badge shows the state in a word.
   * @param latency shows how far behind the picture is.
   * @param changed is called after something was written.
   */
  constructor({ root, picture, badge, latency, changed = () => {} }, camera) {
    this.root = root;
    this.picture = picture;
    this.badge = badge;
    this.latency = latency;
    this.changed = changed;
    this.camera = camera;
    this.veil = picture.querySelector(".veil");
    this.alarmSign = picture.querySelector(".alarm");
    this.note = picture.querySelector(".note");
    this.screen = new Screen(picture.querySelector(".screen"));
    this.player = new Player(this.screen, camera.name, () => this.render());
    this.isServerAway = false;
    this.awayUntil = -Infinity;
    this.erringSince = null;
    this.update(camera);
  }

  update(camera) {
    this.camera = camera;
    this.noteTimes(camera);
    this.player.cameraIs(camera.state);
    this.render();
  }

  /** Since when is it up, and since when is something wrong? */
  noteTimes({ state, lastError }) {
    const now = performance.now();
    const isUp = state === "Up";
    if (!isUp) this.awayUntil = now;
    if (!isUp || !lastError) this.erringSince = null;
    else this.erringSince ??= now;
    clearTimeout(this.graceTimer);
    const last = Math.max(this.awayUntil, this.erringSince ?? -Infinity);
    if (isUp && now - last <= GRACE) {
      this.graceTimer = setTimeout(() => this.render(), GRACE - (now - last) + 10);
    }
  }

  /** Has the camera come back just now? */
  get isFresh() {
    return performance.now() - this.awayUntil <= GRACE;
  }

  /** What is wrong with a camera that is up, once it is worth telling; or null. */
  get error() {
    const { erringSince } = this;
    if (erringSince === null) return null;
    const isBrief = performance.now() - erringSince <= GRACE;
    if (isBrief && erringSince - this.awayUntil <= GRACE) return null;
    return this.camera.lastError;
  }

  /** Does it play, and nothing comes? */
  get isWithoutPictures() {
    const { player } = this;
    return player.isRunning && (player.stalled || !player.hasPicture);
  }

  serverIs({ away }) {
    this.isServerAway = away;
    if (!away) this.player.reconnect();
    this.render();
  }

  alarm(kind) {
    write(this.alarmSign.querySelector("span"), alarmWord(kind));
    this.alarmSign.hidden = false;
    clearTimeout(this.alarmTimer);
    this.alarmTimer = setTimeout(() => {
      this.alarmSign.hidden = true;
    }, ALARM);
  }

  /** Is the picture as things are now? */
  get isLive() {
    return this.player.isRunning && !this.isWithoutPictures && !this.sentence();
  }

  sentence() {
    const { camera, player } = this;
    if (this.isServerAway) return `The server is away, and with it ${camera.title}.`;
    const sentence = stateSentence(camera);
    if (sentence !== null || !this.isWithoutPictures) return sentence;
    if (this.error !== null) return noPictures(camera);
    if (!player.stalled) return null;
    return waiting(camera, this.isFresh);
  }

  render() {
    const { camera, player, root } = this;
    const sentence = this.sentence();
    const waits = sentence === null && player.isRunning && !player.hasPicture;
    root.dataset.state = camera.state;
    root.dataset.mode = player.mode;
    root.dataset.live = String(this.isLive);
    this.picture.classList.toggle("dimmed", sentence !== null);
    this.veil.classList.toggle("late", waits);
    this.veil.hidden = sentence === null && !waits;
    write(this.veil, sentence ?? (waits ? "Waiting for a picture…" : ""));
    const note = this.noteText();
    this.note.hidden = note === "";
    write(this.note, note);
    const [word, mood] = this.verdict();
    write(this.badge, word);
    this.badge.dataset.mood = mood;
    this.second();
    this.changed();
  }

  noteText() {
    const { player } = this;
    if (player.problem === null || this.camera.state !== "Up") return "";
    if (player.mode === "snapshots") return `${player.problem}. Snapshots instead.`;
    return `${player.problem}`;
  }

  verdict() {
    const { camera, player } = this;
    if (this.isServerAway) return ["Server away", "bad"];
    if (camera.state !== "Up") return [stateWord(camera), stateMood(camera)];
    if (this.isWithoutPictures) {
      const isWrong = this.error !== null || (player.stalled && !this.isFresh);
      return isWrong ? ["No pictures", "middling"] : ["Connected", "good"];
    }
    if (!player.isRunning) return ["Connected", "good"];
    const word = { video: "Live", mjpeg: "Live, MJPEG", snapshots: "Snapshots" };
    return [word[player.mode] ?? "Connected", "good"];
  }

  /** What changes by itself; called once a second. */
  second() {
    const isLive = this.isLive && this.player.behind !== null;
    write(this.latency, isLive ? latency(this.player.behind) : "");
  }

  close() {
    clearTimeout(this.alarmTimer);
    clearTimeout(this.graceTimer);
    this.alarmSign.hidden = true;
    this.player.stop();
    this.screen.clear();
  }
}

/** Set a text, unless it is there already. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
