"use strict";

(() => {
  const step = (id) => document.getElementById(id)?.click();
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "n") step("next");
    if (event.key === "p") step("previous");
  });

  const pane = document.getElementById("pane");
  if (!pane) return;
  const beside = document.getElementById("beside");
  const zoomed = document.getElementById("zoom");
  let following = false;

  // Whichever pane was moved leads; the other shows the same place at the same size.
  const follow = (from) => {
    zoomed.textContent = `${from.zoom.toFixed(1)} times as large as it fits`;
    const to = from === first ? second : first;
    if (following || beside.hidden || !to.svg) return;
    following = true;
    to.set(from.zoom, from.middle());
    requestAnimationFrame(() => { following = false; });
  };
  const first = new Viewer(pane, follow);
  const second = new Viewer(beside, follow);

  document.querySelector(".tools").hidden = false;
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => ({
      in: () => first.by(1.5),
      out: () => first.by(1 / 1.5),
      fit: () => first.set(1),
      impression: () => first.show(first.svg.querySelector("ellipse.layer-rim")),
      pixel: () => first.set(first.svg.viewBox.baseVal.width / first.fit(), first.middle()),
    })[button.dataset.zoom]());
  }

  const choose = document.getElementById("choose");
  const straight = document.getElementById("beside-straight");
  const copy = (id) => document.getElementById(id)?.content.cloneNode(true);
  const show = () => {
    const value = choose.value;
    beside.replaceChildren();
    beside.hidden = value === "";
    document.querySelector(".panes").classList.toggle("two", value !== "");
    const name = choose.selectedOptions[0].textContent;
    document.getElementById("beside-name").textContent = value === "" ? "" : `Right: ${name}`;
    if (value === "plain") {
      const plain = first.svg.cloneNode(true);
      plain.querySelector(".outlines").remove();
      plain.setAttribute("aria-label", "The plain photograph");
      beside.append(plain);
    } else if (value !== "") {
      beside.append(copy(`beside-${value}`));
    }
    if (straight) {
      const other = value === "" || value === "plain" ? null : copy(`straight-${value}`);
      const caption = document.createElement("figcaption");
      caption.textContent = name;
      straight.replaceChildren(...(other ? [other, caption] : []));
      straight.hidden = !other;
    }
    if (value === "plain" || value === "") {
      first.set(first.zoom, first.middle());
    } else {
      // Another photograph has another scale: both show their impression.
      following = true;
      first.show(first.svg.querySelector("ellipse.layer-rim"));
      if (second.svg) second.show(second.svg.querySelector("ellipse.layer-rim"));
      requestAnimationFrame(() => { following = false; });
    }
  };
  choose.addEventListener("change", show);
  first.set(1);
  show();
})();
