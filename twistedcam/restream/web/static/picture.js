/**
 * How the camera makes its pictures.
 */

import { explain, get, path, post } from "./api.js";

/** Milliseconds between changes while somebody drags a slider. */
const PAUSE = 200;

export class PictureSettings {
  /**
   * @param camera gives the name of the camera.
   * @param say is told what did not work.
   * @param done is told what did.
   */
  constructor(camera, say, done) {
    this.camera = camera;
    this.say = say;
    this.done = done;
    this.details = document.getElementById("imageDetails");
    this.form = document.getElementById("imageForm");
    this.changes = {};
    this.isBusy = false;
    this.details.addEventListener("toggle", () => {
      if (this.details.open) this.read();
    });
    this.form.addEventListener("input", (event) => this.changed(event.target));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.show({});
  }

  /** Another camera. */
  reset() {
    this.details.open = false;
    this.changes = {};
    this.show({});
  }

  async read() {
    const name = this.camera();
    try {
      const settings = await get(path(name, "image"));
      if (name === this.camera()) this.show(settings);
    } catch (error) {
      this.say(explain(error));
    }
  }

  /** Those that the camera does not tell cannot be changed. */
  show(settings) {
    for (const control of this.form.elements) {
      if (!control.name) continue;
      const value = settings[control.name];
      control.disabled = value === undefined || value === null;
      if (!control.disabled) control.value = String(value);
      tell(control);
    }
  }

  changed(control) {
    tell(control);
    this.changes[control.name] = Number(control.value);
    if (!this.isBusy) this.send();
  }

  /** One change after another; while one is under way, only the latest counts. */
  async send() {
    this.isBusy = true;
    while (Object.keys(this.changes).length) {
      const { changes } = this;
      const name = this.camera();
      this.changes = {};
      if (name === null) break;
      try {
        await post(name, "image", changes);
        if (name === this.camera()) this.done(this.sentence(changes));
      } catch (error) {
        this.say(explain(error));
        await this.read();
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    this.isBusy = false;
  }

  /** What was changed last, as the form calls it. */
  sentence(changes) {
    const [name, value] = Object.entries(changes).at(-1);
    const control = this.form.elements[name];
    const label = control.closest("label").firstChild.textContent.trim();
    if (control.options === undefined) return `${label} ${value}.`;
    return `${label}: ${control.options[value].textContent}.`;
  }
}

/** Write a slider's number beside it. */
function tell(control) {
  const output = control.closest("label")?.querySelector("output");
  if (output) output.textContent = control.disabled ? "" : control.value;
}
