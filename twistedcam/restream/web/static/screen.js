/**
 * Where a camera's pictures are shown.  What comes next is laid beneath what is there,
 * which goes when the next one has something to show: it never goes blank.
 *
 * A layer has an element and close().
 */

/** Pixels across, at most, of a last picture that is kept. */
const KEPT_WIDTH = 960;

/** Of a video; other elements have no readyState. */
const HAVE_CURRENT_DATA = 2;

export class Screen {
  constructor(root) {
    this.root = root;
    this.shown = null;
  }

  /** Lay a layer beneath. */
  stage(layer) {
    this.root.prepend(layer.element);
  }

  /** A layer has something to show. */
  show(layer) {
    if (layer === this.shown) return;
    const before = this.shown;
    this.shown = layer;
    if (layer.element.parentNode !== this.root) this.root.prepend(layer.element);
    if (before !== null) discard(before);
  }

  /** A layer will not be needed, shown or not; its last picture stays. */
  remove(layer) {
    if (layer === this.shown) this.freeze();
    else discard(layer);
  }

  /** Keep the last picture only. */
  freeze() {
    if (this.shown === null || this.shown instanceof Still) return;
    const { element } = this.shown;
    const still = Still.of(element);
    if (still === null && element.videoWidth) {
      // It cannot be copied just now; a video that gets nothing keeps its last picture.
    } else if (still === null) {
      discard(this.shown);
      this.shown = null;
    } else {
      this.show(still);
    }
  }

  /** A copy of what is shown, or null. */
  copy() {
    return this.shown === null ? null : Still.of(this.shown.element);
  }

  clear() {
    if (this.shown !== null) discard(this.shown);
    this.shown = null;
    this.root.replaceChildren();
  }
}

/** A picture that does not move. */
class Still {
  constructor(canvas) {
    this.element = canvas;
  }

  static of(element) {
    const width = element.videoWidth || element.naturalWidth || element.width;
    const height = element.videoHeight || element.naturalHeight || element.height;
    if (!width || !height || element.readyState < HAVE_CURRENT_DATA) return null;
    const canvas = document.createElement("canvas");
    canvas.width = Math.min(width, KEPT_WIDTH);
    canvas.height = Math.round((height * canvas.width) / width);
    try {
      canvas.getContext("2d").drawImage(element, 0, 0, canvas.width, canvas.height);
    } catch {
      return null; // a picture that is broken
    }
    return new Still(canvas);
  }

  close() {
    // The browser has nothing to free before the element is gone.
  }
}

function discard(layer) {
  layer.close();
  layer.element.remove();
}
