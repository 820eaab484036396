// Keeps an open board honest and in place: rows move without losing focus, ages grow by themselves, a lost stream is
// said. The server writes all HTML; the board works without this.
"use strict";
(() => {
  const menus = "details.person[open], details.explained[open], details.drop[open], details.more[open]";
  const patience = 50_000, patienceOfSheets = 140_000; // two heartbeats and a half; two re-reads, until they time out
  let heard = Date.now(), live = false, said = "", api; // when the server was last heard of, by our clock
  const board = () => document.querySelector("#scoreboard, #sheet");
  let ahead = Date.now() - (Date.parse(board()?.dataset.now) || Date.now()); // our clock minus the server's
  const now = () => Date.now() - ahead;
  const refetch = () => board() && htmx.trigger(board(), "refetch");

  function move(row, anchor, parent) {
    const next = anchor ? anchor.nextSibling : parent.firstChild, top = scrollY;
    if (next === row || (anchor && row.previousElementSibling === anchor)) return;
    parent[row.isConnected && parent.moveBefore ? "moveBefore" : "insertBefore"](row, next);
    if (row.contains(document.activeElement)) scrollTo({ top, behavior: "instant" }); // else Chromium follows it
  }

  // The swap style "place": changes the row `what` where it stands, and moves it `after` the first of the lines that is
  // on the page; a row that belongs under a folded heading leaves.
  htmx.registerExtension("board", {
    init: (internal) => { api = internal; },
    handle_swap: (style, body, fragment, spec) => {
      if (style !== "place") return false;
      let row = document.getElementById(spec.what);
      const told = fragment.firstElementChild;
      const heading = spec.in && document.getElementById(spec.in);
      if (spec.in && (!heading || heading.querySelector("[aria-expanded='false']"))) {
        row?.remove();
        return true;
      }
      if (row && told) api.morph(row, fragment, false);
      else if (told && spec.after) row = told;
      if (!row) return true;
      if (spec.after) move(row, spec.after.split("|").map((id) => document.getElementById(id)).find(Boolean), body);
      row.classList.remove("flash");
      void row.offsetWidth; // restarts the animation of a row that changes twice
      if (told) row.classList.add("flash");
      return [row];
    },
  });

  function hear(something) {
    live = something;
    if (live) heard = Date.now();
    const lost = document.getElementById("lost");
    if (!lost || !board()) return;
    lost.firstElementChild.textContent = live ? "" : `Live updates lost at ${told(clock, heard - ahead)}, trying again`;
    document.documentElement.classList.toggle("is-lost", !live);
    document.getElementById("live").hidden = !live || !document.querySelector(".stream");
  }

  document.addEventListener("beat", (event) => {
    const told = JSON.parse(event.detail.data);
    ahead = Date.now() - Date.parse(told.now);
    hear(true);
    if (told.version !== board().dataset.version) refetch();
  });
  document.addEventListener("htmx:before:sse:message", (event) => {
    const { message } = event.detail;
    if (message.event === "refetch") setTimeout(() => { said = message.data; refetch(); }, Math.random() * 1000);
    if (message.event) return;
    hear(true);
    const [from, to] = message.id.split(":");
    const shown = board().dataset.version;
    if (from === shown) board().dataset.version = to;
    else message.cancelled = true;
    if (from !== shown && to !== shown) refetch(); // something was missed
  });
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 401) location.reload(); // signed out: the page leads to the login
    hear(false);
  });
  document.addEventListener("htmx:config:request", (event) => {
    if (event.target.id === "scoreboard") event.detail.ctx.request.body.set("seen", board().dataset.version);
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { status } = event.detail.ctx.response, of = (what) => event.target.closest?.(what);
    if (of(".stream") && status === 401) location.reload();
    if (!of(".stream") && status >= 400) event.preventDefault(); // an error page takes the place of nothing
    if (of("#sheet") && !document.querySelector(".stream") && (status < 400 || of("#filters"))) hear(status < 400);
  });
  // A page that would lose a field with typed text waits for its reader, who finds a note with a link.
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx, tasks } = event.detail, note = document.getElementById("typing");
    const next = tasks.find((task) => task.type === "main")?.fragment;
    if (!note || !next || ctx.sourceElement.id !== "sheet") return;
    const typed = document.querySelectorAll("#sheet :is(textarea, input:not([type=checkbox], [type=hidden]))");
    const lost = [...typed].some((field) => field.value !== field.defaultValue && !next.getElementById(field.id));
    if (lost) event.preventDefault();
    note.hidden = !lost;
  });
  for (const back of ["pageshow", "visibilitychange"]) {
    addEventListener(back, (event) => document.hidden || event.persisted === false || refetch());
  }
  setInterval(() => {
    const stream = document.querySelector(".stream");
    if (!stream || document.hidden || live) return;
    refetch();
    const again = stream.cloneNode(); // a new element is a new attempt, whatever the old one waits for
    stream.replaceWith(again);
    htmx.process(again);
  }, 30_000); // while there is no stream

  function age(since) {
    const minutes = Math.floor((now() - Date.parse(since)) / 60_000);
    if (minutes < 60) return minutes < 1 ? "now" : `${minutes} min`;
    return minutes < 2880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
  }

  function tick() {
    const stream = document.querySelector(".stream"), again = stream || document.querySelector("#sheet[hx-get]");
    if (again && Date.now() - heard > (stream ? patience : patienceOfSheets)) hear(false);
    if (!stream) return; // the past does not grow older, and a sheet says as of when it was read
    const moment = document.getElementById("moment");
    if (moment) moment.textContent = `${told(day)} ${told(date)}, ${told(clock)}`;
    let reads = {}, aged = false;
    for (const each of document.querySelectorAll("#readings li")) reads[each.dataset.connection] = each.dataset;
    for (const time of board().querySelectorAll("td.read time")) {
      const row = time.closest("tr"), read = reads[row.dataset.connection];
      const text = age(read?.readAt ?? time.dateTime);
      if (time.textContent !== text) time.textContent = text;
      if (!read) continue;
      const old = now() > Date.parse(read.staleAt);
      row.classList.toggle("stale", old);
      row.querySelector(".state").dataset.asOf = old ? `not read since ${told(clock, Date.parse(read.readAt))}` : "";
      aged ||= old;
    }
    board().classList.toggle("is-aged", aged);
    const oldest = Object.values(reads).map((read) => read.readAt).sort()[0];
    const all = oldest && document.querySelector("#freshness.confirmed span");
    if (all) all.textContent = age(oldest) === "now" ? "All read just now" : `All read within ${age(oldest)}`;
  }
  const clock = { hour: "2-digit", minute: "2-digit" }, day = { weekday: "short" };
  const date = { day: "numeric", month: "long", year: "numeric" };
  function told(part, at = now()) {
    const timeZone = document.getElementById("moment")?.dataset.zone;
    return new Intl.DateTimeFormat("en-GB", { timeZone, ...part }).format(at);
  }
  setInterval(tick, 5000);
  document.addEventListener("htmx:after:swap", tick);
  addEventListener("htmx:after:swap", () => { if (said) [document.getElementById("announced").textContent, said] = [said, ""]; });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll(menus)) {
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.open = false;
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(menus)) if (!menu.contains(event.target)) menu.open = false;
  });
  // A form that opens takes the focus: its field in error, else its first. A menu that begins with a link does not.
  document.addEventListener("toggle", ({ target: opened }) => {
    if (!opened.open || !opened.matches("details")) return;
    const fields = "input:not([type=hidden]), select, textarea";
    const inside = [...opened.querySelectorAll(`a[href], button, ${fields}`)].find((each) => !each.closest("summary"));
    const first = opened.querySelector("[aria-invalid=true]") ?? inside;
    if (first?.matches(fields)) first.focus();
  }, true);
  document.documentElement.classList.add("js");
  // htmx begins in a timer, which may fire before its extensions have come: then it has passed the stream by.
  const stream = document.querySelector(".stream");
  if (stream && "htmxPowered" in board().dataset && !("htmxPowered" in stream.dataset)) htmx.process(stream);
})();
