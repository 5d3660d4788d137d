/**
 * States, numbers and times in words.
 */

const CODECS = { h264: "H.264", hevc: "H.265", h265: "H.265", mjpeg: "MJPEG" };

/** What a codec is called; null where it is not known. */
export function codecName(codec) {
  return CODECS[codec] ?? codec ?? null;
}

/** What the codec of a MIME type is called. */
export function mimeCodec(mime) {
  if (/hvc1|hev1/.test(mime)) return "H.265";
  return /avc1|avc3/.test(mime) ? "H.264" : mime;
}

const STATES = {
  Up: "Connected",
  Waiting: "Trying again in a moment",
  Searching: "Looking for it in your network",
};

/** A camera's state in plain words. */
export function statePhrase({ state }) {
  return STATES[state] ?? state;
}

/** One word for a camera's state. */
export function stateWord(camera) {
  switch (camera.state) {
    case "Up":
      return "Connected";
    case "Waiting":
      return "Away";
    case "Searching":
      return camera.lastError ? "Away" : "Searching";
    default:
      return camera.state;
  }
}

/** Green, amber, red: how a state is marked. */
export function stateMood(camera) {
  if (camera.state === "Up") return "good";
  return stateWord(camera) === "Away" ? "bad" : "middling";
}

/** A sentence for a camera that is not up, or null. */
export function stateSentence(camera) {
  const { title, state } = camera;
  const why = reason(camera.lastError);
  switch (state) {
    case "Up":
      return null;
    case "Waiting":
      return `${title} is away${why}. Trying again in a moment…`;
    case "Searching":
      return why
        ? `${title} is away${why}. Looking for it in your network…`
        : `Looking for ${title} in your network…`;
    case "Connecting":
      return `Connecting to ${title}…`;
    case "Stopping":
      return `Stopping ${title}…`;
    default:
      return `${title} is stopped.`;
  }
}

/** A sentence for a camera that is up, and does not send because of an error. */
export function noPictures(camera) {
  return `No pictures come from ${camera.title}${reason(camera.lastError)}.`;
}

/** The same without an error; a camera that has just come back is about to send. */
export function waiting({ title }, isFresh) {
  if (isFresh) return `${title} is connected. Waiting for its pictures…`;
  return `No pictures come from ${title}. Waiting…`;
}

function reason(lastError) {
  const text = (lastError ?? "").trim().replace(/\.$/, "");
  return text ? `: ${text}` : "";
}

/** How many cameras there are, and how many of them are connected. */
export function fleetSentence(cameras) {
  const all = cameras.length;
  const up = cameras.filter((camera) => camera.state === "Up").length;
  if (all === 0) return "";
  if (up < all) return `${up} of ${all} connected`;
  return all === 1 ? "1 camera connected" : `${all} cameras connected`;
}

/** Bits per second. */
export function bitRate(bits) {
  if (!bits) return "–";
  if (bits < 1e6) return `${Math.round(bits / 1e3)} kbit/s`;
  return `${(bits / 1e6).toFixed(1)} Mbit/s`;
}

/** How long something has been going on. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  const hours = Math.floor(whole / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** How far the picture is behind the live edge. */
export function latency(seconds) {
  if (seconds === null) return "";
  if (seconds < 10) return `${Math.round(seconds * 1000)} ms behind`;
  return `${Math.round(seconds)} s behind`;
}

/** What an alarm is about; only the first kind is the same on all cameras. */
export function alarmWord(kind) {
  return kind === 1 ? "Movement" : "Alarm";
}
