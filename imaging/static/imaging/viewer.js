// Scans side by side, linked: one crosshair, one zoom, one window; where one goes, the others follow.
(() => {
  const gettext = window.gettext ?? ((text) => text);
  const THROUGH = { axial: 2, coronal: 1, sagittal: 0, three: 2, solid: 2 };
  const SORRY = () => gettext("The scans could not be loaded. Reload the page; all numbers below are complete.");
  const plain = (value) => `${value < 0 ? "\u2212" : ""}${Math.abs(value)}`;
  const megabytes = (bytes) => (bytes / 1048576).toFixed(1);
  const read = (root, name) => JSON.parse(root.querySelector(`#viewer-${name}`).textContent);

  class Viewer {
    constructor(root) {
      this.root = root;
      this.slider = root.querySelector("[data-level]");
      const layer = (on, opacity) => ({ on, opacity });
      this.settings = {
        plane: "axial", zoom: 1, fov: 100, crosshair: true, turn: { yaw: 0.5, pitch: 0.3 }, hidden: new Set(),
        window: root.querySelector("[data-window][aria-pressed=true]").dataset.window.split(",").map(Number),
        layers: { outline: layer(true, 1), habitats: layer(true, 0.55), supervoxels: layer(false, 0.8), transitions: layer(false, 0.75) },
        habitats: read(root, "habitats"), states: read(root, "states"), kinds: read(root, "kinds"),
      };
      this.panes = [...root.querySelectorAll("[data-stage]")].map((stage) => new EcotonePane(stage, this.settings));
      this.active = this.panes[0];
      this.measures = new EcotoneMeasures(root, () => this.draw());
    }

    async start() {
      EcotoneControls.listen(this);
      await this.load(false);
      performance.mark("ecotone-viewer-ready");
    }

    async load(whole) {
      this.root.dataset.state = "loading";
      await Promise.all(this.panes.map(async (pane) => {
        pane.wait.hidden = false;
        const url = pane.stage.closest("[data-link]").dataset.link;
        const [field] = await Promise.all([url && !pane.field ? EcotoneLink.load(url) : pane.field, pane.load(whole, (done, total) => this.tell(pane, done, total))]);
        pane.field = field || null;
      }));
      for (const pane of this.panes) pane.wait.hidden = true;
      this.root.dataset.state = "ready";
      this.settings.fov = Math.max(...this.panes.flatMap(({ volume }) => volume.size.map((size, axis) => size * volume.spacing[axis])));
      this.reset();
    }

    tell(pane, done, total) {
      const of = total ? EcotoneSay(gettext("Loading the scan: %(done)s of %(total)s MB"), { done: megabytes(done), total: megabytes(total) }) : EcotoneSay(gettext("Loading the scan: %(done)s MB"), { done: megabytes(done) });
      pane.wait.textContent = of;
    }

    // Everything drawn within one frame is drawn once.
    draw() {
      if (this.root.dataset.state !== "ready" || this.waiting) return;
      this.waiting = requestAnimationFrame(() => {
        this.waiting = 0;
        for (const pane of this.panes) {
          pane.draw(this.measures);
          pane.readout.textContent = this.words(pane);
        }
        this.showSlider();
      });
    }

    words(pane) {
      const axis = THROUGH[this.settings.plane];
      const slice = EcotoneSay(gettext("Slice %(at)s of %(of)s"), { at: pane.place()[axis] + 1, of: pane.volume.size[axis] });
      const found = pane.probe();
      if (!found) return `${slice}; ${gettext("the crosshair lies outside this scan")}`;
      const where = found.habitat?.name ?? (found.inTumour ? gettext("tumour") : gettext("outside the tumour"));
      const more = [];
      if (found.supervoxel && this.settings.layers.supervoxels.on) more.push(EcotoneSay(gettext("supervoxel %(number)s"), { number: found.supervoxel }));
      if (found.was && this.settings.layers.transitions.on) more.push(EcotoneSay(gettext("was %(was)s, became %(became)s"), found));
      return [`${slice}; ${plain(found.hu)}\u00a0HU, ${where}`, ...more].join("; ");
    }

    showSlider() {
      const axis = THROUGH[this.settings.plane];
      const [at, size] = [this.active.place()[axis], this.active.volume.size[axis]];
      Object.assign(this.slider, { max: size - 1, value: at });
      this.slider.setAttribute("aria-valuetext", EcotoneSay(gettext("%(scan)s: slice %(at)s of %(of)s"), { scan: this.active.label, at: at + 1, of: size }));
    }

    // The other scans go where this place lies in them.
    point(pane, mm) {
      this.active = pane;
      for (const [other, place] of EcotoneLink.spread(this.panes, pane, mm)) other.cross = place;
      this.draw();
    }

    move(pane, change) {
      const index = pane.place();
      change(index);
      this.point(pane, pane.volume.toMM(index.map((value, axis) => Math.max(0, Math.min(pane.volume.size[axis] - 1, value)))));
    }

    step(pane, tile, count) {
      const axis = tile.axes?.[2] ?? 2;
      this.move(pane, (index) => (index[axis] += count));
    }

    nudge(pane, tile, [across, up]) {
      this.move(pane, (index) => {
        index[tile.axes[0]] += across;
        index[tile.axes[1]] += up;
      });
    }

    toEnd(pane, tile, end) {
      const axis = tile.axes?.[2] ?? 2;
      this.move(pane, (index) => (index[axis] = pane.extent[end][axis]));
    }

    slide(slice) {
      this.move(this.active, (index) => (index[THROUGH[this.settings.plane]] = slice));
    }

    lookAt(pane, mm) {
      for (const [other, place] of EcotoneLink.spread(this.panes, pane, mm)) other.centre = place;
      this.draw();
    }

    centreOn(pane) {
      this.lookAt(pane, pane.cross);
    }

    pan(pane, tile, [across, down]) {
      const index = pane.volume.toIndex(pane.centre);
      index[tile.axes[0]] += across / tile.perMM / pane.volume.spacing[tile.axes[0]];
      index[tile.axes[1]] += down / tile.perMM / pane.volume.spacing[tile.axes[1]];
      this.lookAt(pane, pane.volume.toMM(index));
    }

    turn(yaw, pitch) {
      const { turn } = this.settings;
      this.settings.turn = { yaw: turn.yaw + yaw, pitch: Math.max(-1.5, Math.min(1.5, turn.pitch + pitch)) };
      this.draw();
    }

    zoom(factor) {
      this.settings.zoom = Math.max(0.5, Math.min(12, this.settings.zoom * factor));
      this.draw();
    }

    reset() {
      const [first] = this.panes;
      Object.assign(this.settings, { zoom: 1, turn: { yaw: 0.5, pitch: 0.3 } });
      this.lookAt(first, first.whole ? first.volume.toMM(first.volume.size.map((size) => (size - 1) / 2)) : first.middle());
      this.point(first, first.middle());
    }

    hover(pane, found) {
      if (!found && !this.measures.hover) return;
      const { first } = this.measures;
      this.measures.hover = found?.mm && first?.pane === pane && first.plane === found.tile.plane ? found.mm : null;
      this.draw();
    }

    activate(pane) {
      this.active = pane;
      this.draw();
    }

    setPlane(plane) {
      this.settings.plane = plane;
      for (const button of this.root.querySelectorAll("[data-plane]")) button.setAttribute("aria-pressed", button.dataset.plane === plane);
      this.slider.disabled = plane === "solid";
      this.draw();
    }

    press(selector) {
      this.root.querySelector(selector)?.click();
    }

    setWindow(hu, pressed) {
      this.settings.window = hu;
      for (const button of this.root.querySelectorAll("[data-window]")) button.setAttribute("aria-pressed", button === pressed);
      const [level, width] = this.root.querySelectorAll("[data-hu]");
      if (pressed) Object.assign(level, { value: (hu[0] + hu[1]) / 2 }) && Object.assign(width, { value: hu[1] - hu[0] });
      this.draw();
    }

    customWindow() {
      const [level, width] = [...this.root.querySelectorAll("[data-hu]")].map((field) => (field.checkValidity() ? Number(field.value) : NaN));
      if (width > 0 && level === level) this.setWindow([level - width / 2, level + width / 2], null);
    }

    async toggle(name) {
      const button = this.root.querySelector(`[data-toggle=${name}]`);
      if (!button) return;
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      if (name === "crosshair") this.settings.crosshair = on;
      else this.settings.layers[name].on = on;
      for (const part of this.root.querySelectorAll(`[data-with=${name}]`)) part.hidden = !on;
      if (on && name !== "crosshair") await Promise.all(this.panes.map((pane) => pane.need(name)));
      this.draw();
    }

    toggleHabitat(number, button) {
      const { hidden } = this.settings;
      if (!hidden.delete(number)) hidden.add(number);
      button.setAttribute("aria-pressed", !hidden.has(number));
      this.draw();
    }

    fade(layer, opacity) {
      this.settings.layers[layer].opacity = opacity;
      this.draw();
    }

    toggleWhole(button) {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      this.load(on).catch((error) => fail(this.root, error));
    }

    help() {
      this.root.querySelector("dialog").showModal();
    }
  }

  const fail = (root, error) => {
    console.error(error);
    root.dataset.state = "failed";
    for (const stage of root.querySelectorAll("[data-stage]")) {
      const note = Object.assign(document.createElement("p"), { className: "wait", textContent: SORRY() });
      note.setAttribute("role", "alert");
      stage.replaceChildren(note);
    }
  };

  for (const root of document.querySelectorAll("[data-viewer][data-state=idle]")) {
    if (root.querySelector("[data-stage]")) new Viewer(root).start().catch((error) => fail(root, error));
    else root.dataset.state = "empty";
  }
})();
