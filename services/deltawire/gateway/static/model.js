// What the page knows of entries. No DOM here: lists and events go in, in any order and repeatedly, and the
// newest state of each entry comes out. An entry's states are ordered by when they were seen, then by sequence.

const CAP = 2000;
const TRIM_TO = 1500;

export const keyOf = (feedId, entryId) => `${feedId}\n${entryId}`;

export function fromView(view) {
  return record(view.feed_id, view.entry, {
    revision: view.revision,
    sequence: view.sequence,
    firstSeenAt: view.first_seen_at,
    seenAt: view.seen_at,
    removedAt: view.removed_at,
    type: view.type,
    significance: view.significance,
    backfill: view.backfill,
    cursor: view.cursor,
  });
}

export function fromEvent(event) {
  const { feed, entry, revision, backfill, significance } = event.data;
  return record(feed.id, entry, {
    revision,
    sequence: Number(event.sequence),
    firstSeenAt: event.time,
    seenAt: event.time,
    removedAt: event.type.endsWith(".removed") ? event.time : null,
    type: event.type,
    significance,
    backfill,
    cursor: null,
  });
}

function record(feedId, entry, rest) {
  const at = Date.parse(entry.published_at ?? rest.firstSeenAt);
  return { key: keyOf(feedId, entry.id), feedId, entry, at, ...rest };
}

export function newer(a, b) {
  return Date.parse(a.seenAt) - Date.parse(b.seenAt) || a.sequence - b.sequence;
}

function below(a, b) {
  if (a.at !== b.at) return a.at < b.at;
  if (a.entry.id !== b.entry.id) return a.entry.id < b.entry.id;
  return a.feedId < b.feedId;
}

export class Model {
  constructor() {
    this.clear();
  }

  clear() {
    this.records = new Map();
    this.hasOlder = false;
    this.next = null;
    this.sorted = null;
  }

  /** Takes a page of the API, and whether anything lies below it. */
  merge(views, next) {
    this.next = next;
    this.hasOlder = next !== null;
    return views.map(fromView).filter((found) => this.put(found)).map((found) => found.key);
  }

  /** Takes an event; true if it changed what is shown. What lies below the loaded entries is left to paging. */
  apply(event) {
    const found = fromEvent(event);
    const known = this.records.get(found.key);
    if (!known && this.hasOlder) {
      const oldest = this.list().at(-1);
      const placed = found.entry.published_at !== null || found.type === "deltawire.entry.created";
      if (!placed || (oldest && below(found, oldest))) return false;
    }
    return this.put(found);
  }

  put(found) {
    const known = this.records.get(found.key);
    if (known) {
      if (newer(found, known) <= 0) return false;
      found.firstSeenAt = known.firstSeenAt;
      found.at = Date.parse(found.entry.published_at ?? found.firstSeenAt);
    }
    this.records.set(found.key, found);
    this.sorted = null;
    return true;
  }

  /** Newest first. */
  list() {
    this.sorted ??= [...this.records.values()].sort((a, b) => (below(a, b) ? 1 : -1));
    return this.sorted;
  }

  /** A page that stays open for days keeps the newest; what is dropped can be paged in again. */
  trim() {
    if (this.records.size <= CAP) return;
    for (const dropped of this.list().slice(TRIM_TO)) this.records.delete(dropped.key);
    this.sorted = null;
    this.hasOlder = true;
    this.next = null;
  }
}

export function matches(found, show) {
  const revised = found.type === "deltawire.entry.updated";
  switch (show) {
    case "":
      return true;
    case "withdrawn":
      return found.removedAt !== null;
    case "revised":
      return revised;
    default:
      return revised && found.significance === show;
  }
}
