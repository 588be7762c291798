// One timepoint: a niivue canvas with the CT, the habitats above it, and the tumour mask as plain voxels.
window.EcotonePane ??= (() => {
  const OPTIONS = {
    isRadiologicalConvention: true,
    sagittalNoseLeft: true,
    isOrientationTextVisible: false,
    isColorbar: false,
    isRuler: false,
    multiplanarShowRender: 0,
    multiplanarForceRender: false,
    tileMargin: 0,
    multiplanarPadPixels: 4,
    crosshairWidth: 0,
    crosshairGap: 8,
    crosshairColor: [0.42, 0.8, 0.74, 0.8],
    backColor: [0, 0, 0, 1],
    interactive: false,
    dragAndDropEnabled: false,
    loadingText: "",
    logLevel: "silent",
  };
  const PLANES = { axial: 0, coronal: 1, sagittal: 2, three: 3 };

  const colormap = (habitats) => {
    const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const colours = habitats.map((habitat) => rgb(habitat.colour));
    const channel = (index) => [0, ...colours.map((colour) => colour[index])];
    return {
      R: channel(0),
      G: channel(1),
      B: channel(2),
      A: [0, ...colours.map(() => 255)],
      I: [0, ...habitats.map((habitat) => habitat.number)],
      labels: ["", ...habitats.map((habitat) => habitat.name)],
    };
  };

  // Voxels of a mask in right-anterior-superior order, with the box that holds them.
  const readMask = (image) => {
    const size = image.dimsRAS.slice(1, 4);
    const [dx, dy, dz] = image.img2RASstep;
    const start = image.img2RASstart[0] + image.img2RASstart[1] + image.img2RASstart[2];
    const has = ([x, y, z]) =>
      x >= 0 && y >= 0 && z >= 0 && x < size[0] && y < size[1] && z < size[2] && image.img[start + x * dx + y * dy + z * dz] > 0;
    const low = [...size];
    const high = [-1, -1, -1];
    const areas = new Array(size[2]).fill(0);
    for (let z = 0; z < size[2]; z++)
      for (let y = 0; y < size[1]; y++)
        for (let x = 0; x < size[0]; x++) {
          if (!has([x, y, z])) continue;
          areas[z] += 1;
          [x, y, z].forEach((value, axis) => {
            low[axis] = Math.min(low[axis], value);
            high[axis] = Math.max(high[axis], value);
          });
        }
    return { size, has, low, high, largest: areas.indexOf(Math.max(...areas)) };
  };

  class Pane {
    constructor(stage, habitats) {
      this.stage = stage;
      this.canvas = stage.querySelector("canvas.gl");
      this.ink = stage.querySelector("canvas.ink");
      this.habitats = habitats;
      this.shows = { outline: true, habitats: true };
      this.opacity = 0.55;
      this.nv = new niivue.Niivue(OPTIONS);
    }

    async open() {
      await this.nv.attachToCanvas(this.canvas);
      const paint = this.nv.drawScene.bind(this.nv);
      this.nv.drawScene = () => {
        const position = paint();
        EcotoneOverlay.draw(this);
        return position;
      };
    }

    // Load the surroundings of the tumour, or with `whole` the complete scan, which takes longer.
    async load([low, high], whole) {
      const { volume, mask, labels } = this.stage.dataset;
      const address = (url) => (whole ? `${url}?whole=yes` : url);
      const list = [{ url: address(volume), name: "volume.nii.gz", colormap: "gray", cal_min: low, cal_max: high }];
      if (labels && this.habitats.length) list.push({ url: address(labels), name: "labels.nii.gz", opacity: this.opacity });
      const image = await niivue.NVImage.loadFromUrl({ url: address(mask), name: "mask.nii.gz" });
      await this.nv.loadVolumes(list);
      this.mask = readMask(image);
      if (list.length > 1) this.nv.volumes[1].setColormapLabel(colormap(this.habitats));
      this.paintHabitats();
      this.nv.scene.crosshairPos = this.middle();
      this.nv.drawScene();
    }

    // The centre of the tumour, on the slice where it is largest.
    middle() {
      const { low, high, size, largest } = this.mask;
      return [0, 1, 2].map((axis) => ((axis === 2 ? largest : (low[axis] + high[axis]) / 2) + 0.5) / size[axis]);
    }

    // Slices count from the tumour: 0 is its first slice, 1 its last, so that both scans show the same level.
    range(axis) {
      const { low, high, size } = this.mask;
      const span = Math.max(1, high[axis] - low[axis]);
      return { from: -low[axis] / span, to: (size[axis] - 1 - low[axis]) / span, span };
    }

    slice(axis) {
      return Math.min(this.mask.size[axis] - 1, Math.floor(this.nv.scene.crosshairPos[axis] * this.mask.size[axis]));
    }

    level(axis) {
      const { from, span } = this.range(axis);
      return from + this.slice(axis) / span;
    }

    goTo(axis, level) {
      const { from, span } = this.range(axis);
      const last = this.mask.size[axis] - 1;
      const slice = Math.max(0, Math.min(last, Math.round((level - from) * span)));
      this.nv.scene.crosshairPos[axis] = (slice + 0.5) / this.mask.size[axis];
    }

    show(plane) {
      this.nv.opts.crosshairWidth = plane === "three" ? 0.4 : 0;
      this.nv.setSliceType(PLANES[plane]);
    }

    // niivue scales about the scanner's origin; this keeps the tumour in its place.
    look({ zoom, shift }) {
      const centre = this.nv.frac2mm(this.middle());
      const pan = [0, 1, 2].map((axis) => centre[axis] * (1 - zoom) + shift[axis] * zoom);
      this.nv.scene.pan2Dxyzmm = Float32Array.from([...pan, zoom]);
    }

    // A movement on the screen as millimetres along the volume's axes.
    millimetres(across, down) {
      const tile = this.nv.screenSlices[0];
      const [first, second] = EcotoneOverlay.AXES[tile.axCorSag];
      const ratio = this.canvas.width / this.canvas.clientWidth;
      const [, , width, height] = tile.leftTopWidthHeight;
      const shift = [0, 0, 0];
      shift[first] = (across * ratio * tile.fovMM[0]) / width;
      shift[second] = (-down * ratio * tile.fovMM[1]) / height;
      return shift;
    }

    window([low, high]) {
      Object.assign(this.nv.volumes[0], { cal_min: low, cal_max: high });
      this.nv.updateGLVolume();
    }

    paintHabitats() {
      if (this.nv.volumes.length > 1) this.nv.setOpacity(1, this.shows.habitats ? this.opacity : 0);
    }

    // HU and habitat under the crosshair.
    probe() {
      const at = [0, 1, 2].map((axis) => this.slice(axis));
      const hu = Math.round(this.nv.volumes[0].getValue(...at));
      const label = this.nv.volumes.length > 1 ? this.nv.volumes[1].getValue(...at) : 0;
      return { hu, habitat: this.habitats.find((one) => one.number === label), inTumour: this.mask.has(at) };
    }
  }

  return Pane;
})();
