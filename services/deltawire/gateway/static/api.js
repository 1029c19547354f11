// The gateway, as the page uses it.

export async function get(path, params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value));
  const answer = await fetch(`/api/${path}${query.size ? `?${query}` : ""}`);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? `the gateway answered ${answer.status}`);
  return body;
}

export const entryPath = (feedId, entryId) =>
  `feeds/${encodeURIComponent(feedId)}/entries/${encodeURIComponent(entryId)}`;

const TYPES = [
  "entry.created", "entry.updated", "entry.removed", "entry.restored",
  "feed.started", "feed.updated", "feed.ended", "feed.failing", "feed.recovered",
].map((name) => `deltawire.${name}`);

/**
 * The event stream. The browser reconnects by itself and resumes where it was (`reopened` is told); where it
 * gives up, `lost` is told. `gap` says that events are gone for good; the stream itself goes on.
 */
export class Connection {
  constructor({ event, state, reopened, gap, lost }) {
    this.on = { event, state, reopened, gap, lost };
    this.source = null;
  }

  open(position) {
    this.close();
    const source = new EventSource(`/api/events?lastEventId=${encodeURIComponent(position)}`);
    this.source = source;
    let opened = false;
    source.onopen = () => {
      this.on.state("live");
      if (opened) this.on.reopened();
      opened = true;
    };
    source.onerror = () => {
      this.on.state("reconnecting");
      if (source.readyState === EventSource.CLOSED && source === this.source) this.on.lost();
    };
    const take = (message) => this.on.event(JSON.parse(message.data));
    for (const type of TYPES) source.addEventListener(type, take);
    source.addEventListener("deltawire.gap", () => this.on.gap());
  }

  close() {
    this.source?.close();
    this.source = null;
  }
}
