/**
 * How a camera is received, as a list of names and values.
 */

import { bitRate, codecName, duration, statePhrase } from "./words.js";
import { write } from "./view.js";

/** Each gets the camera, and the stream of it that is shown. */
const FACTS = [
  ["Frames a second", (_, { fps }) => (fps ? fps.toFixed(1) : "–")],
  ["Bit rate", (_, stream) => bitRate(stream.bitRate)],
  ["Video", (_, { codec }) => codecName(codec) ?? "–"],
  ["Resolution", (_, { width, height }) => (width ? `${width} × ${height}` : "–")],
  ["Lost packets", (camera) => String(camera.lost)],
  ["Damaged frames", (camera) => String(camera.damaged)],
  ["Viewers", (camera) => String(camera.viewers)],
  ["Reconnects", (camera) => String(camera.reconnects)],
  [
    "State since",
    (camera) => `${statePhrase(camera)}, ${duration(Date.now() / 1000 - camera.since)}`,
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

  /**
   * @param quality "main" or "sub": the stream that is shown.
   */
  show(camera, quality) {
    const stream = quality === "sub" ? (camera.sub ?? {}) : camera;
    for (const [value, text] of this.rows) write(value, text(camera, stream));
  }
}
