/**
 * How a camera is received, as a list of names and values.
 */

import { bitRate, codecName, duration } from "./words.js";
import { write } from "./view.js";

const FACTS = [
  ["Frames a second", (camera) => (camera.fps ? camera.fps.toFixed(1) : "–")],
  ["Bit rate", (camera) => bitRate(camera.bitRate)],
  ["Video", (camera) => codecName(camera.codec) ?? "–"],
  ["Resolution", (camera) => (camera.width ? `${camera.width} × ${camera.height}` : "–")],
  ["Lost packets", (camera) => String(camera.lost)],
  ["Damaged frames", (camera) => String(camera.damaged)],
  ["Viewers", (camera) => String(camera.viewers)],
  ["Reconnects", (camera) => String(camera.reconnects)],
  [
    "State since",
    (camera) => `${camera.state}, ${duration(Date.now() / 1000 - camera.since)}`,
  ],
  ["Address", (camera) => camera.address ?? "–"],
  ["UID", (camera) => camera.uid ?? "–"],
  ["Last error", (camera) => camera.lastError ?? "none"],
];

export class Facts {
  constructor(list) {
    this.rows = FACTS.map(([name, text]) => {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      const value = document.createElement("dd");
      term.textContent = name;
      row.append(term, value);
      list.append(row);
      return [value, text];
    });
  }

  show(camera) {
    for (const [value, text] of this.rows) write(value, text(camera));
  }
}
