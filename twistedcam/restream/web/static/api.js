/**
 * The server's HTTP interface.
 */

const RELOADED = "twistedcamReloaded";

/** Milliseconds within which the page is not loaded again for a login. */
const RELOAD_PAUSE = 60_000;

/** Whom to tell that the login is gone and loading the page again is no help. */
const outsiders = [];

/** An answer that is no success; its message is for people. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The path of one camera's resource. */
export function path(name, what) {
  return `/cameras/${encodeURIComponent(name)}/${what}`;
}

/** The address of one camera's live stream. */
export function socketAddress(name, { quality, sound }) {
  const address = new URL(path(name, "mse"), location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.search = new URLSearchParams({ quality, sound: sound ? "1" : "0" });
  return address.href;
}

/** Have somebody called when nothing but a new login helps. */
export function onSignedOut(callback) {
  outsiders.push(callback);
}

/** Fetch; fails with Refused, or with TypeError where there is no server. */
export async function request(url, options = {}) {
  const response = await fetch(url, { cache: "no-store", ...options });
  if (response.ok) return response;
  if (response.status === 401) signedOut();
  let message = `The server answers ${response.status}.`;
  try {
    message = (await response.json()).error || message;
  } catch {
    // Not in JSON: the number has to do.
  }
  throw new Refused(response.status, message);
}

/**
 * Does the server answer, and want a login?  Asked without one: then no browser shows
 * its own question for a password, and waits for the answer.  The server spares scripts
 * that question, but in plain HTTP from another machine browsers do not tell it who asks.
 */
export async function wantsLogin() {
  const options = { cache: "no-store", credentials: "omit" };
  return (await fetch("/cameras", options)).status === 401;
}

/** Fetch JSON. */
export async function get(url) {
  return (await request(url)).json();
}

/**
 * Tell a camera to do something.
 * @param {boolean} last the page is going: see that it is sent nevertheless.
 */
export async function post(name, what, body, last = false) {
  await request(path(name, what), {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Twistedcam": "1" },
    body: JSON.stringify(body),
    keepalive: last,
  });
}

/** Why something did not work, for people. */
export function explain(error) {
  return error instanceof Refused ? error.message : "The server does not answer.";
}

/**
 * The server has forgotten this browser, which happens when it restarts.  When the page
 * is loaded again, the browser knows the password, or asks for it.
 */
export function signedOut() {
  try {
    const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
    if (Date.now() - last > RELOAD_PAUSE) {
      sessionStorage.setItem(RELOADED, String(Date.now()));
      location.reload();
      return;
    }
  } catch {
    // Without a memory it could go on for ever.
  }
  for (const callback of outsiders) callback();
}
