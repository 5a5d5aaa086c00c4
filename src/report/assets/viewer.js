"use strict";

// A pane in which a drawing can be enlarged and moved. The pane scrolls, so that keys, wheel and
// touch move the drawing as they move any page.
class Viewer {
  constructor(pane, changed) {
    this.pane = pane;
    this.changed = changed;
    this.zoom = 1;
    pane.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.by(Math.exp(-event.deltaY / 300), this.under(event));
    }, { passive: false });
    pane.addEventListener("dblclick", (event) => this.by(2, this.under(event)));
    pane.addEventListener("scroll", () => this.tell());
    pane.addEventListener("keydown", (event) => this.key(event));
    pane.addEventListener("pointerdown", (event) => this.drag(event));
    window.addEventListener("resize", () => { if (this.svg) this.set(this.zoom, this.middle()); });
  }

  get svg() { return this.pane.querySelector("svg.drawing"); }

  // Width of the drawing that shows all of it in the pane, CSS pixels.
  fit() {
    const { width, height } = this.svg.viewBox.baseVal;
    return Math.min(this.pane.clientWidth, this.pane.clientHeight * width / height);
  }

  // The place in the middle of the pane, as shares of the drawing's width and height.
  middle() { return this.place(this.pane.clientWidth / 2, this.pane.clientHeight / 2); }

  under(event) {
    const box = this.pane.getBoundingClientRect();
    return this.place(event.clientX - box.left, event.clientY - box.top);
  }

  place(x, y) {
    const box = this.svg.getBoundingClientRect();
    const pane = this.pane.getBoundingClientRect();
    return [(x + pane.left - box.left) / box.width, (y + pane.top - box.top) / box.height];
  }

  by(factor, at = this.middle()) { this.set(this.zoom * factor, at); }

  // Shows the drawing `zoom` times as large as it fits, with the place `at` in the middle.
  set(zoom, at = [0.5, 0.5]) {
    this.zoom = Math.min(64, Math.max(1, zoom));
    const width = this.fit() * this.zoom;
    this.svg.style.width = `${width}px`;
    const { width: w, height: h } = this.svg.viewBox.baseVal;
    this.pane.scrollLeft = at[0] * width - this.pane.clientWidth / 2;
    this.pane.scrollTop = at[1] * width * h / w - this.pane.clientHeight / 2;
    this.tell();
  }

  // Fills the pane with the box of an outline.
  show(outline) {
    if (!outline) return;
    const view = this.svg.viewBox.baseVal;
    const r = 1.3 * Math.max(outline.rx.baseVal.value, outline.ry.baseVal.value);
    const [x, y] = [outline.cx.baseVal.value, outline.cy.baseVal.value];
    const side = Math.min(this.pane.clientWidth, this.pane.clientHeight);
    const zoom = side * view.width / (2 * r) / this.fit();
    this.set(zoom, [(x - view.x) / view.width, (y - view.y) / view.height]);
  }

  key(event) {
    if (!this.svg || event.ctrlKey || event.metaKey || event.altKey) return;
    const done = {
      "+": () => this.by(1.25), "=": () => this.by(1.25), "-": () => this.by(0.8), "0": () => this.set(1),
    }[event.key];
    if (!done) return;
    event.preventDefault();
    done();
  }

  drag(event) {
    if (event.button !== 0 || event.pointerType !== "mouse") return;
    const start = [event.clientX + this.pane.scrollLeft, event.clientY + this.pane.scrollTop];
    const move = (e) => {
      this.pane.scrollLeft = start[0] - e.clientX;
      this.pane.scrollTop = start[1] - e.clientY;
    };
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
  }

  tell() { if (this.changed) this.changed(this); }
}
