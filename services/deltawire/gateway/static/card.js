// One entry: its text, what became of it, and on demand its revisions.

import { entryPath, get } from "./api.js";
import { changeList } from "./diff.js";
import { el, headline, hue, plural, time, webAddress, WORDS } from "./format.js";

const LONG = 1400;
let serial = 0;

export class Card {
  constructor(titleOf) {
    this.titleOf = titleOf;
    this.open = false;
    this.unfolded = false;
    const panel = `revisions-${(serial += 1)}`;
    this.when = el("p", { class: "when" });
    this.meta = el("p", { class: "meta" });
    this.body = el("div", { class: "body" });
    this.more = el("button", { type: "button", class: "link", hidden: true, onclick: () => this.unfold() }, "Show all");
    this.toggle = el("button", {
      type: "button", class: "toggle", "aria-expanded": "false", "aria-controls": panel, onclick: () => this.flip(),
    });
    this.source = el("span", { class: "source" });
    this.panel = el("div", { class: "revisions", id: panel, hidden: true });
    this.node = el(
      "article", { class: "entry", tabindex: "-1" },
      this.when,
      el("div", { class: "main" }, this.meta, this.body, this.more,
        el("p", { class: "tools" }, this.toggle, this.source), this.panel),
    );
    this.node.card = this;
  }

  /** Shows a state of the entry; `flash` marks it for a moment as just arrived. */
  show(found, flash) {
    const { entry } = found;
    this.found = found;
    this.node.dataset.entry = entry.id;
    this.node.dataset.feed = found.feedId;
    this.node.setAttribute("aria-label", headline(entry, 80));
    this.node.classList.toggle("removed", found.removedAt !== null);
    this.node.style.setProperty("--hue", hue(found.feedId));
    this.when.replaceChildren(published(found));
    this.meta.replaceChildren(
      el("span", { class: "feed" }, this.titleOf(found.feedId)),
      ...badges(found),
      ...entry.labels.map((label) => el("span", { class: "label" }, label.replaceAll("-", " "))),
    );
    this.fill();
    this.toggle.replaceChildren(found.revision > 1 ? plural(found.revision, "revision") : "History");
    this.toggle.classList.toggle("has", found.revision > 1);
    const address = webAddress(entry.url);
    this.source.replaceChildren(
      ...(entry.authors.length ? [entry.authors.join(", ")] : []),
      ...(address ? [el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, "Source ↗")] : []),
    );
    if (flash) this.flash();
    if (this.open) this.load();
  }

  fill() {
    const { entry } = this.found;
    const long = entry.content_text.length > LONG && !this.unfolded;
    const text = long ? entry.content_text.slice(0, LONG).replace(/\s+\S*$/, " …") : entry.content_text;
    const paragraphs = text.split(/\n+/).filter((line) => line.trim());
    const lang = entry.language || null;
    this.body.replaceChildren(
      ...(entry.title ? [el("h4", { lang }, entry.title)] : []),
      ...paragraphs.map((line) => el("p", { lang }, line)),
      ...(entry.title || paragraphs.length ? [] : [el("p", { class: "quiet" }, "This entry holds no text.")]),
    );
    this.more.hidden = !long;
  }

  unfold() {
    this.unfolded = true;
    this.fill();
    this.node.focus();
  }

  flash() {
    this.node.classList.remove("flash");
    requestAnimationFrame(() => this.node.classList.add("flash"));
  }

  flip(open = !this.open) {
    this.open = open;
    this.toggle.setAttribute("aria-expanded", String(open));
    this.panel.hidden = !open;
    if (open) this.load();
  }

  async load() {
    const asked = this.found;
    try {
      const { revisions } = await get(`${entryPath(asked.feedId, asked.entry.id)}/revisions`);
      if (asked !== this.found) return;
      // Storage may be a moment behind the stream: ask again rather than show an old list.
      if (revisions.at(-1).revision < asked.revision) setTimeout(() => asked === this.found && this.load(), 500);
      this.panel.replaceChildren(el("ol", { reversed: true }, ...revisions.reverse().map(revision)));
    } catch (error) {
      this.panel.replaceChildren(el("p", { class: "quiet" }, `The revisions cannot be read: ${error.message}.`));
    }
  }
}

function published({ entry, firstSeenAt }) {
  if (!entry.published_at) return time(firstSeenAt, { note: ", when it was first seen: the source gives no time" });
  if (entry.published_precision === "inferred") return time(entry.published_at, { prefix: "~", note: ", inferred" });
  return time(entry.published_at);
}

function badges(found) {
  const word = WORDS[found.type];
  if (found.removedAt) return [el("span", { class: "badge withdrawn" }, "withdrawn ", time(found.removedAt))];
  if (word === "revised") {
    return [
      el("span", { class: `badge revised ${found.significance}` }, `revised · ${found.significance} `, time(found.seenAt)),
    ];
  }
  if (word === "restored") return [el("span", { class: "badge restored" }, "restored ", time(found.seenAt))];
  return [];
}

function revision(item) {
  const { data } = item;
  const word = WORDS[item.type] ?? item.type;
  const first = item.type === "deltawire.entry.created";
  const notes = [];
  if (data.cause === "reparse") notes.push("read anew by a better reader, not edited");
  if (data.evidence?.kind === "missing") notes.push(`missing in ${plural(data.evidence.looks, "look")}`);
  if (data.evidence?.kind === "tombstone") notes.push("the source says so");
  if (data.truncated) notes.push("cut: the whole text is in the store");
  if (item.backfill) notes.push("there when the feed was first seen");
  const range = data.observed?.not_before;
  return el(
    "li", { value: item.revision },
    el("p", { class: "revision-head" },
      el("b", {}, `${item.revision}`), ` ${first ? "first seen" : word} `,
      word === "revised" ? el("span", { class: `badge revised ${item.significance}` }, item.significance) : null, " ",
      time(item.seen_at, { seconds: true, note: range ? `; not there yet at the look before, ${range.slice(11, 19)} UTC` : "" }),
      notes.length ? el("span", { class: "quiet" }, ` ${notes.join(", ")}`) : null),
    ...changeList(data.changes ?? []),
  );
}
