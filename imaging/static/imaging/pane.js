// One scan: a canvas with one plane, three planes or a solid, and everything that was found in the scan as layers.
window.EcotonePane ??= (() => {
  const { AXES, grey, labels, colour } = EcotoneSlice;
  const gettext = window.gettext ?? ((text) => text);
  const NO_WEBGL = () => gettext("This browser cannot draw in 3D: WebGL 2 is missing.");
  // Seen from the front: the body's right on the left, its head up.
  const FRONT = [[-1, 0, 0], [0, 0, 1], [0, 1, 0]];
  const ENDS = [["R", [1, 0, 0]], ["L", [-1, 0, 0]], ["A", [0, 1, 0]], ["P", [0, -1, 0]], ["S", [0, 0, 1]], ["I", [0, 0, -1]]];

  const turned = ({ yaw, pitch }) => {
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const turn = [[cy, 0, sy], [sp * sy, cp, -sp * cy], [-cp * sy, sp, cp * cy]];
    return turn.map((row) => [0, 1, 2].map((column) => row.reduce((sum, value, i) => sum + value * FRONT[i][column], 0)));
  };

  class Pane {
    constructor(stage, settings) {
      const figure = stage.closest("[data-pane]");
      Object.assign(this, { stage, settings, patient: figure.dataset.patient, kind: figure.dataset.pane, label: figure.dataset.label });
      this.canvas = stage.querySelector("canvas");
      this.readout = figure.querySelector("[data-readout]");
      this.wait = stage.querySelector("[data-wait]");
      this.maps = {};
      this.field = null;
    }

    async load(whole, onBytes) {
      const { volume, mask } = this.stage.dataset;
      this.whole = whole;
      [this.volume, this.mask] = await Promise.all([
        EcotoneVolume.load(this.address(volume), onBytes),
        EcotoneVolume.load(this.address(mask)),
      ]);
      this.extent = this.mask.extent();
      this.maps = {};
      this.rasters = {};
      this.solid = null;
      await Promise.all(Object.keys(this.settings.layers).map((layer) => this.need(layer)));
    }

    address(url) {
      return this.whole ? `${url}&whole=yes` : url;
    }

    // A layer is fetched when it is first shown.
    async need(layer) {
      const url = this.stage.dataset[layer];
      if (url && this.settings.layers[layer].on) this.maps[layer] ??= await EcotoneVolume.load(this.address(url));
    }

    middle() {
      return this.volume.toMM(this.extent.middle);
    }

    // Whole indices of the crosshair, kept within the scan.
    place() {
      return this.volume.toIndex(this.cross).map((value, axis) => Math.max(0, Math.min(this.volume.size[axis] - 1, Math.round(value))));
    }

    tiles() {
      const { width, height } = this.canvas;
      const { plane, zoom, fov } = this.settings;
      const names = plane === "three" ? ["axial", "coronal", "sagittal", "solid"] : [plane];
      const half = names.length > 1 ? 2 : 1;
      const gap = half > 1 ? Math.round(2 * this.ratio) : 0;
      const [w, h] = [(width - gap) / half, (height - gap) / half];
      return names.map((name, at) => this.tile(name, { left: (at % half) * (w + gap), top: Math.floor(at / half) * (h + gap), width: w, height: h, perMM: (Math.min(w, h) / fov) * zoom }));
    }

    tile(plane, box) {
      if (plane === "solid") return { plane, ...box };
      const axes = AXES[plane];
      const [across, up, through] = axes;
      const centre = this.volume.toIndex(this.centre);
      const [sx, sy] = [this.volume.spacing[across] * box.perMM, this.volume.spacing[up] * box.perMM];
      const [x0, y0] = [box.left + box.width / 2, box.top + box.height / 2];
      const place = (i, j) => [x0 - (i - centre[across]) * sx, y0 - (j - centre[up]) * sy];
      const index = (x, y) => {
        const found = this.place();
        found[across] = centre[across] - (x - x0) / sx;
        found[up] = centre[up] - (y - y0) / sy;
        return found;
      };
      return { plane, axes, slice: this.place()[through], place, index, ...box };
    }

    draw(measures) {
      this.ratio = window.devicePixelRatio || 1;
      const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight].map((size) => Math.round(size * this.ratio));
      if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
      const ctx = this.canvas.getContext("2d", { alpha: false });
      ctx.fillStyle = "#000000";
      ctx.fillRect(0, 0, width, height);
      for (const tile of this.tiles()) {
        ctx.save();
        ctx.beginPath();
        ctx.rect(tile.left, tile.top, tile.width, tile.height);
        ctx.clip();
        if (tile.plane === "solid") this.drawSolid(ctx, tile);
        else this.drawSlice(ctx, tile, measures);
        ctx.restore();
      }
    }

    drawSlice(ctx, tile, measures) {
      const { layers, crosshair } = this.settings;
      const [left, top] = tile.place(this.volume.size[tile.axes[0]] - 0.5, this.volume.size[tile.axes[1]] - 0.5);
      const [right, bottom] = tile.place(-0.5, -0.5);
      const paint = (image, alpha, smooth) => {
        ctx.globalAlpha = alpha;
        ctx.imageSmoothingEnabled = smooth;
        ctx.imageSmoothingQuality = "high";
        ctx.drawImage(image, left, top, right - left, bottom - top);
      };
      for (const [name, image] of Object.entries(this.rastersOf(tile))) paint(image, layers[name]?.opacity ?? 1, name === "ct");
      ctx.globalAlpha = 1;
      const { supervoxels } = this.maps;
      if (supervoxels && layers.supervoxels.on) EcotoneOverlay.borders(ctx, tile, supervoxels, this.extent, this.ratio, layers.supervoxels.opacity);
      if (layers.outline.on) EcotoneOverlay.outline(ctx, tile, this.mask, this.extent, this.ratio);
      const index = this.volume.toIndex(this.cross);
      if (crosshair) EcotoneOverlay.crosshair(ctx, tile, tile.place(index[tile.axes[0]], index[tile.axes[1]]), this.ratio);
      measures.draw(ctx, this, tile);
      EcotoneOverlay.letters(ctx, tile, this.ratio);
      EcotoneOverlay.scaleBar(ctx, tile, this.ratio);
    }

    // The images of a slice, painted again only when what they show has changed.
    rastersOf(tile) {
      const { layers, window: hu, hidden } = this.settings;
      const shown = ["habitats", "transitions"].filter((layer) => layers[layer].on && this.maps[layer]);
      const key = [tile.slice, ...hu, ...shown, ...hidden].join();
      if (this.rasters[tile.plane]?.key !== key) {
        const images = { ct: grey(this.volume, tile.axes, tile.slice, hu) };
        for (const layer of shown) images[layer] = labels(this.maps[layer], tile.axes, tile.slice, this.colours(layer));
        this.rasters[tile.plane] = { key, images };
      }
      return this.rasters[tile.plane].images;
    }

    colours(layer) {
      const { habitats, hidden, states, kinds } = this.settings;
      if (layer === "habitats") return Object.fromEntries(habitats.filter((one) => !hidden.has(one.number)).map((one) => [one.number, colour(one.colour)]));
      const codes = [0];
      for (let before = 0; before < states.length; before++)
        for (let after = 0; after < states.length; after++) codes.push(colour(kinds[Pane.change(before, after)].colour));
      return codes;
    }

    // 0 kept, 1 changed, 2 became lung, 3 became other tissue, 4 new tumour; states 0 and 1 are no tumour.
    static change(before, after) {
      if (before < 2) return 4;
      if (after < 2) return 2 + after;
      return before === after ? 0 : 1;
    }

    drawSolid(ctx, tile) {
      this.solid ??= this.built();
      if (!this.solid.gl) return EcotoneOverlay.write(ctx, NO_WEBGL(), tile.left + tile.width / 2, tile.top + tile.height / 2, "center", "middle", this.ratio);
      const turn = turned(this.settings.turn);
      this.solid.draw(Math.floor(tile.width), Math.floor(tile.height), tile.perMM * 1.6, turn, (name) => this.shade(name));
      ctx.drawImage(this.solid.canvas, tile.left, tile.top);
      for (const [letter, [x, y, z]] of ENDS) {
        const [right, up, near] = turn.map((row) => row[0] * x + row[1] * y + row[2] * z);
        ctx.globalAlpha = near < -0.3 ? 0.35 : 1;
        const reach = Math.min(tile.width, tile.height) * 0.44;
        if (Math.hypot(right, up) > 0.25) EcotoneOverlay.write(ctx, letter, tile.left + tile.width / 2 + right * reach, tile.top + tile.height / 2 - up * reach, "center", "middle", this.ratio);
      }
      ctx.globalAlpha = 1;
    }

    built() {
      const solid = new EcotoneSolid();
      if (!solid.gl) return solid;
      const add = (name, inside) => solid.add(name, EcotoneSolid.surface(this.mask, this.extent, inside, this.middle()));
      const { habitats } = this.maps;
      if (habitats) for (const { number } of this.settings.habitats) add(number, (index) => habitats.at(index) === number);
      add("tumour", (index) => this.mask.at(index) > 0);
      return solid;
    }

    shade(name) {
      const { layers, habitats, hidden } = this.settings;
      const coloured = layers.habitats.on && this.solid.parts.length > 1;
      if (name === "tumour") return coloured ? (layers.outline.on ? [0.8, 0.88, 0.86, 0.22] : null) : [0.78, 0.72, 0.66, 1];
      if (!coloured || hidden.has(name)) return null;
      const rgb = habitats.find((one) => one.number === name).colour;
      return [...[1, 3, 5].map((at) => parseInt(rgb.slice(at, at + 2), 16) / 255), 1];
    }

    // What is under the crosshair: HU, habitat, supervoxel, and what the place was and became.
    probe() {
      const index = this.volume.toIndex(this.cross).map(Math.round);
      if (!this.volume.holds(index)) return null;
      const code = this.maps.transitions?.at(index) ?? 0;
      const { states, habitats } = this.settings;
      return {
        hu: Math.round(this.volume.at(index)),
        habitat: habitats.find((one) => one.number === this.maps.habitats?.at(index)),
        supervoxel: this.maps.supervoxels?.at(index) ?? 0,
        was: code ? states[Math.floor((code - 1) / states.length)] : "",
        became: code ? states[(code - 1) % states.length] : "",
        inTumour: this.mask.at(index) > 0,
      };
    }
  }

  return Pane;
})();
