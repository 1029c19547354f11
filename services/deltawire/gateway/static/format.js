// Elements, times and words. Text from feeds only ever becomes text nodes.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export const utc = (iso) => `${new Date(iso).toISOString().slice(0, 19).replace("T", " ")} UTC`;
export const dayOf = (ms) => day.format(ms);

export function time(iso, { seconds = false, note = "", prefix = "" } = {}) {
  const format = seconds ? clockSeconds : clock;
  return el("time", { datetime: iso, title: utc(iso) + note }, prefix + format.format(new Date(iso)));
}

/** The time alone today, with the day before it otherwise. */
export function shortTime(iso) {
  const moment = new Date(iso);
  const today = moment.toDateString() === new Date().toDateString();
  const text = today ? clock.format(moment) : `${shortDay.format(moment)}, ${clock.format(moment)}`;
  return el("time", { datetime: iso, title: utc(iso) }, text);
}

export function ago(iso, now = Date.now()) {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

export const plural = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export function headline(entry, length = 110) {
  const text = (entry.title || entry.content_text || "").replace(/\s+/g, " ").trim();
  if (!text) return "(no text)";
  return text.length <= length ? text : `${text.slice(0, length).replace(/\s+\S*$/, "")}…`;
}

/** A link's address if it leads to the web, else null: a feed may hold anything. */
export function webAddress(url) {
  try {
    return ["http:", "https:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

/** A colour for each feed that stays the same. */
export function hue(id) {
  let hash = 2166136261;
  for (const char of id) hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  return ((hash >>> 0) * 0.618034) % 360;
}

export const WORDS = {
  "deltawire.entry.created": "new",
  "deltawire.entry.updated": "revised",
  "deltawire.entry.removed": "withdrawn",
  "deltawire.entry.restored": "restored",
};
