/**
 * One camera, large, with all that can be done with it.
 */

import { explain, path, post, request } from "./api.js";
import { Facts } from "./facts.js";
import { PictureSettings } from "./picture.js";
import { Presets } from "./presets.js";
import { Mover, connectControls } from "./ptz.js";
import { View, write } from "./view.js";

/** Milliseconds that a message stays, and one that something was done. */
const MESSAGE = 8_000;
const DONE = 3_000;

/** Milliseconds after which one is told that another quality has not come. */
const DOUBT = 6_000;
const LATE = "The other quality has not come yet: perhaps the camera has no place left.";

/** What is said of the sound. */
const SOUND = {
  none: "No sound comes from this camera.",
  refused: "The browser allows no sound before a click: press Sound again.",
};

const byId = (id) => document.getElementById(id);

export class Large {
  /**
   * @param left is called when somebody closes it.
   */
  constructor(left) {
    this.left = left;
    this.camera = null;
    this.view = null;
    this.dialog = byId("largeView");
    this.title = byId("largeTitle");
    this.stage = byId("largeStage");
    this.message = byId("largeMessage");
    this.soundButton = byId("soundButton");
    this.snapshotLink = byId("snapshotLink");
    this.againButton = byId("againButton");
    this.qualityButtons = [...this.dialog.querySelectorAll("[data-quality]")];
    this.facts = new Facts(byId("largeFacts"));
    const name = () => this.camera?.name ?? null;
    const say = (text) => this.say(text);
    const done = (text) => this.say(text, DONE);
    this.mover = new Mover(name, say, done);
    this.settings = new PictureSettings(name, say, done);
    this.presets = new Presets((what, body, done) => this.tell(what, body, done));
    connectControls({
      mover: this.mover,
      pad: byId("movePad"),
      stage: this.stage,
      arrow: byId("dragArrow"),
      view: this.dialog,
    });
    this.connect();
  }

