// Two panes, linked: one toolbar, one slice slider, one zoom. Scrolls by wheel and arrow keys.
(() => {
  const THROUGH = { axial: 2, coronal: 1, sagittal: 0, three: 2 };
  const MINUS = "\u2212";
  const plain = (value) => `${value < 0 ? MINUS : ""}${Math.abs(value)}`;

  const hasWebGL2 = () => Boolean(document.createElement("canvas").getContext("webgl2"));

  class Viewer {
    constructor(root) {
      this.root = root;
      this.plane = "axial";
      this.view = { zoom: 1, shift: [0, 0, 0] };
      this.slider = root.querySelector("[data-level]");
      const habitats = JSON.parse(root.querySelector("#viewer-habitats").textContent);
      this.panes = [...root.querySelectorAll("[data-stage]")].map((stage) => new EcotonePane(stage, habitats));
    }

    async start() {
      for (const pane of this.panes) await pane.open();
      this.listen();
      await this.load(false);
      window.ecotoneViewerReady = true;
    }

    async load(whole) {
      this.root.dataset.state = "loading";
      for (const pane of this.panes) {
        const wait = pane.stage.querySelector("[data-wait]");
        wait.hidden = false;
        await pane.load(this.chosenWindow(), whole);
        wait.hidden = true;
      }
      this.reset();
      this.root.dataset.state = "ready";
    }

    chosenWindow() {
      return this.root.querySelector("[data-window][aria-pressed=true]").dataset.window.split(",").map(Number);
    }

    get axis() {
      return THROUGH[this.plane];
    }

    // The slider steps through the finer of the two scans.
    scale() {
      const ranges = this.panes.map((pane) => pane.range(this.axis));
      const from = Math.min(...ranges.map((range) => range.from));
      const to = Math.max(...ranges.map((range) => range.to));
      return { from, steps: Math.round((to - from) * Math.max(...ranges.map((range) => range.span))), width: to - from };
    }

    setPlane(plane) {
      this.plane = plane;
      for (const pane of this.panes) pane.show(plane);
      const { from, steps, width } = this.scale();
      this.slider.max = steps;
      this.slider.value = Math.round(((this.panes[0].level(this.axis) - from) / width) * steps);
      this.follow();
    }

    follow() {
      const { from, steps, width } = this.scale();
      for (const pane of this.panes) pane.goTo(this.axis, from + (width * Number(this.slider.value)) / steps);
      this.draw();
    }

    step(count) {
      this.slider.value = Number(this.slider.value) + count;
      this.follow();
    }

    draw() {
      for (const pane of this.panes) {
        pane.nv.drawScene();
        const { hu, habitat, inTumour } = pane.probe();
        const slice = `Slice ${pane.slice(this.axis) + 1} of ${pane.mask.size[this.axis]}`;
        const where = habitat ? habitat.name : inTumour ? "tumour" : "outside the tumour";
        const words = `${slice}; centre ${plain(hu)}\u00a0HU, ${where}`;
        pane.stage.parentElement.querySelector("[data-readout]").textContent = words;
      }
      this.slider.setAttribute("aria-valuetext", `Slice ${this.panes[0].slice(this.axis) + 1}`);
    }

    // Zoom and movement are the same for both scans, each about its own tumour.
    look(zoom, shift) {
      this.view = { zoom: Math.min(8, Math.max(1, zoom)), shift: zoom > 1 ? shift : [0, 0, 0] };
      for (const pane of this.panes) pane.look(this.view);
      this.draw();
    }

    zoom(factor) {
      this.look(this.view.zoom * factor, this.view.shift);
    }

    reset() {
      for (const pane of this.panes) pane.nv.scene.crosshairPos = pane.middle();
      this.look(1, [0, 0, 0]);
      this.setPlane(this.plane);
    }

    listen() {
      for (const tools of this.root.querySelectorAll(".tools")) {
        tools.addEventListener("click", (event) => {
          const button = event.target.closest("button");
          if (button) this.press(button);
        });
      }
      this.slider.addEventListener("input", () => this.follow());
      this.root.querySelector("[data-opacity]")?.addEventListener("input", (event) => {
        for (const pane of this.panes) {
          pane.opacity = Number(event.target.value) / 100;
          pane.paintHabitats();
        }
        this.draw();
      });
      for (const pane of this.panes) this.listenTo(pane);
    }

    press(button) {
      const { plane, window: hu, toggle, whole, reset } = button.dataset;
      if (reset !== undefined) return this.reset();
      if (toggle || whole !== undefined) return this.flip(button, toggle);
      for (const other of button.parentElement.querySelectorAll("[aria-pressed]")) {
        other.setAttribute("aria-pressed", other === button);
      }
      if (plane) this.setPlane(plane);
      if (hu) {
        for (const pane of this.panes) pane.window(this.chosenWindow());
        this.draw();
      }
    }

    flip(button, toggle) {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      if (!toggle) return this.load(on).catch((error) => fail(this.root, error));
      for (const pane of this.panes) {
        pane.shows[toggle] = on;
        pane.paintHabitats();
      }
      this.draw();
    }

    listenTo(pane) {
      const canvas = pane.canvas;
      canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        if (event.ctrlKey) this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
        else this.step(event.deltaY < 0 ? 1 : -1);
      }, { passive: false });
      canvas.addEventListener("keydown", (event) => {
        const act = { ArrowUp: () => this.step(1), ArrowRight: () => this.step(1), ArrowDown: () => this.step(-1), ArrowLeft: () => this.step(-1), "+": () => this.zoom(1.25), "-": () => this.zoom(0.8), 0: () => this.reset() }[event.key];
        if (!act) return;
        event.preventDefault();
        act();
      });
      this.listenToPointer(pane);
    }

    // A click puts the crosshair, a drag moves both scans.
    listenToPointer(pane) {
      let start = null;
      pane.canvas.addEventListener("pointerdown", (event) => {
        start = { x: event.clientX, y: event.clientY, moved: false };
        pane.canvas.setPointerCapture(event.pointerId);
      });
      pane.canvas.addEventListener("pointermove", (event) => {
        if (!start) return;
        const across = event.clientX - start.x;
        const down = event.clientY - start.y;
        if (!start.moved && Math.hypot(across, down) < 4) return;
        start = { x: event.clientX, y: event.clientY, moved: true };
        this.pan(pane, across, down);
      });
      pane.canvas.addEventListener("pointerup", (event) => {
        if (start && !start.moved) this.point(pane, event);
        start = null;
      });
      pane.canvas.addEventListener("pointercancel", () => (start = null));
    }

    pan(pane, across, down) {
      const shift = pane.millimetres(across, down).map((mm, axis) => mm + this.view.shift[axis]);
      this.look(this.view.zoom, shift);
    }

    // In three planes, the other planes follow the crosshair.
    point(pane, event) {
      const ratio = pane.canvas.width / pane.canvas.clientWidth;
      const at = pane.nv.canvasPos2frac([event.offsetX * ratio, event.offsetY * ratio]);
      if (at[0] < 0) return;
      pane.nv.scene.crosshairPos = at;
      const { from, steps, width } = this.scale();
      this.slider.value = Math.round(((pane.level(this.axis) - from) / width) * steps);
      this.follow();
    }
  }

  const SORRY = "The scans could not be loaded. Reload the page; all numbers below are complete.";
  const NO_WEBGL = "This browser lacks WebGL 2, so the scans cannot be drawn. All numbers below are complete.";

  const fail = (root, reason) => {
    if (reason instanceof Error) console.error(reason);
    const words = reason instanceof Error ? SORRY : reason;
    root.dataset.state = "failed";
    for (const stage of root.querySelectorAll("[data-stage]")) {
      const note = document.createElement("p");
      note.className = "wait";
      note.setAttribute("role", "alert");
      note.textContent = words;
      stage.replaceChildren(note);
    }
  };

  for (const root of document.querySelectorAll("[data-viewer][data-state=idle]")) {
    if (!root.querySelector("[data-stage]")) {
      root.dataset.state = "empty";
    } else if (!hasWebGL2()) {
      fail(root, NO_WEBGL);
    } else {
      new Viewer(root).start().catch((error) => fail(root, error));
    }
  }
})();
