/**
 * One WebSocket of live pieces, and the video that is made of them.
 */

import { socketAddress } from "./api.js";
import { Live, canPlay } from "./live.js";
import { mimeCodec } from "./words.js";

export class Connection {
  /**
   * @param name the camera's.
   * @param wish what to ask for: quality and sound.
   * @param player is told: staged(live), picture(live), gone(connection),
   *     unplayable(sentence), mjpeg(), broken(problem), soundRefused().
   */
  constructor(name, wish, player) {
    this.wish = wish;
    this.player = player;
    this.live = null;
    this.pending = null;
    this.closed = false;
    this.heard = null;
    this.prepare();
    this.socket = new WebSocket(socketAddress(name, wish));
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("message", (event) => this.received(event.data));
    this.socket.addEventListener("close", () => this.ended());
  }

  /** Have a video ready before the first piece comes. */
  prepare() {
    const live = new Live({
      sound: this.wish.sound,
      picture: () => this.showing(live),
      broken: (problem) => {
        if (!this.closed) this.player.broken(this, problem);
      },
      refused: () => this.player.soundRefused(),
    });
    this.pending = live;
    this.announced = false;
    this.player.staged(live);
  }

  received(data) {
    if (this.closed) return;
    this.heard = performance.now();
    if (typeof data === "string") {
      this.began(JSON.parse(data));
    } else {
      const number = new Uint8Array(data, 0, 1)[0];
      this.newest.push(number, new Uint8Array(data, 1));
    }
  }

  /** The life that pieces go to. */
  get newest() {
    return this.pending ?? this.live;
  }

  began({ tracks, codec }) {
    const video = tracks.find((track) => track.kind === "video");
    if (video === undefined) {
      if (codec === "mjpeg") this.player.mjpeg(this);
      return;
    }
    if (!canPlay(video.mime)) {
      this.player.unplayable(this, mimeCodec(video.mime));
      return;
    }
    if (this.pending === null || this.announced) {
      // Everything anew; what was to be shown will not come any more.
      if (this.pending !== null) this.player.discarded(this.pending);
      this.prepare();
    }
    this.announced = true;
    this.pending.begin(tracks);
  }

  showing(live) {
    if (this.closed || live !== this.pending) return;
    this.live = live;
    this.pending = null;
    this.player.picture(this, live);
  }

  /** Milliseconds since something came, or null before that. */
  get silence() {
    return this.heard === null ? null : performance.now() - this.heard;
  }

  ended() {
    if (this.closed) return;
    this.player.gone(this);
  }

  /** Keep to the live edge. */
  tick() {
    this.live?.tick();
    this.pending?.tick();
  }

  /** End it; what was shown last stays for whoever shows it. */
  close() {
    if (this.closed) return;
    this.closed = true;
    const { socket } = this;
    // Browsers complain of one that is closed before it is open.
    if (socket.readyState !== WebSocket.CONNECTING) socket.close();
    else socket.addEventListener("open", () => socket.close());
    this.live?.stop();
    if (this.pending !== null) this.player.discarded(this.pending);
    this.pending = null;
  }
}
