// What stands beside the timeline: feeds with their state, alerts, and the latest changes.

import { snippet } from "./diff.js";
import { ago, el, headline, hue, plural, shortTime, time, WORDS } from "./format.js";
import { keyOf } from "./model.js";

const CHANGES = 12;

/** How the dot of a feed looks, where its word is none of the stylesheet's. */
const DOTS = { blocked: "failing", unreadable: "failing", moved: "retrying", noisy: "retrying", gone: "ended" };

/** How a feed is, in the word and the sentence that the command and the API have for it, too. */
export function health(feed, now = Date.now()) {
  const word = feed.health;
  const state = DOTS[word] ?? word;
  const detail = feed.health_detail ?? "";
  switch (word) {
    case "paused":
      return { state, words: ["paused"] };
    case "ok":
    case "quiet": {
      const changed = feed.last_change_at ? `changed ${ago(feed.last_change_at, now)}` : "";
      return { state, words: [[word === "ok" ? "live" : "quiet", changed, word === "ok" ? detail : ""].filter(Boolean).join(" · ")] };
    }
    case "ended":
      return { state, words: feed.since ? ["ended ", shortTime(feed.since)] : ["ended"] };
    default:
      return { state, words: [[word, detail].filter(Boolean).join(detail.startsWith("since") ? " " : ": ")] };
  }
}

export function drawFeeds({ list, note }, feeds, selected, choose) {
  const total = feeds.reduce((sum, feed) => sum + feed.entries, 0);
  const all = row({ id: "", name: "All feeds", count: total, selected: selected === "", choose });
  const rows = feeds.map((feed) => {
    const { state, words } = health(feed);
    const name = feed.title || feed.id;
    return row({ id: feed.id, name, count: feed.entries, selected: selected === feed.id, choose, state, words, feed });
  });
  keepFocus(list, [...(feeds.length > 1 ? [all] : []), ...rows]);
  const failing = feeds.filter((feed) => feed.state === "failing").length;
  note.textContent = failing ? `${failing} failing` : String(feeds.length);
  note.classList.toggle("bad", failing > 0);
  if (!feeds.length) list.replaceChildren(el("li", { class: "quiet" }, "No feeds yet: deltawire feeds add URL"));
}

function row({ id, name, count, selected, choose, state = "all", words = [], feed = null }) {
  const button = el(
    "button", { type: "button", "aria-pressed": String(selected), "data-feed": id, onclick: () => choose(id) },
    el("span", { class: "dot", "data-state": state, "aria-hidden": "true" }),
    el("span", { class: "name" }, name),
    el("span", { class: "count", "aria-label": plural(count, "entry", "entries") }, count.toLocaleString("en")),
    words.length ? el("span", { class: "health" }, ...words) : null,
    feed?.problems.length
      ? el("span", { class: "health warn" }, `${plural(feed.problems.length, "problem")}: ${feed.problems[0].message}`)
      : null,
  );
  if (feed) button.style.setProperty("--hue", hue(id));
  return el("li", {}, button);
}

/** Replace the rows, unless nothing changed; a focused row is focused again. */
function keepFocus(list, rows) {
  const next = el("ul", {}, ...rows);
  if (next.innerHTML === list.innerHTML) return;
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.feed : null;
  list.replaceChildren(...rows);
  if (focused !== null) [...list.querySelectorAll("button")].find((b) => b.dataset.feed === focused)?.focus();
}

export function drawAlerts({ list, note }, alerts, count, titleOf, jump) {
  note.textContent = count;
  if (!alerts.length) list.replaceChildren(el("li", { class: "quiet" }, "Nothing has matched a rule yet."));
  else
    list.replaceChildren(
      ...alerts.map((alert) =>
        el("li", {},
          el("p", { class: "row-head" },
            shortTime(alert.raised_at), el("span", { class: "rule" }, alert.rule_id),
            el("span", { class: "feed" }, titleOf(alert.feed_id))),
          el("button", { type: "button", class: "jump", onclick: () => jump(alert.feed_id, alert.entry_id) },
            alert.headline ?? alert.entry_id),
          el("p", { class: "row-head" }, delivery(alert.deliveries)),
        ),
      ),
    );
  [...list.children].forEach((row, at) => alerts[at] && row.style.setProperty("--hue", hue(alerts[at].feed_id)));
}

function delivery(deliveries) {
  const dead = deliveries.filter((d) => d.state === "dead");
  const owed = deliveries.filter((d) => d.state === "owed");
  const names = (some) => some.map((d) => d.channel_id).join(", ");
  if (dead.length) return el("span", { class: "outcome bad" }, `not delivered: ${names(dead)}`);
  if (owed.length) return el("span", { class: "outcome" }, `still owed: ${names(owed)}`);
  return el("span", { class: "outcome" }, deliveries.length ? `sent: ${names(deliveries)}` : "sent nowhere");
}

/** The latest changes over all feeds, whatever the timeline shows. */
export class Changes {
  constructor({ list, note }, titleOf, jump) {
    Object.assign(this, { list, note, titleOf, jump });
    this.items = [];
    this.count = 0;
  }

  /** Before the first event: the entries that were last to change. */
  seed(records) {
    this.items = records
      .filter((found) => !found.backfill)
      .sort((a, b) => Date.parse(b.seenAt) - Date.parse(a.seenAt))
      .slice(0, CHANGES)
      .map((found) => ({ ...found, changes: [] }));
    this.draw();
  }

  add(found, changes) {
    this.count += 1;
    this.items.unshift({ ...found, changes });
    this.items.length = Math.min(this.items.length, CHANGES);
  }

  draw() {
    this.note.textContent = this.count ? `${this.count} since you came` : "";
    this.list.replaceChildren(
      ...(this.items.length ? this.items.map((item) => this.row(item)) : [el("li", { class: "quiet" }, "None yet.")]),
    );
  }

  row(item) {
    const word = WORDS[item.type];
    const row = el("li", { "data-key": keyOf(item.feedId, item.entry.id) },
      el("p", { class: "row-head" },
        time(item.seenAt),
        el("span", { class: `badge ${word} ${item.significance}` }, word === "revised" ? `revised · ${item.significance}` : word),
        el("span", { class: "feed" }, this.titleOf(item.feedId))),
      el("button", { type: "button", class: "jump", onclick: () => this.jump(item.feedId, item.entry.id) },
        headline(item.entry, 90)),
      snippet(item.changes));
    row.style.setProperty("--hue", hue(item.feedId));
    return row;
  }
}
