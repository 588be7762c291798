// Distances: two places of one slice, drawn there and listed below the scans.
window.EcotoneMeasures ??= (() => {
  const gettext = window.gettext ?? ((text) => text);

  class Measures {
    constructor(root, redraw) {
      Object.assign(this, { redraw, list: [], first: null, hover: null });
      this.box = root.querySelector("[data-measures]");
      this.rows = this.box.querySelector("ol");
      this.told = this.box.querySelector("[data-measure-told]");
      this.button = root.querySelector("[data-measure]");
      this.box.addEventListener("click", (event) => this.press(event.target.closest("button")));
    }

    get on() {
      return this.button.getAttribute("aria-pressed") === "true";
    }

    toggle(on = !this.on) {
      this.button.setAttribute("aria-pressed", on);
      this.first = this.hover = null;
      this.told.textContent = on ? gettext("Choose two places in one slice: click them, or move the crosshair with Shift and the arrow keys and press Enter.") : "";
      this.show();
    }

    // The first call sets one end, the second the other; another slice begins anew.
    point(pane, tile, mm) {
      const start = this.first;
      if (!start || start.pane !== pane || start.plane !== tile.plane || start.slice !== tile.slice) {
        this.first = { pane, plane: tile.plane, slice: tile.slice, mm };
        this.told.textContent = gettext("One end is set; choose the other in the same slice.");
      } else {
        this.list.push({ pane, plane: tile.plane, ends: [start.mm, mm] });
        this.first = this.hover = null;
        this.told.textContent = EcotoneSay(gettext("Distance %(mm)s."), { mm: this.words(this.list.at(-1)) });
      }
      this.show();
    }

    words({ ends: [a, b] }) {
      const mm = Math.hypot(...a.map((value, axis) => value - b[axis]));
      return `${mm.toLocaleString(document.documentElement.lang || undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 })}\u00a0mm`;
    }

    draw(ctx, pane, tile) {
      const open = this.first && this.hover ? [{ ...this.first, ends: [this.first.mm, this.hover] }] : [];
      for (const one of [...this.list, ...open]) {
        if (one.pane !== pane || one.plane !== tile.plane) continue;
        const [a, b] = one.ends.map((mm) => pane.volume.toIndex(mm));
        if (Math.round(a[tile.axes[2]]) !== tile.slice) continue;
        const screen = [a, b].map((index) => tile.place(index[tile.axes[0]], index[tile.axes[1]]));
        EcotoneOverlay.distance(ctx, screen, this.words(one), pane.ratio);
      }
    }

    press(button) {
      if (!button) return;
      if (button.dataset.clear !== undefined) this.list = [];
      else this.list.splice(Number(button.dataset.remove), 1);
      this.show();
      this.button.focus();
    }

    show() {
      this.box.hidden = !this.on && !this.list.length;
      this.box.querySelector("[data-clear]").hidden = !this.list.length;
      this.rows.replaceChildren(...this.list.map((one, at) => this.row(one, at)));
      this.redraw();
    }

    row(one, at) {
      const item = document.createElement("li");
      const plane = { axial: gettext("axial"), coronal: gettext("coronal"), sagittal: gettext("sagittal") }[one.plane];
      const axis = EcotoneSlice.AXES[one.plane][2];
      const slice = Math.round(one.pane.volume.toIndex(one.ends[0])[axis]) + 1;
      const remove = Object.assign(document.createElement("button"), { type: "button", textContent: gettext("Remove") });
      remove.dataset.remove = at;
      remove.setAttribute("aria-label", EcotoneSay(gettext("Remove distance %(number)s"), { number: at + 1 }));
      item.append(EcotoneSay(gettext("%(scan)s, %(plane)s slice %(slice)s: %(mm)s"), { scan: one.pane.label, plane, slice, mm: this.words(one) }), " ", remove);
      return item;
    }
  }

  return Measures;
})();
