// Pictures: the slice to draw on, and two cuts across it. Everything is placed in millimetres, outlines lie on voxel edges.
window.EcotoneStage ??= (() => {
  const FILL = "rgba(240, 180, 60, 0.28)";
  const LINE = "#ffc24d";
  const CROSS = "rgba(143, 220, 207, 0.75)";
  const NOT_HERE = 24;

  const paper = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

  // A cut through the scan: `u` runs across the picture, `v` down.
  const CUTS = {
    axial: { u: "x", v: "y", through: "z" },
    coronal: { u: "x", v: "z", through: "y" },
    sagittal: { u: "y", v: "z", through: "x" },
  };

  class Stage {
    constructor(canvas, plane, editor) {
      Object.assign(this, { canvas, plane, editor, ...CUTS[plane], context: canvas.getContext("2d") });
      const { scan } = editor;
      const counts = { x: scan.nx, y: scan.ny, z: scan.nz };
      const steps = { x: scan.spacing[2], y: scan.spacing[1], z: scan.spacing[0] };
      this.size = [counts[this.u], counts[this.v]];
      this.step = [steps[this.u], steps[this.v]];
      // On a screen v grows downwards, and z is shown upwards.
      const turned = scan.directions[this.v].flip;
      this.turn = [scan.directions[this.u].flip ? -1 : 1, (this.v === "z") !== turned ? -1 : 1];
      this.centre = this.size.map((n, axis) => (n * this.step[axis]) / 2);
      this.image = paper(...this.size);
      new ResizeObserver(() => this.fit()).observe(canvas);
      this.fit();
    }

    fit() {
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [this.canvas.clientWidth * ratio, this.canvas.clientHeight * ratio].map(Math.round);
      if (!width || !height) return;
      const first = this.whole === undefined;
      Object.assign(this.canvas, { width, height });
      this.whole = Math.min(width / (this.size[0] * this.step[0]), height / (this.size[1] * this.step[1]));
      if (first) this.scale = this.whole;
      this.draw();
    }

    // Voxel (fractional, its centre at .5) to the screen and back.
    toScreen(u, v) {
      const at = [u, v].map((value, axis) => (value * this.step[axis] - this.centre[axis]) * this.turn[axis] * this.scale);
      return [this.canvas.width / 2 + at[0], this.canvas.height / 2 + at[1]];
    }

    toVoxel(event) {
      const ratio = this.canvas.width / this.canvas.clientWidth;
      const frame = this.canvas.getBoundingClientRect();
      const screen = [(event.clientX - frame.left) * ratio - this.canvas.width / 2, (event.clientY - frame.top) * ratio - this.canvas.height / 2];
      return screen.map((value, axis) => ((value / this.scale) * this.turn[axis] + this.centre[axis]) / this.step[axis]);
    }

    zoom(factor, [u, v] = this.centre.map((mm, axis) => mm / this.step[axis])) {
      const next = Math.min(Math.max(this.scale * factor, this.whole), this.whole * 24);
      const place = [u * this.step[0], v * this.step[1]];
      this.centre = this.centre.map((mm, axis) => place[axis] + ((mm - place[axis]) * this.scale) / next);
      this.scale = next;
      this.draw();
    }

    pan(across, down) {
      const ratio = this.canvas.width / this.canvas.clientWidth;
      const moved = [across, down].map((value, axis) => (value * ratio * this.turn[axis]) / this.scale);
      this.centre = this.centre.map((mm, axis) => Math.min(Math.max(mm - moved[axis], 0), this.size[axis] * this.step[axis]));
      this.draw();
    }

    show(scale, u, v) {
      this.scale = Math.max(scale, this.whole);
      this.centre = [u * this.step[0], v * this.step[1]];
      this.draw();
    }

    draw() {
      if (this.queued || this.whole === undefined) return;
      this.queued = requestAnimationFrame(() => {
        this.queued = null;
        this.paint();
      });
    }

    paint() {
      const { context, canvas, editor } = this;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.fillStyle = "#000";
      context.fillRect(0, 0, canvas.width, canvas.height);
      this.expose();
      const [x, y] = this.toScreen(0, 0);
      const scale = this.step.map((mm, axis) => mm * this.turn[axis] * this.scale);
      context.setTransform(scale[0], 0, 0, scale[1], x, y);
      context.imageSmoothingEnabled = Math.abs(scale[0]) < 6;
      context.drawImage(this.image, 0, 0);
      if (editor.shows) this.outline(context);
      context.setTransform(1, 0, 0, 1, 0, 0);
      this.marks(context);
    }

    // The grey picture and what is drawn, a pixel a voxel.
    expose() {
      const { scan, drawing, at } = this.editor;
      const [low, high] = this.editor.window;
      const [width, height] = this.size;
      const grey = new ImageData(width, height);
      const pixels = new Uint32Array(grey.data.buffer);
      this.mask = new Uint8Array(width * height);
      const scale = 255 / Math.max(1, high - low);
      const hold = { ...at };
      for (let v = 0; v < height; v++) {
        hold[this.v] = v;
        for (let u = 0; u < width; u++) {
          hold[this.u] = u;
          const place = hold.y * scan.nx + hold.x;
          const slice = scan.slices[hold.z];
          const value = slice ? Math.min(255, Math.max(0, (slice[place] - low) * scale)) | 0 : NOT_HERE;
          pixels[v * width + u] = 0xff000000 | (value << 16) | (value << 8) | value;
          if (drawing.slices[hold.z]?.[place]) this.mask[v * width + u] = 1;
        }
      }
      this.image.getContext("2d").putImageData(grey, 0, 0);
    }

    outline(context) {
      const [width, height] = this.size;
      const edges = new Path2D();
      const body = new Path2D();
      const inside = (u, v) => u >= 0 && v >= 0 && u < width && v < height && this.mask[v * width + u];
      for (let v = 0; v <= height; v++) {
        let start = -1;
        for (let u = 0; u <= width; u++) {
          const here = inside(u, v);
          if (here && start < 0) start = u;
          if (!here && start >= 0) {
            body.rect(start, v, u - start, 1);
            start = -1;
          }
          if (Boolean(here) !== Boolean(inside(u, v - 1))) {
            edges.moveTo(u, v);
            edges.lineTo(u + 1, v);
          }
          if (Boolean(here) !== Boolean(inside(u - 1, v))) {
            edges.moveTo(u, v);
            edges.lineTo(u, v + 1);
          }
        }
      }
      context.fillStyle = FILL;
      context.fill(body);
      const lines = new Path2D();
      lines.addPath(edges, context.getTransform());
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.strokeStyle = LINE;
      context.lineWidth = 1.5 * (window.devicePixelRatio || 1);
      context.stroke(lines);
    }

    marks(context) {
      const { at, scan } = this.editor;
      const [u, v] = this.toScreen(at[this.u] + 0.5, at[this.v] + 0.5);
      context.strokeStyle = CROSS;
      context.lineWidth = 1;
      if (this.plane === "axial") this.editor.tool.paint?.(context, this, [u, v]);
      else {
        context.beginPath();
        context.moveTo(0, v);
        context.lineTo(this.canvas.width, v);
        context.moveTo(u, 0);
        context.lineTo(u, this.canvas.height);
        context.stroke();
      }
      this.letters(context, scan.directions);
    }

    letters(context, directions) {
      const ratio = window.devicePixelRatio || 1;
      const ends = (axis, turn) => (turn > 0 ? [directions[axis].start, directions[axis].end] : [directions[axis].end, directions[axis].start]);
      const [left, right] = ends(this.u, this.turn[0]);
      const [top, bottom] = ends(this.v, this.turn[1]);
      const { width, height } = this.canvas;
      context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      const pad = 13 * ratio;
      for (const [letter, x, y] of [[left, pad, height / 2], [right, width - pad, height / 2], [top, width / 2, pad], [bottom, width / 2, height - pad]]) {
        context.fillStyle = "rgba(0, 0, 0, 0.6)";
        context.fillRect(x - 9 * ratio, y - 9 * ratio, 18 * ratio, 18 * ratio);
        context.fillStyle = "#e6efed";
        context.fillText(letter, x, y);
      }
    }
  }

  return Stage;
})();
