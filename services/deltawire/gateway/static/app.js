// The page: loads what is stored, follows the event stream from there, and draws once a frame.

import { Connection, entryPath, get } from "./api.js";
import { Card } from "./card.js";
import { headline, plural, WORDS } from "./format.js";
import { fromEvent, fromView, keyOf, Model } from "./model.js";
import { Changes, drawAlerts, drawFeeds } from "./panels.js";
import { Timeline } from "./timeline.js";

const TICK = 10_000;
const PER_FRAME = 250;
const ALERTS = 30;
const $ = (id) => document.getElementById(id);

const view = { feed: "", show: "", query: "" };
const model = new Model();
let ranked = null;
let feeds = [];
let backoff = 1000;
let restarting = false;
let lastTick = Date.now();
let loading = 0;
const queue = [];
const changed = new Set();
const flash = new Set();
const spoken = [];
let frame = null;

const titleOf = (id) => feeds.find((feed) => feed.id === id)?.title || id;
const timeline = new Timeline({ root: $("entries"), fresh: $("fresh"), older: $("older"), empty: $("empty"), titleOf });
const changes = new Changes({ list: $("changes"), note: $("changes-note") }, titleOf, jump);
const connection = new Connection({ event: receive, state: setState, reopened: refresh, gap, lost: restart });

// --- loading -------------------------------------------------------------------------------------------------

function page(before = null) {
  return get(view.feed ? `feeds/${encodeURIComponent(view.feed)}/entries` : "entries", { before, limit: 60 });
}

/** Everything anew, the stream included. */
async function restart() {
  if (restarting) return;
  restarting = true;
  connection.close();
  try {
    const [list, index] = await Promise.all([load(true), get("")]);
    $("version").textContent = `deltawire ${index.version}`;
    await loadFeeds();
    await loadAlerts();
    changes.seed([...model.records.values()]);
    connection.open(list.position);
    backoff = 1000;
  } catch (error) {
    setState("reconnecting");
    notice(`The gateway cannot be read (${error.message}). Trying again.`);
    setTimeout(restart, backoff);
    backoff = Math.min(backoff * 2, 30_000);
  } finally {
    restarting = false;
  }
}

/** Events are gone that were never sent to us: what they did is in the store. */
function gap() {
  return Promise.all([load(true), loadFeeds(), loadAlerts()]).catch(restart);
}

/** The stored entries of this view. Without `anew` they are merged: the newest state of each entry wins. */
async function load(anew) {
  const mine = (loading += 1);
  const list = view.query ? await get("search", { q: view.query, feed: view.feed, limit: 100 }) : await page();
  if (mine !== loading) return list;
  if (anew) {
    model.clear();
    timeline.reset();
  }
  const keys = anew || !model.hasOlder ? model.merge(list.entries, list.next ?? null) : mergeOver(list.entries);
  ranked = view.query ? list.entries.map((found) => keyOf(found.feed_id, found.entry.id)) : null;
  keys.forEach((key) => changed.add(key));
  notice("");
  draw();
  return list;
}

const mergeOver = (entries) => entries.map(fromView).filter((found) => model.put(found)).map((found) => found.key);

async function loadFeeds() {
  const names = feeds.map((feed) => feed.title).join("\n");
  ({ feeds } = await get("feeds"));
  drawFeeds({ list: $("feeds"), note: $("feeds-note") }, feeds, view.feed, (feed) => go({ feed }));
  if (names !== feeds.map((feed) => feed.title).join("\n")) {
    for (const key of model.records.keys()) changed.add(key);
    changes.draw();
    draw();
  }
}

async function loadAlerts() {
  const { alerts } = await get("alerts", { limit: ALERTS + 1 });
  const note = alerts.length > ALERTS ? `${ALERTS}+` : String(alerts.length || "");
  drawAlerts({ list: $("alerts"), note: $("alerts-note") }, alerts.slice(0, ALERTS), note, titleOf, jump);
}

/** After a reconnection: the stream resumes where it was; what the store knows is merged beside it. */
async function refresh() {
  try {
    await Promise.all([view.query ? null : load(false), loadFeeds(), loadAlerts()]);
  } catch {
    setState("reconnecting");
  }
}

async function older() {
  timeline.more();
  if (model.hasOlder && !ranked) {
    const oldest = model.list().at(-1);
    const before = model.next ?? oldest.cursor ?? (await get(entryPath(oldest.feedId, oldest.entry.id))).cursor;
    const list = await page(before);
    model.merge(list.entries, list.next);
  }
  draw();
}

// --- the stream ----------------------------------------------------------------------------------------------

function receive(event) {
  queue.push(event);
  draw();
}

function take(event) {
  if (!event.type.startsWith("deltawire.entry.")) {
    soon("feeds", loadFeeds);
    // A feed that begins anew takes its old entries along: nothing will speak of them again.
    if (event.type === "deltawire.feed.started") soon("list", () => load(true));
    return;
  }
  const found = fromEvent(event);
  soon("feeds", loadFeeds);
  if (!found.backfill) {
    changes.add(found, event.data.changes);
    spoken.push(found);
    soon("alerts", loadAlerts);
    soon("speech", speak);
  }
  if (view.feed && view.feed !== found.feedId) return;
  if (ranked && !model.records.has(found.key)) return;
  if (model.apply(event)) {
    changed.add(found.key);
    if (!found.backfill) flash.add(found.key);
  }
}

