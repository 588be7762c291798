// The editor of a contour: what is chosen, what is shown, and what is asked of the server.
(() => {
  const gettext = window.gettext ?? ((text) => text);
  const number = EcotoneContourMeasures.number;

  class Editor {
    constructor(root) {
      this.root = root;
      this.page = JSON.parse(root.querySelector("#contour-page").textContent);
      this.window = [-160, 240];
      this.brush = 8;
      this.shows = true;
      this.busy = false;
      this.isLocked = root.hasAttribute("data-locked");
    }

    part(name) {
      return this.root.querySelector(`[data-${name}]`);
    }

    async start() {
      const facts = await (await EcotoneContourWire.ask(`${this.page.urls.scan}?v=${this.page.volume}`)).json();
      this.scan = new EcotoneScan(facts, this.page.urls, this.page.volume);
      this.drawing = new EcotoneDrawing(facts.shape);
      this.at = { z: this.scan.nz >> 1, y: this.scan.ny >> 1, x: this.scan.nx >> 1 };
      if (this.page.urls.mask) await this.readVersion();
      this.measures = new EcotoneContourMeasures(this);
      this.measures.take(this.drawing.drawn()); // the volume is whole at once, the mean HU once the scan is
      this.tools = EcotoneContourTools(this);
      this.stages = [...this.root.querySelectorAll("[data-cut]")].map((canvas) => new EcotoneStage(canvas, canvas.dataset.cut, this));
      [this.stage] = this.stages;
      this.choose("draw");
      this.listen();
      this.scan.addEventListener("arrived", (event) => this.arrived(event.detail));
      this.drawing.addEventListener("change", (event) => this.changed(event.detail));
      this.goTo(this.at.z);
      await this.scan.look(this.at.z);
    }

    async readVersion() {
      const answer = await EcotoneContourWire.ask(this.page.urls.mask);
      await EcotoneContourWire.unpack(await answer.arrayBuffer(), this.drawing);
      this.drawing.commit("");
      this.drawing.done = [];
      const box = this.drawing.box();
      if (box) [this.at.z, this.at.y, this.at.x] = box.low.map((low, axis) => Math.round((low + box.high[axis]) / 2));
      this.begun = box;
    }

    get mayDraw() {
      return !this.busy && !this.isLocked && Boolean(this.scan.slices[this.at.z]);
    }

    arrived(first) {
      if (this.root.dataset.state === "loading" && this.scan.slices[this.at.z]) {
        this.root.dataset.state = "ready";
        this.part("wait").hidden = true;
        this.look();
        EcotoneContourSaving.offer(this);
      }
      this.measures.take(this.drawing.drawn().filter((z) => z >= first && z < first + this.scan.slab));
      const share = Math.round((100 * this.scan.loaded) / this.scan.nz);
      this.part("loading").textContent = this.scan.isWhole ? "" : `${gettext("Loading the scan")}: ${share}\u00a0%`;
      this.draw();
    }

    // Begin where the tumour fills a good part of the picture.
    look() {
      if (!this.begun) return;
      const { size } = this.begun;
      const extent = Math.max(60, 2.2 * Math.max(size[1] * this.scan.spacing[1], size[2] * this.scan.spacing[2]));
      const { canvas } = this.stage;
      this.stage.show(Math.min(canvas.width, canvas.height) / extent, this.at.x + 0.5, this.at.y + 0.5);
    }

    draw() {
      for (const stage of this.stages) {
        if (stage !== this.stage) {
          stage.scale = Math.max(stage.whole ?? 0, 0.55 * this.stage.scale);
          stage.centre = [(this.at[stage.u] + 0.5) * stage.step[0], (this.at[stage.v] + 0.5) * stage.step[1]];
        }
        stage.draw();
      }
    }

    changed(zs) {
      this.measures.take(zs);
      this.dirty = true;
      clearTimeout(this.keeping);
      this.keeping = setTimeout(() => EcotoneContourSaving.keep(this), 800);
      this.draw();
    }

    say(words, isTrouble = false) {
      const place = this.part("status");
      place.textContent = words;
      place.classList.toggle("is-trouble", isTrouble);
    }

    choose(name) {
      this.tool?.cancel?.();
      this.tool = this.tools[name];
      for (const button of this.root.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === name);
      this.root.dataset.chosen = name;
      this.draw();
    }

    resize(by) {
      const slider = this.part("brush");
      slider.value = Number(slider.value) + by;
      slider.dispatchEvent(new Event("input"));
    }

    pointAt(x, y) {
      this.at.x = Math.min(Math.max(x, 0), this.scan.nx - 1);
      this.at.y = Math.min(Math.max(y, 0), this.scan.ny - 1);
      this.tellPlace();
    }

    tellPlace() {
      const { z, y, x } = this.at;
      const hu = this.scan.hu(z, y, x);
      const where = this.drawing.has(z, y, x) ? gettext("in the contour") : gettext("outside");
      this.part("readout").textContent = hu === undefined ? "" : `${number(hu)}\u00a0HU, ${where}`;
    }

    place() {
      return [this.at.x + 0.5, this.at.y + 0.5];
    }

    step([across, down], far) {
      const [turnX, turnY] = this.stage.turn;
      this.pointAt(this.at.x + across * turnX * far, this.at.y + down * turnY * far);
      this.tool.move?.(this.place(), {});
      this.draw();
    }

    // The tool at the cross of the keyboard, once.
    stamp() {
      if (!this.mayDraw || this.tool.pans) return;
      this.tool.down?.(this.place(), {});
      this.tool.up?.();
    }

    goTo(z) {
      this.tool.cancel?.();
      this.at.z = Math.min(Math.max(z, 0), this.scan.nz - 1);
      const slider = this.part("slice");
      slider.max = this.scan.nz - 1;
      slider.value = this.at.z;
      const words = `${gettext("Slice")} ${this.at.z + 1} / ${this.scan.nz}`;
      slider.setAttribute("aria-valuetext", words);
      this.part("slice-of").textContent = words;
      this.scan.look(this.at.z).catch((error) => this.say(error.message, true));
      this.tellPlace();
      this.draw();
    }

    // Up is towards the head.
    leaf(by) {
      this.goTo(this.at.z + by * (this.scan.directions.z.flip ? -1 : 1));
    }

    // Ask the server to work, with everything at rest meanwhile.
    async work(words, act) {
      if (this.busy || this.isLocked) return;
      this.busy = true;
      this.root.setAttribute("aria-busy", "true");
      this.say(words);
      try {
        this.say((await act()) ?? "");
      } catch (error) {
        this.drawing.cancel();
        this.say(error.message, true);
      } finally {
        this.busy = false;
        this.root.removeAttribute("aria-busy");
        this.draw();
      }
    }

    async answerInto(answer, label, options) {
      await EcotoneContourWire.unpack(await answer.arrayBuffer(), this.drawing, options);
      this.drawing.commit(label);
    }

    startFrom(x, y) {
      return this.work(gettext("Growing from the click"), async () => {
        const values = { z: this.at.z, y, x, method: this.part("method").value, tolerance: this.part("tolerance").value / 100 };
        const answer = await EcotoneContourWire.ask(this.page.urls.start, values);
        await this.answerInto(answer, gettext("Grown"), { add: this.part("add").checked });
        const [low, high] = ["X-Low", "X-High"].map((name) => number(Number(answer.headers.get(name))));
        const words = `${gettext("Grown within")} ${low} … ${high}\u00a0HU.`;
        return answer.headers.get("X-Leaks") === "True" ? `${words} ${gettext("It reaches far: check for a leak, lower the tolerance or choose edges.")}` : words;
      });
    }

    onServer(name, words, label, more = {}) {
      return this.work(words, async () => {
        const answer = await EcotoneContourWire.ask(this.page.urls[name], { mask: await EcotoneContourWire.pack(this.drawing), ...more });
        await this.answerInto(answer, label);
        return label;
      });
    }

    copy(to, from) {
      if (!this.mayDraw || to < 0 || to >= this.scan.nz) return;
      if (!this.drawing.slices[from]) return this.say(gettext("There is nothing drawn to copy."), true);
      this.drawing.replace(to, this.drawing.slices[from].slice());
      this.drawing.commit(gettext("Copied"));
      this.goTo(to);
    }

    setWindow(low, high, button = null) {
      if (!(high > low)) return;
      this.window = [low, high];
      for (const one of this.root.querySelectorAll("[data-hu]")) one.setAttribute("aria-pressed", one === button);
      [this.part("low").value, this.part("high").value] = this.window;
      this.draw();
    }

    listen() {
      EcotoneContourPointer(this, this.stage);
      EcotoneContourKeys(this);
      EcotoneContourSaving.listen(this);
      const acts = EcotoneContourActs(this);
      this.root.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button) return;
        if (button.dataset.tool) this.choose(button.dataset.tool);
        if (button.dataset.hu) this.setWindow(...button.dataset.hu.split(",").map(Number), button);
        acts[button.dataset.act]?.(button);
      });
      this.part("slice").addEventListener("input", (event) => this.goTo(Number(event.target.value)));
      this.part("brush").addEventListener("input", (event) => {
        this.brush = Number(event.target.value);
        this.part("brush-mm").textContent = `${number(this.brush)}\u00a0mm`;
        this.draw();
      });
      this.part("tolerance").addEventListener("input", (event) => (this.part("tolerance-percent").textContent = `${event.target.value}\u00a0%`));
      this.part("soft").addEventListener("change", (event) => (this.softOnly = event.target.checked));
      for (const name of ["low", "high"]) this.part(name).addEventListener("change", () => this.setWindow(Number(this.part("low").value), Number(this.part("high").value)));
      for (const stage of this.stages.slice(1)) this.listenToCut(stage);
    }

    // A click on a cut goes there.
    listenToCut(stage) {
      const go = (event) => {
        if (!event.buttons) return;
        const [u, v] = stage.toVoxel(event).map(Math.floor);
        const place = { ...this.at, [stage.u]: u, [stage.v]: v };
        this.pointAt(place.x, place.y);
        this.goTo(place.z);
      };
      stage.canvas.addEventListener("pointerdown", go);
    }
  }

  for (const root of document.querySelectorAll("[data-contour]")) {
    const editor = new Editor(root);
    editor.start().catch((error) => {
      console.error(error);
      root.dataset.state = "failed";
      root.querySelector("[data-wait]").textContent = error.message && error.code ? error.message : gettext("The scan could not be loaded. Reload the page; a drawing that was not saved is kept in this browser.");
    });
  }
})();
