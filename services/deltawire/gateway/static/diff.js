// Changes, marked word by word.

import { el, utc } from "./format.js";

const CONTEXT = 140;
const NAMES = { content_text: "text", content_html: "formatting", published_at: "published", updated_at: "updated" };
const TAGS = { "-": "del", "+": "ins" };

/** The changes of one event as a list of elements, one for each field. */
export function changeList(changes) {
  const texts = changes.some((change) => change.field === "content_text");
  return changes
    .filter((change) => !(texts && change.field === "content_html"))
    .map((change) => el("div", { class: "change" }, el("h5", {}, NAMES[change.field] ?? change.field), body(change)));
}

function body(change) {
  if (change.field === "content_html") return el("p", { class: "quiet" }, "The formatting changed, the words did not.");
  if (change.diff) return el("p", { class: "diff" }, ...change.diff.map(part));
  return el("p", { class: "diff" }, ...values(change));
}

function part([op, text], index, all) {
  if (op !== "=") return el(TAGS[op], {}, text);
  return shorten(text, index > 0, index < all.length - 1);
}

/** Unchanged text, its middle left out where it is long: `before` and `after` say where a change adjoins. */
function shorten(text, before, after, context = CONTEXT) {
  const head = before ? text.slice(0, context) : "";
  const tail = after ? text.slice(-context) : "";
  if (head.length + tail.length >= text.length) return text;
  return `${head} … ${tail}`;
}

function values({ old, new: now }) {
  const parts = [];
  if (filled(old)) parts.push(el("del", {}, show(old)));
  if (filled(old) && filled(now)) parts.push(" ");
  if (filled(now)) parts.push(el("ins", {}, show(now)));
  return parts;
}

const filled = (value) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length);

function show(value) {
  if (Array.isArray(value)) return value.map(show).join(", ");
  if (typeof value === "object") return value.text || value.url || JSON.stringify(value);
  return /^\d{4}-\d\d-\d\dT.*Z$/.test(value) ? utc(value) : String(value);
}

/** The first change in a few words, for a narrow column; null where there is none to show. */
export function snippet(changes) {
  const change = ["content_text", "title"].map((name) => changes.find((c) => c.field === name && c.diff)).find(Boolean);
  if (!change) return null;
  const first = change.diff.findIndex(([op]) => op !== "=");
  if (first < 0) return null;
  const nodes = [];
  if (first > 0) nodes.push(shorten(change.diff[first - 1][1], false, true, 28).replace(/^ … \S*/, "…"));
  for (const [op, text] of change.diff.slice(first, first + 3)) {
    if (op === "=") {
      nodes.push(shorten(text, true, false, 24));
      break;
    }
    nodes.push(el(TAGS[op], {}, text.length > 70 ? `${text.slice(0, 70)}…` : text));
  }
  return el("p", { class: "diff snippet" }, ...nodes);
}
