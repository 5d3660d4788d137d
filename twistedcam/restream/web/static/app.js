/**
 * The page: a grid of cameras, one of them large when the address says so.
 */

import { onSignedOut } from "./api.js";
import { Events } from "./events.js";
import { Large } from "./large.js";
import { Tile } from "./tile.js";
import { write } from "./view.js";
import { alarmWord, fleetSentence, stateSentence } from "./words.js";

forgetToken();

const grid = document.getElementById("cameraGrid");
const banner = document.getElementById("serverBanner");
const cameras = new Map();
const tiles = new Map();
const large = new Large(leaveLarge);

/** Is there an entry in the browser's history to go back to? */
let cameFromGrid = false;
let isKnown = false;

const sight = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const tile = tiles.get(entry.target.dataset.camera);
      if (tile?.element !== entry.target) continue;
      tile.isVisible = entry.isIntersecting;
      play(tile);
    }
  },
  { rootMargin: "80px" },
);

/** Has the page been left?  Browsers may keep it, to come back to. */
let isLeft = false;

/** Only what is seen plays. */
function play(tile) {
  const isSeen = tile.isVisible && !document.hidden && !large.isOpen && !isLeft;
  tile.play(isSeen, large.isOpen || isLeft ? 0 : undefined);
}

function playAll() {
  for (const tile of tiles.values()) play(tile);
}

function leavePage(isLeaving) {
  isLeft = isLeaving;
  large.sleepOrWake(isLeaving);
  playAll();
}

/** A token that stands in the address must not get into links, or the history. */
function forgetToken() {
  const address = new URL(location.href);
  if (!address.searchParams.has("token")) return;
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

// What the server tells.

function list(all) {
  isKnown = true;
  const names = new Set(all.map((camera) => camera.name));
  for (const [name, tile] of tiles) {
    if (names.has(name)) continue;
    sight.unobserve(tile.element);
    tile.remove();
    tiles.delete(name);
    cameras.delete(name);
  }
  for (const camera of all) {
    if (tiles.has(camera.name)) {
      update(camera);
    } else {
      cameras.set(camera.name, camera);
      const tile = new Tile(camera);
      tiles.set(camera.name, tile);
    }
    // In the server's order; moving a tile that stays would stop its video.
    const { element } = tiles.get(camera.name);
    const place = grid.children[all.indexOf(camera)];
    if (place !== element) grid.insertBefore(element, place ?? null);
    sight.observe(element);
  }
  grid.dataset.count = String(all.length);
  document.getElementById("emptyFleet").hidden = all.length > 0;
  summarize();
  route();
}

function update(camera) {
  const before = cameras.get(camera.name);
  if (before === undefined) return;
  cameras.set(camera.name, camera);
  tiles.get(camera.name).update(camera);
  if (large.camera?.name === camera.name) large.update(camera);
  if (before.state !== camera.state) {
    announceChange(before, camera);
    summarize();
  }
}

function alarm({ name, kind }) {
  const camera = cameras.get(name);
  if (camera === undefined) return;
  tiles.get(name).view.alarm(kind);
  if (large.camera?.name === name) large.view.alarm(kind);
  announce(`${alarmWord(kind)}: ${camera.title}`);
}

function serverIs(how) {
  banner.hidden = !how.away;
  write(banner, how.away ? "The server does not answer. Trying again…" : "");
  for (const tile of tiles.values()) tile.view.serverIs(how);
  large.view?.serverIs(how);
}

function summarize() {
  const sentence = fleetSentence([...cameras.values()]);
  write(document.getElementById("fleetSummary"), sentence);
}

// What is said aloud.

function announceChange(before, after) {
  if (after.state === "Up") announce(`${after.title} is connected.`);
  else if (before.state === "Up") announce(stateSentence(after));
}

function announce(text) {
  const id = large.isOpen ? "largeAnnouncer" : "pageAnnouncer";
  document.getElementById(id).textContent = text;
}

// Which camera is large: the address says it.

function route() {
  if (!isKnown) return;
  const name = decodeURIComponent(location.hash.slice(1));
  const camera = cameras.get(name);
  if (camera === undefined) {
    if (name) history.replaceState(null, "", location.pathname + location.search);
    leave();
  } else if (large.camera?.name !== name) {
    large.open(camera, tiles.get(name).view.screen.copy());
    document.title = `${camera.title} – twistedcam`;
    // The tiles make room first: a browser shows a few MJPEG streams only.
    playAll();
    large.sleepOrWake();
  }
}

function leave() {
  if (!large.isOpen) return;
  const { name } = large.camera;
  large.close();
  cameFromGrid = false;
  document.title = "twistedcam";
  playAll();
  tiles.get(name)?.link.focus();
}

function leaveLarge() {
  if (cameFromGrid) {
    history.back();
  } else {
    history.replaceState(null, "", location.pathname + location.search);
    leave();
  }
}

grid.addEventListener("click", (event) => {
  if (event.target.closest("a")) cameFromGrid = true;
});
window.addEventListener("hashchange", route);
window.addEventListener("pagehide", () => leavePage(true));
window.addEventListener("pageshow", () => leavePage(false));
document.addEventListener("visibilitychange", playAll);

onSignedOut(() => {
  banner.hidden = false;
  write(banner, "The server does not know this browser any more. Open the page anew, with its login.");
});

setInterval(() => {
  for (const tile of tiles.values()) tile.view.second();
  large.second();
}, 1_000);

new Events({
  list,
  camera: update,
  statistics: (all) => all.forEach(update),
  alarm,
  away: () => serverIs({ away: true }),
  back: () => serverIs({ away: false }),
});
