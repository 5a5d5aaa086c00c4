"use strict";

// The examiner's readings: kept in the browser as they are made, saved as verdicts.csv. A verdict is
// { time, reading, after }; `after` is null until the machine's reading was seen.
(() => {
  const $ = (id) => document.getElementById(id);
  const photographs = BATCH.photographs;
  const longest = Math.max(...BATCH.lengths);
  const [reading, message, machine] = [$("reading"), $("message"), $("machine")];
  let examiner = "";
  let verdicts = {};
  let at = 0;
  let asked = false; // Whether Enter is to be pressed again for an unusual reading.
  let warned = null; // The photograph that was to be compared before the others of its scene are read.
  let left = null; // The photograph that was to be left with a reading that is not kept.
  let kept = true; // Whether the browser keeps what is stored.
  const seen = {}; // The machine's readings that were shown.

  const key = () => `microstamp-verdicts:${BATCH.run}:${examiner}`;
  const stored = () => {
    try {
      return JSON.parse(localStorage.getItem(key())) ?? {};
    } catch {
      return {};
    }
  };
  const store = () => {
    // Another window of the same examiner may have kept readings meanwhile: of two of one photograph, the first, and what
    // was compared in either window was compared.
    for (const [file, other] of Object.entries(stored())) {
      const own = verdicts[file];
      const compared = own && own.time === other.time && own.after === null && other.after !== null;
      if (own === undefined || other.time < own.time || compared) verdicts[file] = other;
    }
    try {
      localStorage.setItem(key(), JSON.stringify(verdicts));
    } catch {
      kept = false;
      $("no-storage").hidden = false;
    }
  };
  const recall = () => {
    verdicts = stored();
    store();
  };
  window.addEventListener("beforeunload", (event) => {
    if (!kept && Object.keys(verdicts).length > 0) event.preventDefault();
  });

  // The photograph, turned and enlarged by its view box.
  const SVG = "http://www.w3.org/2000/svg";
  const shape = (name, attributes, ...children) => {
    const made = document.createElementNS(SVG, name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    made.append(...children);
    return made;
  };
  const look = { x: 0, y: 0, half: 1, turn: 0, mirrored: false, whole: false, pivot: [0, 0] };
  let drawing;

  const open = (photograph) => {
    const images = photograph.pictures.map(({ file, x, y, width, height }) =>
      shape("image", { href: `pictures/${file}`, x, y, width, height, preserveAspectRatio: "none" }));
    drawing = shape("svg", { class: "drawing" }, shape("g", {}, ...images));
    $("view").replaceChildren(drawing);
    look.turn = 0;
    look.mirrored = false;
    home(photograph.rim === null);
  };
  const home = (whole) => {
    const { size, rim } = photographs[at];
    look.whole = whole || rim === null;
    const middle = [size[0] / 2, size[1] / 2];
    [look.x, look.y] = look.whole ? middle : rim;
    look.half = look.whole ? Math.max(...size) / 2 : 1.3 * rim[2];
    look.pivot = [look.x, look.y];
    draw();
  };
  const draw = () => {
    const { x, y, half, turn, mirrored, pivot: [px, py] } = look;
    drawing.setAttribute("viewBox", `${x - half} ${y - half} ${2 * half} ${2 * half}`);
    const mirror = mirrored ? ` scale(-1 1)` : "";
    drawing.firstChild.setAttribute("transform", `translate(${px} ${py}) rotate(${turn})${mirror} translate(${-px} ${-py})`);
  };
  const zoom = (factor) => {
    look.half = Math.min(Math.max(...photographs[at].size), Math.max(8, look.half / factor));
    draw();
  };
  const move = (x, y) => {
    look.x += x * look.half;
    look.y += y * look.half;
    draw();
  };
  const turn = (degrees) => {
    look.turn = (look.turn + degrees + 360) % 360;
    draw();
  };
  const mirror = () => {
    look.mirrored = !look.mirrored;
    draw();
  };
  $("view").addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300));
  }, { passive: false });
  $("view").addEventListener("pointerdown", (event) => {
    let last = [event.clientX, event.clientY];
    const side = Math.min($("view").clientWidth, $("view").clientHeight);
    const drag = (e) => {
      move(2 * (last[0] - e.clientX) / side, 2 * (last[1] - e.clientY) / side);
      last = [e.clientX, e.clientY];
    };
    const end = () => {
      window.removeEventListener("pointermove", drag);
      window.removeEventListener("pointerup", end);
    };
    window.addEventListener("pointermove", drag);
    window.addEventListener("pointerup", end);
  });

  const verdict = () => verdicts[photographs[at].file];
  const say = (text) => { message.textContent = text; };

  const show = (index) => {
    at = index;
    asked = false;
    const photograph = photographs[at];
    open(photograph);
    $("name").replaceChildren(Object.assign(document.createElement("bdi"), { textContent: photograph.path }));
    $("notes").replaceChildren(...photograph.notes.map((text) =>
      Object.assign(document.createElement("li"), { textContent: text })));
    refresh();
    say("");
    reading.focus();
  };

  // To another photograph; what is typed and not kept is asked for once.
  const leave = (index) => {
    const own = verdict();
    const open = own !== undefined && seen[photographs[at].file];
    const stands = own ? own.after ?? own.reading : "";
    if ((own === undefined || open) && reading.value !== stands && left !== at) {
      left = at;
      return say("This reading is not kept yet: Enter keeps it. Once more leaves without it.");
    }
    left = null;
    show(index);
  };

  // What the page says of the photograph at hand, by how far its verdict has come.
  const refresh = () => {
    const done = photographs.filter(({ file }) => verdicts[file]).length;
    $("progress").textContent = `Photograph ${at + 1} of ${photographs.length}; ${done} read`;
    const own = verdict();
    const open = own !== undefined && seen[photographs[at].file];
    reading.readOnly = own !== undefined && !open;
    reading.value = own ? own.after ?? own.reading : "";
    $("label").textContent = open ? "Your reading after seeing the machine's" : own ? "Your reading, kept" : "Your reading";
    $("keep").textContent = open ? "Keep as it is now" : own ? "Next" : "Keep";
    $("compare").hidden = own === undefined || Boolean(open);
    machine.hidden = !open;
    if (open) {
      // Only now it is seen: who has gone on before it was there has compared nothing.
      own.after ??= own.reading;
      store();
      revealPanel(own, open);
    }
    list();
  };

  const list = () => {
    if (!$("all").open) return;
    $("all").lastElementChild.replaceChildren(...photographs.map(({ file, path }, i) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: path });
      button.addEventListener("click", () => leave(i));
      const state = !verdicts[file] ? "" : verdicts[file].after === null ? " read" : " read and compared";
      const item = document.createElement("li");
      item.append(button, state);
      return item;
    }));
  };
  $("all").addEventListener("toggle", list);

  const keep = () => {
    const value = reading.value;
    const file = photographs[at].file;
    const own = verdicts[file];
    const open = own && seen[file];
    if (own && !open) return next();
    // A slip of the finger would count as a disagreement for good.
    const odd = value === "" ? "Nothing is typed. Enter again: there is no mark."
      : !BATCH.lengths.includes(value.length)
        ? `Codes have ${BATCH.lengths.join(" or ")} characters, this has ${value.length}. Enter again keeps it.`
        : /[IOQ]/.test(value) ? "I, O and Q are not issued: perhaps 1 or 0? Enter again keeps it." : "";
    if (!asked && odd) {
      asked = true;
      return say(odd);
    }
    if (open) own.after = value;
    else verdicts[file] = { time: new Date().toISOString(), reading: value, after: null };
    store();
    next();
  };

  // The next photograph without a verdict, from here on and then from the beginning.
  const next = () => {
    const order = [...photographs.keys()].map((i) => (at + 1 + i) % photographs.length);
    const free = order.find((i) => !verdicts[photographs[i].file]);
    if (free !== undefined) return show(free);
    show(at);
    say("Every photograph is read. Save verdicts.csv, or compare.");
    $("save").focus();
  };

  // The machine's reading of one photograph lies in a file of its own, which is loaded now.
  const compare = () => {
    const { file, name } = photographs[at];
    if (!verdicts[file] || seen[file]) return;
    // The first folder is the scene, and its photographs may show one code.
    const scene = name.includes("/") ? name.slice(0, name.indexOf("/") + 1) : null;
    const open = photographs.filter((other) => scene && other.name.startsWith(scene) && !verdicts[other.file]).length;
    if (open > 0 && warned !== file) {
      warned = file;
      return say(`${open} more of this scene ${open === 1 ? "is" : "are"} not read yet and may show the same code: read first. Once more compares all the same.`);
    }
    const script = Object.assign(document.createElement("script"), { src: `reveal/${file}.js` });
    script.addEventListener("error", () => say("The machine's readings are not in this folder. Save verdicts.csv and compare with: microstamp score OUT --verdicts verdicts.csv"));
    script.addEventListener("load", () => {
      if (photographs[at].file !== file) return;
      refresh();
      say("Change your reading or leave it; Enter keeps it. Your first reading stays in the file.");
      reading.focus();
    });
    document.body.append(script);
  };
  window.reveal = (file, hex) => {
    const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
    seen[file] = JSON.parse(new TextDecoder().decode(bytes));
  };

  const revealPanel = (own, read) => {
    const element = (name, text, of = {}) => Object.assign(document.createElement(name), of, { textContent: text });
    const table = document.createElement("table");
    const line = (name, cells, mark) => {
      const row = document.createElement("tr");
      row.append(Object.assign(element("th", name), { scope: "row" }));
      for (const [i, cell] of [...cells].entries()) {
        row.append(element("td", cell + (mark && mark(i) ? " ≠" : ""), { className: "code" }));
      }
      table.append(row);
    };
    const code = read.code ?? "";
    const differs = (i) => code[i] && own.reading[i] && code[i] !== "?" && own.reading[i] !== "?" && code[i] !== own.reading[i];
    line("You", own.reading, differs);
    line("Machine", code);
    for (let rank = 0; rank < 3 && read.places.length > 0; rank++) {
      line(rank === 0 ? "Most probable" : `Alternative ${rank}`, read.places.map((p) => p[rank] ? `${p[rank][0]} ${p[rank][1]}` : "-"));
    }
    const scroll = Object.assign(document.createElement("div"), { className: "scroll", tabIndex: 0 });
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Both readings");
    scroll.append(table);
    const sum = read.best === null ? "" : `; most probable ${read.best}, right as a whole with probability ${read.confidence}`;
    const remarks = read.warnings.length > 0 ? [element("p", `Warnings: ${read.warnings.join("; ")}.`)] : [];
    const simulated = "Probabilities were calibrated on simulated photographs; how far that holds for this one is not known.";
    machine.replaceChildren(
      element("h3", "The machine's reading"),
      element("p", `${read.status.replace("_", " ")}: ${read.meaning}${sum}.`),
      ...remarks,
      ...(read.places.length > 0 ? [scroll] : []),
      element("p", simulated));
    if (!drawing.querySelector(".outlines")) {
      const cells = read.drawing.cells.map(({ points }) => shape("polygon", { points }));
      const outlines = shape("g", { class: "outlines layer-cells" }, ...cells);
      drawing.firstChild.append(outlines);
    }
  };

  const quoted = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const save = () => {
    const lines = ["sha256,path,examiner,time,reading,changed,reading_after,compared"];
    for (const { file, name, sha256 } of photographs) {
      const own = verdicts[file];
      if (!own) continue;
      const changed = own.after !== null && own.after !== own.reading;
      lines.push([sha256 ?? "", name, examiner, own.time, own.reading, String(changed), own.after ?? "", String(own.after !== null)].map(quoted).join(","));
    }
    const url = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: "verdicts.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
    say(`${lines.length - 1} readings saved as verdicts.csv.`);
  };

  // Longer than any code: a character too many is seen and asked about, and not dropped.
  reading.maxLength = 2 * longest;
  reading.size = longest;
  reading.addEventListener("input", () => {
    asked = false;
    const allowed = (text) => text.toUpperCase().replace(/[^A-Z0-9?]/g, "");
    const place = allowed(reading.value.slice(0, reading.selectionStart)).length;
    reading.value = allowed(reading.value);
    reading.setSelectionRange(place, place);
    say(/[IOQ]/.test(reading.value) ? "I, O and Q are not issued." : `${reading.value.length} characters`);
  });
  const keys = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
    ",": () => turn(-5), ".": () => turn(5), "/": mirror, "!": () => $("view").classList.toggle("bright"),
    Home: () => home(!look.whole),
    PageDown: () => leave((at + 1) % photographs.length),
    PageUp: () => leave((at + photographs.length - 1) % photographs.length),
  };
  const shifted = {
    ArrowLeft: () => move(-0.1, 0), ArrowRight: () => move(0.1, 0), ArrowUp: () => move(0, -0.1), ArrowDown: () => move(0, 0.1),
  };
  document.addEventListener("keydown", (event) => {
    if ($("work").hidden || event.altKey || event.metaKey) return;
    let act = event.shiftKey && shifted[event.key] || keys[event.key];
    if (event.ctrlKey) act = { Enter: compare, s: save, S: save }[event.key];
    // A key that is held down is pressed once: the question of an unusual reading is to be answered.
    if (event.key === "Enter" && event.repeat) return event.preventDefault();
    if (!act) return;
    event.preventDefault();
    act();
  });
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    keep();
  });
  $("compare").addEventListener("click", compare);
  $("save").addEventListener("click", save);
  $("who").addEventListener("submit", (event) => {
    event.preventDefault();
    examiner = $("examiner").value.trim();
    if (examiner === "") return;
    recall();
    $("start").hidden = true;
    $("work").hidden = false;
    if (photographs.length === 0) return say("There is no photograph to read.");
    const free = photographs.findIndex(({ file }) => !verdicts[file]);
    show(free < 0 ? 0 : free);
  });
  $("examiner").focus();
})();
