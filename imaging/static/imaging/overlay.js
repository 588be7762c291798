// What is drawn over a slice: the tumour's outline as a crisp line, orientation letters and a scale bar.
// Everything follows from niivue's tiles, so it stays true in every plane, zoom and size.
window.EcotoneOverlay ??= (() => {
  // Which fraction axes (0 right, 1 forward, 2 up) a tile shows across, up, and through.
  const AXES = { 0: [0, 1, 2], 1: [0, 2, 1], 2: [1, 2, 0] };
  const LETTERS = [["L", "R"], ["P", "A"], ["I", "S"]];

  // Canvas position of a point given as fractions of the volume.
  const project = (nv, tile, frac) => {
    const mm = nv.frac2mm(frac);
    const [across, up] = AXES[tile.axCorSag];
    let [left, top, width, height] = tile.leftTopWidthHeight;
    let x = (mm[across] - tile.leftTopMM[0]) / tile.fovMM[0];
    const y = (mm[up] - tile.leftTopMM[1]) / tile.fovMM[1];
    if (width < 0) {
      left += width;
      width = -width;
      x = 1 - x;
    }
    return [left + x * width, top + (1 - y) * height];
  };

  // Segments between a mask and its outside on one slice, by marching squares on voxel centres.
  const CASES = [[], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]], [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], []];
  const EDGES = [[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]];

  const segments = (mask, axes, slice) => {
    const [across, up, through] = axes;
    const at = [0, 0, 0];
    const inside = (i, j) => {
      at[across] = i;
      at[up] = j;
      at[through] = slice;
      return mask.has(at) ? 1 : 0;
    };
    const found = [];
    for (let j = mask.low[up] - 1; j <= mask.high[up]; j++) {
      for (let i = mask.low[across] - 1; i <= mask.high[across]; i++) {
        const which = inside(i, j) | (inside(i + 1, j) << 1) | (inside(i + 1, j + 1) << 2) | (inside(i, j + 1) << 3);
        for (const [a, b] of CASES[which]) {
          found.push([i + EDGES[a][0], j + EDGES[a][1], i + EDGES[b][0], j + EDGES[b][1]]);
        }
      }
    }
    return found;
  };

  const outline = (ctx, nv, tile, mask, scale) => {
    const axes = AXES[tile.axCorSag];
    const through = axes[2];
    const slice = Math.min(mask.size[through] - 1, Math.floor(nv.scene.crosshairPos[through] * mask.size[through]));
    if (slice < mask.low[through] || slice > mask.high[through]) return;
    const frac = [0.5, 0.5, 0.5];
    const place = (i, j) => {
      frac[axes[0]] = (i + 0.5) / mask.size[axes[0]];
      frac[axes[1]] = (j + 0.5) / mask.size[axes[1]];
      return project(nv, tile, frac);
    };
    const path = new Path2D();
    for (const [x1, y1, x2, y2] of segments(mask, axes, slice)) {
      path.moveTo(...place(x1, y1));
      path.lineTo(...place(x2, y2));
    }
    ctx.lineCap = "round";
    for (const [colour, width] of [["rgb(0 0 0 / 60%)", 3.6], ["#ffffff", 1.5]]) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = width * scale;
      ctx.stroke(path);
    }
  };

  const box = (tile) => {
    const [left, top, width, height] = tile.leftTopWidthHeight;
    return { left: Math.min(left, left + width), top, width: Math.abs(width), height };
  };

  const write = (ctx, words, x, y, align, baseline) => {
    ctx.textAlign = align;
    ctx.textBaseline = baseline;
    ctx.strokeText(words, x, y);
    ctx.fillText(words, x, y);
  };

  const letters = (ctx, nv, tile, scale) => {
    const axes = AXES[tile.axCorSag];
    const { left, top, width, height } = box(tile);
    const pad = 7 * scale;
    const low = project(nv, tile, [0, 0, 0]);
    const high = project(nv, tile, [1, 1, 1]);
    const [first, second] = high[0] > low[0] ? LETTERS[axes[0]] : [...LETTERS[axes[0]]].reverse();
    const [bottom, upper] = high[1] < low[1] ? LETTERS[axes[1]] : [...LETTERS[axes[1]]].reverse();
    write(ctx, first, left + pad, top + height / 2, "left", "middle");
    write(ctx, second, left + width - pad, top + height / 2, "right", "middle");
    write(ctx, upper, left + width / 2, top + pad, "center", "top");
    write(ctx, bottom, left + width / 2, top + height - pad, "center", "bottom");
  };

  const scaleBar = (ctx, tile, scale) => {
    const { left, top, width, height } = box(tile);
    const pixels = width / Math.abs(tile.fovMM[0]);
    const length = [50, 20, 10, 5, 2].find((mm) => mm * pixels < width * 0.35) ?? 1;
    const x = left + 10 * scale;
    const y = top + height - 10 * scale;
    ctx.fillRect(x, y - 2 * scale, length * pixels, 2 * scale);
    write(ctx, `${length}\u00a0mm`, x, y - 5 * scale, "left", "bottom");
  };

  const draw = (pane) => {
    const { nv, ink, mask, shows } = pane;
    const source = nv.gl.canvas;
    if (ink.width !== source.width || ink.height !== source.height) {
      ink.width = source.width;
      ink.height = source.height;
    }
    const scale = source.width / source.clientWidth || 1;
    const ctx = ink.getContext("2d");
    ctx.clearRect(0, 0, ink.width, ink.height);
    ctx.font = `600 ${13 * scale}px system-ui, sans-serif`;
    for (const tile of nv.screenSlices) {
      if (!(tile.axCorSag in AXES) || !tile.fovMM) continue;
      ctx.save();
      const { left, top, width, height } = box(tile);
      ctx.beginPath();
      ctx.rect(left, top, width, height);
      ctx.clip();
      if (mask && shows.outline) outline(ctx, nv, tile, mask, scale);
      ctx.lineWidth = 3 * scale;
      ctx.lineJoin = "round";
      ctx.strokeStyle = "rgb(0 0 0 / 75%)";
      ctx.fillStyle = "#ffffff";
      letters(ctx, nv, tile, scale);
      scaleBar(ctx, tile, scale);
      ctx.restore();
    }
  };

  return { AXES, draw };
})();
