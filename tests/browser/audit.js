/**
 * What a page is like for people who see badly or use no mouse.  Each function gives a
 * list of complaints.
 */

function isVisible(element) {
  return element.checkVisibility({ opacityProperty: false, visibilityProperty: true });
}

function name(element) {
  const labelledBy = element.getAttribute("aria-labelledby");
  const texts = labelledBy
    ? labelledBy.split(" ").map((id) => document.getElementById(id)?.textContent)
    : [
        element.getAttribute("aria-label"),
        ...[...(element.labels ?? [])].map((label) => label.textContent),
        element.textContent,
        element.getAttribute("alt"),
        element.getAttribute("title"),
      ];
  return texts.filter(Boolean).join(" ").trim();
}

function describe(element) {
  const id = element.id ? `#${element.id}` : "";
  const kind = element.className?.baseVal ?? element.className;
  return `${element.localName}${id}.${kind} "${name(element).slice(0, 40)}"`;
}

const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex='-1'])";

/** The part of the page that can be used: a modal dialog, if one is open. */
function ground() {
  const open = [...document.querySelectorAll("dialog[open]")];
  return open.at(-1) ?? document.body;
}

function controls() {
  return [...ground().querySelectorAll(CONTROLS)].filter(
    (element) => isVisible(element) && !element.disabled,
  );
}

function unnamed() {
  return controls()
    .filter((element) => !name(element))
    .map((element) => `no name: ${describe(element)}`);
}

/** Controls smaller than a finger; a tile's link is as large as the tile. */
function small(least) {
  return controls()
    .filter((element) => !element.matches(".tileLink"))
    .filter((element) => !element.matches("pre"))
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least)
    .map(([element, box]) => `${box.width} x ${box.height}: ${describe(element)}`);
}

function structure() {
  const complaints = [];
  if (document.documentElement.lang !== "en") complaints.push("no lang");
  if (!document.title) complaints.push("no title");
  if (document.querySelectorAll("h1").length !== 1) complaints.push("not one h1");
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    if (!isVisible(heading)) continue;
    const now = Number(heading.localName[1]);
    if (now > level + 1) complaints.push(`h${now} after h${level}: ${describe(heading)}`);
    level = now;
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) complaints.push("an id twice");
  for (const image of document.querySelectorAll("img")) {
    if (!image.hasAttribute("alt")) complaints.push(`no alt: ${image.src}`);
  }
  for (const video of document.querySelectorAll("video")) {
    if (!video.getAttribute("aria-label")) complaints.push("a video has no name");
  }
  return complaints;
}

// Contrast.

function parse(color) {
  const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
  return { r, g, b, a };
}

function over(top, below) {
  const mix = (one, other) => one * top.a + other * (1 - top.a);
  return { r: mix(top.r, below.r), g: mix(top.g, below.g), b: mix(top.b, below.b), a: 1 };
}

function luminance({ r, g, b }) {
  const [x, y, z] = [r, g, b].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** What is behind an element: the colours of all that it is in. */
function backdrop(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const style = getComputedStyle(at);
    const color = parse(style.backgroundColor);
    if (color.a > 0) layers.push(color);
    if (color.a === 1) break;
  }
  return layers.reduceRight((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
}

function faint(least) {
  const complaints = [];
  const walker = document.createTreeWalker(ground(), NodeFilter.SHOW_TEXT);
  let worst = 21;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !isVisible(element)) continue;
    if (element.closest(".unseen, :disabled, option, noscript")) continue;
    const behind = backdrop(element);
    const ratio = contrast(over(parse(getComputedStyle(element).color), behind), behind);
    worst = Math.min(worst, ratio);
    if (ratio < least) complaints.push(`${ratio.toFixed(2)}: ${describe(element)}`);
  }
  return { complaints, worst };
}

/** The borders of buttons have to be seen as well. */
function faintBorders(least) {
  return controls()
    .filter((element) => element.matches("button, a.button, select"))
    .filter((element) => parse(getComputedStyle(element).borderTopColor).a === 1)
    .map((element) => [
      element,
      contrast(parse(getComputedStyle(element).borderTopColor), backdrop(element.parentElement)),
    ])
    .filter(([, ratio]) => ratio < least)
    .map(([element, ratio]) => `border ${ratio.toFixed(2)}: ${describe(element)}`);
}

/** Is the focus seen?  By its outline, or, for a tile's link, the tile's. */
function isFocusSeen() {
  const element = document.activeElement;
  const shown = element.closest(".tile") ?? element;
  const style = getComputedStyle(shown);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}

window.audit = { unnamed, small, structure, faint, faintBorders, controls, describe, isFocusSeen };