  connect() {
    const { dialog } = this;
    dialog.addEventListener("cancel", (event) => {
      if (event.target !== dialog) return;
      event.preventDefault();
      this.left();
    });
    // Browsers close it without asking at the second Esc.
    dialog.addEventListener("close", (event) => {
      if (event.target === dialog && this.camera !== null) this.left();
    });
    byId("largeClose").addEventListener("click", () => this.left());
    this.soundButton.addEventListener("click", () => this.toggleSound());
    for (const button of this.qualityButtons) {
      button.addEventListener("click", () => this.choose(button.dataset.quality));
    }
    this.snapshotLink.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.takeSnapshot();
    });
    this.againButton.addEventListener("click", () => this.view.player.again());
    for (const button of dialog.querySelectorAll("[data-lamp]")) {
      button.addEventListener("click", () => this.switchLamp(button));
    }
    const full = byId("fullButton");
    full.hidden = !document.fullscreenEnabled;
    full.addEventListener("click", () => this.fillScreen());
    document.addEventListener("fullscreenchange", () => {
      // Keys have to arrive in there, too.
      if (document.fullscreenElement) this.stage.focus();
      else full.focus();
    });
    document.addEventListener("visibilitychange", () => this.sleepOrWake());
  }

  get isOpen() {
    return this.camera !== null;
  }

  /**
   * Show a camera; sleepOrWake() lets it play.
   * @param still a picture to begin with, or null.
   */
  open(camera, still) {
    this.close();
    this.camera = camera;
    this.view = new View(
      {
        root: this.stage,
        picture: this.stage,
        badge: byId("largeState"),
        latency: byId("largeLatency"),
        changed: () => this.render(),
      },
      camera,
    );
    if (still !== null) this.view.screen.show(still);
    this.snapshotLink.href = `${path(camera.name, "snapshot.jpg")}?download=1`;
    this.settings.reset();
    this.presets.store(false);
    this.say("");
    this.update(camera);
    this.dialog.showModal();
    this.dialog.scrollTop = 0;
  }

  close() {
    if (!this.isOpen) return;
    this.mover.stop();
    this.camera = null;
    this.view.close();
    this.view = null;
    byId("storeDialog").close();
    this.dialog.close();
  }

  update(camera) {
    this.camera = camera;
    write(this.title, camera.title);
    this.view.update(camera);
    this.showFacts();
  }

  second() {
    this.view?.second();
    if (this.isOpen) this.showFacts();
  }

  showFacts() {
    this.facts.show(this.camera, this.view.player.wish.quality);
  }

  /** Nobody sees a page that is hidden; somebody may listen to it. */
  sleepOrWake(isLeft = false) {
    if (!this.isOpen) return;
    const { player } = this.view;
    const isHeard = player.soundState === "on";
    if (isLeft || (document.hidden && !isHeard)) player.stop();
    else player.start();
  }

  render() {
    if (this.view === null) return;
    const { player } = this.view;
    const { soundState, wish } = player;
    const isOn = soundState === "on" || soundState === "wanted";
    this.soundButton.setAttribute("aria-pressed", String(isOn));
    const icon = isOn ? "#iconSound" : "#iconMuted";
    this.soundButton.querySelector("use").setAttribute("href", icon);
    if (soundState !== this.toldSound) {
      this.toldSound = soundState;
      if (SOUND[soundState]) this.say(SOUND[soundState]);
    }
    for (const button of this.qualityButtons) {
      const isChosen = button.dataset.quality === wish.quality;
      button.setAttribute("aria-pressed", String(isChosen));
    }
    this.againButton.hidden = player.mode !== "snapshots";
  }

  toggleSound() {
    const { player } = this.view;
    const isOn = player.soundState === "on" || player.soundState === "wanted";
    this.toldSound = null;
    player.set({ sound: !isOn });
  }

  choose(quality) {
    const { player } = this.view;
    if (quality === player.wish.quality) return;
    player.set({ quality });
    this.showFacts();
    clearTimeout(this.doubting);
    this.doubting = setTimeout(() => {
      if (player === this.view?.player && player.isWaiting) this.say(LATE);
    }, DOUBT);
  }

  fillScreen() {
    this.stage.requestFullscreen().catch(() => this.say("No full screen here."));
  }

  /** Save a picture: by hand, since a browser would save a refusal, too. */
  async takeSnapshot() {
    const link = this.snapshotLink;
    if (link.ariaBusy === "true") return;
    link.ariaBusy = "true";
    try {
      const response = await request(link.href);
      const saved = document.createElement("a");
      saved.href = URL.createObjectURL(await response.blob());
      saved.download = fileName(response) ?? `${this.camera?.name ?? "camera"}.jpg`;
      saved.click();
      setTimeout(() => URL.revokeObjectURL(saved.href), 10_000);
      this.say(`Saved ${saved.download}.`, DONE);
    } catch (error) {
      this.say(explain(error));
    }
    link.ariaBusy = "false";
  }

  switchLamp({ dataset }) {
    const on = dataset.on !== undefined;
    const lamp = dataset.lamp === "light" ? "Lamp" : "Infrared";
    this.tell(dataset.lamp, { on }, `${lamp} ${on ? "on" : "off"}.`);
  }

  async tell(what, body, done) {
    const { camera } = this;
    try {
      await post(camera.name, what, body);
      if (camera.name === this.camera?.name) this.say(done, DONE);
    } catch (error) {
      this.say(explain(error));
    }
  }

  say(text, milliseconds = MESSAGE) {
    clearTimeout(this.silence);
    write(this.message, text);
    if (text) this.silence = setTimeout(() => write(this.message, ""), milliseconds);
  }
}

/** The file name that the server suggests. */
function fileName(response) {
  const disposition = response.headers.get("Content-Disposition") ?? "";
  return /filename="([^"/\\]+)"/.exec(disposition)?.[1] ?? null;
}
