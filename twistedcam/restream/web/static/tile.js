/**
 * A camera in the grid.
 */

import { View, write } from "./view.js";

/** Milliseconds out of sight after which a tile stops. */
const LINGER = 1_000;

export class Tile {
  constructor(camera) {
    const template = document.getElementById("tileTemplate");
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.camera = camera.name;
    this.link = this.element.querySelector(".tileLink");
    this.link.href = `#${camera.name}`;
    // With a capital letter it can be no camera's name, which addresses stand for.
    const badge = this.element.querySelector(".badge");
    badge.id = `stateOf-${camera.name}`;
    this.link.setAttribute("aria-describedby", badge.id);
    this.isVisible = false;
    this.view = new View(
      {
        root: this.element,
        picture: this.element.querySelector(".picture"),
        badge,
        latency: this.element.querySelector(".latency"),
      },
      camera,
    );
    this.update(camera);
  }

  update(camera) {
    write(this.link, camera.title);
    this.view.update(camera);
  }

  /** Play, or, a little later, do not. */
  play(isWanted, linger = LINGER) {
    clearTimeout(this.stopping);
    if (isWanted) this.view.player.start();
    else if (linger === 0) this.view.player.stop();
    else this.stopping = setTimeout(() => this.view.player.stop(), linger);
  }

  remove() {
    clearTimeout(this.stopping);
    this.view.close();
    this.element.remove();
  }
}