const timers = new Map();
/** Once, a little later, however often it is asked for meanwhile. */
function soon(name, action) {
  if (timers.has(name)) return;
  timers.set(name, setTimeout(() => {
    timers.delete(name);
    Promise.resolve(action()).catch(() => {});
  }, 1500));
}

function speak() {
  const words = spoken.splice(0);
  if (words.length === 1) {
    $("announce").textContent = `${WORDS[words[0].type]}, ${titleOf(words[0].feedId)}: ${headline(words[0].entry)}`;
  } else if (words.length) {
    const counts = Map.groupBy ? [...Map.groupBy(words, (found) => WORDS[found.type])] : [];
    $("announce").textContent = counts.map(([word, some]) => `${some.length} ${word}`).join(", ");
  }
  document.title = document.hidden ? `(${changes.count}) deltawire` : "deltawire";
}

// --- drawing -------------------------------------------------------------------------------------------------

/** One drawing a frame; a hidden page has no frames, so there it is a timer. */
function draw() {
  if (frame !== null) return;
  frame = true;
  if (document.hidden) setTimeout(drawNow, 250);
  else requestAnimationFrame(drawNow);
}

function drawNow() {
  frame = null;
  const events = queue.splice(0, PER_FRAME);
  const before = changes.count;
  events.forEach(take);
  model.trim();
  const found = ranked ? ranked.map((key) => model.records.get(key)).filter(Boolean) : model.list();
  timeline.draw(found, {
    show: view.show,
    days: ranked === null,
    hasOlder: model.hasOlder && ranked === null,
    changed,
    flash,
    emptyText: emptyText(),
  });
  changed.clear();
  flash.clear();
  if (changes.count !== before) changes.draw();
  if (queue.length) draw();
}

function emptyText() {
  if (view.query) return `Nothing found for “${view.query}”.`;
  if (view.show && model.records.size) return "Nothing like that among the entries loaded so far.";
  return "No entries yet. They appear here as soon as a feed has been read.";
}

function setState(state) {
  $("connection").hidden = false;
  $("connection").dataset.state = state;
  const text = { live: "Live", connecting: "Connecting…", reconnecting: "Reconnecting…" }[state];
  if ($("connection-text").textContent !== text) $("connection-text").textContent = text;
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// --- what the reader does ------------------------------------------------------------------------------------

function go(change) {
  Object.assign(view, change);
  const parts = Object.entries(view).filter(([, value]) => value);
  history.replaceState(null, "", parts.length ? `#${new URLSearchParams(parts)}` : location.pathname);
  showView();
  if ("show" in change && Object.keys(change).length === 1) draw();
  else load(true).catch((error) => notice(`${error.message}.`));
}

function showView() {
  $("show").value = view.show;
  if ($("query").value.trim() !== view.query) $("query").value = view.query;
  const where = view.feed ? titleOf(view.feed) : "All feeds";
  $("view-title").textContent = view.query ? `“${view.query}” in ${view.feed ? where : "all feeds"}` : where;
  drawFeeds({ list: $("feeds"), note: $("feeds-note") }, feeds, view.feed, (feed) => go({ feed }));
}

async function jump(feedId, entryId) {
  if (timeline.reveal(keyOf(feedId, entryId))) return;
  try {
    const found = fromView(await get(entryPath(feedId, entryId)));
    const card = new Card(titleOf);
    card.show(found, false);
    card.flip(true);
    $("single-entry").replaceChildren(card.node);
    $("single").showModal();
  } catch (error) {
    notice(`${error.message}.`);
  }
}

let typing = null;
$("query").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => go({ query: $("query").value.trim() }), 250);
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  go({ query: $("query").value.trim() });
});
$("show").addEventListener("change", () => go({ show: $("show").value }));
$("older").addEventListener("click", () => older().catch((error) => notice(`${error.message}.`)));

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, dialog")) return;
  const action = {
    "/": () => $("query").focus(),
    j: () => timeline.move(1),
    k: () => timeline.move(-1),
    r: () => timeline.focused()?.flip(),
  }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// On a wide screen the panels stand open; on a phone they fold away and the timeline comes first.
const wide = matchMedia("(min-width: 1000px)");
const unfold = () => document.querySelectorAll("details.panel").forEach((panel) => (panel.open = wide.matches));
wide.addEventListener("change", unfold);
unfold();

addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.title = "deltawire";
  draw();
});

async function tick() {
  const slept = Date.now() - lastTick > 3 * TICK && !document.hidden;
  lastTick = Date.now();
  // A machine that slept may hold a connection that is dead without either end having said so.
  if (slept) return restart();
  if (document.hidden) return undefined;
  return Promise.all([loadFeeds(), loadAlerts()]).catch(() => setState("reconnecting"));
}
setInterval(tick, TICK);
addEventListener("online", restart);

setState("connecting");
const asked = new URLSearchParams(location.hash.slice(1));
for (const name of Object.keys(view)) view[name] = asked.get(name) ?? "";
await restart();
showView();
