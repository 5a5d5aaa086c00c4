"use strict";

// Filters and sorts the whole batch. What is chosen stands behind the # of the address, so that it
// can be kept as a bookmark; without it the page shows its own hundred.
(() => {
  const PAGE = 100;
  const STATUSES = ["read", "partial", "unreadable", "no_mark", "failed"];
  const FIELDS = ["status", "scene", "code", "name", "from", "to"];
  const rows = ROWS.map(([path, scene, status, code, best, confidence, warnings, small, shown], i) =>
    ({ number: i + 1, path, scene: SCENES[scene], status, code, best, confidence, warnings, small, shown: shown ?? "-" }));
  const form = document.getElementById("filter");
  const table = document.getElementById("photographs");
  const body = table.tBodies[0];
  const count = document.getElementById("count");
  const pages = document.getElementById("pages");
  const own = { rows: [...body.rows], count: count.textContent, pages: [...pages.childNodes] };

  const scenes = document.getElementById("scenes");
  for (const scene of SCENES) scenes.append(Object.assign(document.createElement("option"), { value: scene }));
  form.hidden = false;

  // A typed code against a shown one: `?` on either side leaves the place open.
  const fits = (typed, code) => {
    if (code === null) return false;
    for (let at = 0; at + typed.length <= code.length; at++) {
      let all = true;
      for (let i = 0; i < typed.length && all; i++) {
        all = typed[i] === "?" || code[at + i] === "?" || typed[i] === code[at + i];
      }
      if (all) return true;
    }
    return false;
  };

  const chosen = (state) => {
    const code = (state.get("code") || "").toUpperCase();
    const name = (state.get("name") || "").toLowerCase();
    const [from, to] = [state.get("from"), state.get("to")];
    return rows.filter((row) =>
      (!state.get("status") || row.status === state.get("status"))
      && (!state.get("scene") || row.scene === state.get("scene"))
      && (!code || fits(code, row.code))
      && (!name || row.path.toLowerCase().includes(name))
      && (!from || (row.confidence !== null && row.confidence >= Number(from)))
      && (!to || (row.confidence !== null && row.confidence <= Number(to))));
  };

  const sorted = (list, by, down) => {
    const key = by === "status" ? (row) => STATUSES.indexOf(row.status) : (row) => row[by];
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      // What has no value stands last either way; equals keep the order of the batch.
      if (x === null || y === null) return (x === null) - (y === null) || a.number - b.number;
      const order = x < y ? -1 : x > y ? 1 : 0;
      return (down ? -order : order) || a.number - b.number;
    };
    return [...list].sort(compare);
  };

  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // Cells as the template writes them, from text alone.
  const line = (row) => {
    const file = String(row.number).padStart(5, "0");
    const picture = element("td", {});
    if (row.small) {
      picture.append(element("img", { loading: "lazy", width: 64, height: 64, alt: "", src: `pictures/${file}-small.jpg` }));
    }
    return element("tr", {},
      picture,
      element("td", { className: "number" }, String(row.number)),
      element("td", {}, element("a", { href: `photographs/${file}.html` }, element("bdi", {}, row.path))),
      element("td", {}, element("span", { className: `status status-${row.status}` }, row.status.replace("_", " "))),
      element("td", { className: "code" }, row.code ?? "-"),
      element("td", { className: "code" }, row.best ?? "-"),
      element("td", { className: "number" }, row.shown),
      element("td", {}, row.warnings));
  };

  const state = () => new URLSearchParams(location.hash.slice(1));
  // What is typed is one step of the history, not one a letter.
  const go = (changes, typed = false) => {
    const next = state();
    for (const [name, value] of Object.entries(changes)) {
      if (value === "" || value === null) next.delete(name); else next.set(name, value);
    }
    const hash = next.toString();
    if (hash !== location.hash.slice(1)) {
      const place = hash ? `#${hash}` : location.pathname;
      if (typed) history.replaceState(null, "", place); else history.pushState(null, "", place);
    }
    render(typed);
  };

  const link = (page, pageNow) => {
    const hash = state();
    hash.set("page", page);
    const a = element("a", { href: `#${hash}` }, String(page));
    if (page === pageNow) a.setAttribute("aria-current", "page");
    return a;
  };

  const render = (typed = false) => {
    const now = state();
    for (const name of FIELDS) {
      const field = form.elements[name];
      if (!typed || field !== document.activeElement) field.value = now.get(name) || "";
    }
    const by = now.get("sort") || "number";
    const down = now.get("down") === "1";
    for (const head of table.tHead.rows[0].cells) {
      if (!head.dataset.sort) continue;
      if (head.dataset.sort === by) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    if ([...now.keys()].length === 0) {
      body.replaceChildren(...own.rows);
      count.textContent = own.count;
      pages.replaceChildren(...own.pages);
      return;
    }
    const list = sorted(chosen(now), by, down);
    const last = Math.max(1, Math.ceil(list.length / PAGE));
    const page = Math.min(last, Math.max(1, Number(now.get("page")) || 1));
    const part = list.slice((page - 1) * PAGE, page * PAGE);
    body.replaceChildren(...part.map(line));
    const first = (page - 1) * PAGE + 1;
    const which = part.length === 0 ? "None" : `${first} to ${first + part.length - 1} of ${list.length} found, out`;
    count.textContent = `${which} of ${rows.length} photographs.`;
    pages.replaceChildren();
    for (let n = 1; n <= last; n++) pages.append(link(n, page), " ");
  };

  for (const head of table.tHead.rows[0].cells) {
    const by = head.dataset.sort;
    if (!by) continue;
    const button = element("button", { type: "button", className: "sort" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = state();
      const again = (now.get("sort") || "number") === by && now.get("down") !== "1";
      go({ sort: by, down: again ? "1" : "", page: "" });
    });
  }
  form.addEventListener("input", (event) => go({ [event.target.name]: event.target.value.trim(), page: "" }, true));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("all").addEventListener("click", () => {
    go(Object.fromEntries([...FIELDS, "sort", "down", "page"].map((name) => [name, ""])));
  });
  window.addEventListener("hashchange", () => render());
  window.addEventListener("popstate", render);
  render();
})();
