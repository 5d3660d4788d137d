/**
 * Turning a camera: one movement at a time, which ends when whoever turns it lets go,
 * looks away, or is gone.
 */

import { explain, post } from "./api.js";

/**
 * Seconds after which the server ends a movement by itself, and milliseconds after
 * which it is told that the movement goes on.
 */
const SECONDS = 4;
const RENEW = 3_000;

/** Pixels that a finger or a mouse has to drag. */
const DRAG = 24;

const KEYS = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
};

/** Sends commands one after another, so that none overtakes the one before. */
export class Mover {
  /**
   * @param camera gives the name of the camera to be turned, or null.
   * @param say is told what did not work.
   * @param done is told what did, where that cannot be seen otherwise.
   *
   * moves: is called with the direction in which the camera turns, or null.
   */
  constructor(camera, say, done) {
    this.camera = camera;
    this.say = say;
    this.done = done;
    this.moves = () => {};
    this.wanted = null;
    this.told = null;
    this.name = null;
    this.isBusy = false;
  }

  start(direction) {
    if (this.wanted === direction || this.camera() === null) return;
    if (this.name !== null && this.name !== this.camera()) return;
    this.name = this.camera();
    this.wanted = direction;
    this.moves(direction);
    this.work();
  }

  stop() {
    if (this.wanted === null) return;
    this.wanted = null;
    this.work();
  }

  /** The page may be gone before an answer comes: send it now, whatever waits. */
  stopNow() {
    clearTimeout(this.renewal);
    if (this.name === null) return;
    this.wanted = null;
    this.moves(null);
    post(this.name, "ptz", { direction: "stop" }, true).catch(() => {});
  }

  /** One movement that ends by itself; done is a sentence for it. */
  async once(body, done) {
    const name = this.camera();
    // A movement that ends just now comes first.
    if (this.wanted === null) await this.working;
    if (this.isBusy || name === null || name !== this.camera()) return;
    if ((await this.send(name, body)) && name === this.camera()) this.done(done);
  }

  work() {
    if (!this.isBusy) this.working = this.catchUp();
  }

  /** Send what is wanted, until nothing else is. */
  async catchUp() {
    this.isBusy = true;
    clearTimeout(this.renewal);
    let isObeyed = true;
    while (this.wanted !== this.told) {
      // From one direction to another by a stop: cameras add them up.
      const next = this.told === null ? this.wanted : null;
      this.told = next;
      const body = next === null ? { direction: "stop" } : { direction: next, seconds: SECONDS };
      isObeyed = await this.send(this.name, body);
    }
    this.isBusy = false;
    this.moves(isObeyed ? this.wanted : null);
    if (this.wanted === null) this.name = null;
    else this.renewal = setTimeout(() => this.renew(), RENEW);
  }

  renew() {
    this.told = null;
    this.work();
  }

  /** @return whether the camera did it. */
  async send(name, body) {
    try {
      await post(name, "ptz", body);
      return true;
    } catch (error) {
      this.say(explain(error));
      return false;
    }
  }
}

/** Connects the buttons, the keys and the picture with a mover. */
export function connectControls({ mover, pad, stage, arrow, view }) {
  const buttons = [...pad.querySelectorAll("button")];
  mover.moves = (direction) => {
    for (const { dataset, classList } of buttons) {
      classList.toggle("pressed", dataset.direction === direction);
    }
  };
  const goHome = () => mover.once({ direction: "home" }, "Turning to the middle.");
  for (const button of buttons) {
    if (button.dataset.direction === "home") {
      button.addEventListener("click", goHome);
    } else {
      connectButton(mover, button);
    }
  }
  connectKeys(mover, view, goHome);
  connectDragging(mover, stage, arrow);
  const stop = () => mover.stop();
  window.addEventListener("blur", stop);
  window.addEventListener("pagehide", () => mover.stopNow());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) mover.stopNow();
  });
}

function connectButton(mover, button) {
  const { direction } = button.dataset;
  // The button before this one loses the focus when this one gets it.
  let isHeld = false;
  const hold = (isNow) => {
    if (isNow === isHeld) return;
    isHeld = isNow;
    if (isNow) mover.start(direction);
    else mover.stop();
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    hold(true);
    untilReleased(button, event, () => hold(false));
  });
  button.addEventListener("blur", () => hold(false));
  button.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) hold(true);
  });
  button.addEventListener("keyup", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault(); // it would be a click in some browsers
    hold(false);
  });
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  // Voices and screen readers click without pressing: turn by one step.
  button.addEventListener("click", (event) => {
    if (event.detail !== 0) return;
    mover.once({ direction, step: true }, `One step: ${button.ariaLabel.toLowerCase()}.`);
  });
}

function connectKeys(mover, view, goHome) {
  const held = new Set();
  const turn = () => {
    const side = held.has("left") !== held.has("right") && (held.has("left") ? "left" : "right");
    const height = held.has("up") !== held.has("down") && (held.has("up") ? "up" : "down");
    const direction = [side, height].filter(Boolean).join("-");
    if (direction) mover.start(direction);
    else mover.stop();
  };
  view.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.matches("input, select, textarea")) return;
    if (event.key === "Home") {
      event.preventDefault();
      if (!event.repeat) goHome();
    } else if (KEYS[event.key]) {
      event.preventDefault();
      if (event.repeat) return;
      held.add(KEYS[event.key]);
      turn();
    }
  });
  // Wherever the focus is by then.
  document.addEventListener("keyup", (event) => {
    if (held.delete(KEYS[event.key])) turn();
  });
  const release = () => {
    if (held.size === 0) return;
    held.clear();
    turn();
  };
  window.addEventListener("blur", release);
  document.addEventListener("visibilitychange", release);
  view.addEventListener("close", release);
}

function connectDragging(mover, stage, arrow) {
  let from = null;
  const end = () => {
    if (from === null) return;
    from = null;
    arrow.hidden = true;
    mover.stop();
  };
  stage.addEventListener("pointerdown", (event) => {
    end(); // with a second finger somebody zooms
    if (event.button !== 0 || !event.isPrimary) return;
    from = event;
    untilReleased(stage, event, end);
  });
  stage.addEventListener("pointermove", (event) => {
    if (from === null || event.pointerId !== from.pointerId) return;
    const right = event.clientX - from.clientX;
    const down = event.clientY - from.clientY;
    if (Math.hypot(right, down) < DRAG) return;
    const eighth = Math.round(Math.atan2(down, right) / (Math.PI / 4)) & 7;
    arrow.style.transform = `rotate(${eighth * 45 + 90}deg)`;
    arrow.hidden = false;
    mover.start(DIRECTIONS[eighth]);
  });
}

/**
 * Call something once, when a pointer is let go, wherever that is, or lost.
 */
function untilReleased(element, { pointerId }, callback) {
  element.setPointerCapture(pointerId);
  const listening = new AbortController();
  const end = (event) => {
    if (event.pointerId !== pointerId) return;
    listening.abort();
    callback();
  };
  // A button may come up without a word, outside of the window.
  const moved = (event) => {
    if (event.buttons === 0) end(event);
  };
  const { signal } = listening;
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
    window.addEventListener(kind, end, { capture: true, signal });
  }
  window.addEventListener("pointermove", moved, { capture: true, signal });
}

/** Clockwise, from the right. */
const DIRECTIONS = ["right", "right-down", "down", "left-down", "left", "left-up", "up", "right-up"];
