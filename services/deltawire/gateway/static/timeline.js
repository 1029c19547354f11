// The list of entries: at most one DOM update a frame, and a bounded number of cards.

import { Card } from "./card.js";
import { dayOf, el, plural } from "./format.js";
import { matches } from "./model.js";

const PAGE = 60;
const MOST = 400;

export class Timeline {
  constructor({ root, fresh, older, empty, titleOf }) {
    Object.assign(this, { root, fresh, older, empty, titleOf });
    this.cards = new Map();
    this.limit = PAGE;
    this.above = 0;
    fresh.addEventListener("click", () => this.toTop());
    addEventListener("scroll", () => this.scrolledDown() || this.setAbove(0), { passive: true });
  }

  reset() {
    this.limit = PAGE;
    this.setAbove(0);
  }

  /** Show `found` (newest first, or by rank); `changed` are the keys to draw again, with those to highlight. */
  draw(found, { show, days, hasOlder, changed, flash, emptyText }) {
    const wanted = found.filter((one) => matches(one, show));
    const arrived = wanted.filter((one) => flash.has(one.key) && !this.cards.has(one.key));
    if (this.scrolledDown() && arrived.length) {
      // What is being read stays: the list grows at its head instead of losing its tail.
      this.limit = Math.min(MOST, this.limit + arrived.length);
      this.setAbove(this.above + arrived.length);
    }
    const shown = wanted.slice(0, this.limit);
    const nodes = [];
    let day = null;
    for (const one of shown) {
      if (days && dayOf(one.at) !== day) {
        day = dayOf(one.at);
        nodes.push(this.dayHead(day));
      }
      nodes.push(this.card(one, changed, flash).node);
    }
    this.place(nodes, shown);
    this.older.hidden = !(hasOlder || wanted.length > shown.length);
    this.empty.hidden = shown.length > 0;
    this.empty.textContent = emptyText;
  }

  card(found, changed, flash) {
    let card = this.cards.get(found.key);
    const isNew = !card;
    if (isNew) {
      card = new Card(this.titleOf);
      this.cards.set(found.key, card);
    }
    if (isNew || changed.has(found.key)) card.show(found, flash.has(found.key));
    return card;
  }

  dayHead(day) {
    const known = this.root.querySelector(`h3[data-day="${day}"]`);
    return known ?? el("h3", { class: "day", "data-day": day }, day);
  }

  /** Nodes that stay are not moved, so that focus, selection and animations survive. */
  place(nodes, shown) {
    const wanted = new Set(nodes);
    for (const node of [...this.root.children]) if (!wanted.has(node)) node.remove();
    const keys = new Set(shown.map((one) => one.key));
    for (const key of this.cards.keys()) if (!keys.has(key)) this.cards.delete(key);
    let at = this.root.firstChild;
    for (const node of nodes) {
      if (node === at) at = at.nextSibling;
      else this.root.insertBefore(node, at);
    }
  }

  more() {
    this.limit += PAGE;
  }

  scrolledDown() {
    return this.root.getBoundingClientRect().top < 0;
  }

  setAbove(count) {
    this.above = count;
    this.fresh.hidden = count === 0;
    this.fresh.textContent = `↑ ${plural(count, "new entry", "new entries")}`;
  }

  toTop() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    scrollTo({ top: 0, behavior: calm ? "instant" : "smooth" });
    this.setAbove(0);
    this.root.querySelector("article")?.focus({ preventScroll: true });
  }

  /** The card of an entry, focused; false if it is not in the list. */
  reveal(key) {
    const card = this.cards.get(key);
    if (!card) return false;
    card.node.scrollIntoView({ block: "center" });
    card.node.focus({ preventScroll: true });
    card.flash();
    return true;
  }

  /** Moves the focus by `step` cards from the one that has it. */
  move(step) {
    const articles = [...this.root.querySelectorAll("article")];
    const current = articles.indexOf(document.activeElement?.closest("article"));
    const next = articles[current < 0 ? 0 : Math.min(articles.length - 1, Math.max(0, current + step))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  focused() {
    return document.activeElement?.closest("article")?.card ?? null;
  }
}
