// What is drawn over a slice: the tumour's outline, borders of supervoxels, crosshair, distances, letters, a scale bar.
window.EcotoneOverlay ??= (() => {
  const LETTERS = [["L", "R"], ["P", "A"], ["I", "S"]];

  // Segments between a mask and its outside on one slice, by marching squares on voxel centres.
  const CASES = [[], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]], [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], []];
  const EDGES = [[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]];

  const along = (tile, { low, high }, visit) => {
    const [across, up, through] = tile.axes;
    if (tile.slice < low[through] || tile.slice > high[through]) return;
    const at = [0, 0, 0];
    at[through] = tile.slice;
    for (let j = low[up] - 1; j <= high[up]; j++)
      for (let i = low[across] - 1; i <= high[across]; i++) visit(i, j, (di, dj) => {
        at[across] = i + di;
        at[up] = j + dj;
        return at;
      });
  };

  const outline = (ctx, tile, mask, extent, scale) => {
    const path = new Path2D();
    along(tile, extent, (i, j, near) => {
      const inside = (di, dj) => (mask.at(near(di, dj)) ? 1 : 0);
      const which = inside(0, 0) | (inside(1, 0) << 1) | (inside(1, 1) << 2) | (inside(0, 1) << 3);
      for (const [a, b] of CASES[which]) {
        path.moveTo(...tile.place(i + EDGES[a][0], j + EDGES[a][1]));
        path.lineTo(...tile.place(i + EDGES[b][0], j + EDGES[b][1]));
      }
    });
    stroke(ctx, path, [["rgb(0 0 0 / 60%)", 3.6], ["#ffffff", 1.5]], scale);
  };

  // Lines between voxels whose numbers differ.
  const borders = (ctx, tile, labels, extent, scale, opacity) => {
    const path = new Path2D();
    along(tile, extent, (i, j, near) => {
      const here = labels.at(near(0, 0));
      if (here !== labels.at(near(1, 0))) {
        path.moveTo(...tile.place(i + 0.5, j - 0.5));
        path.lineTo(...tile.place(i + 0.5, j + 0.5));
      }
      if (here !== labels.at(near(0, 1))) {
        path.moveTo(...tile.place(i - 0.5, j + 0.5));
        path.lineTo(...tile.place(i + 0.5, j + 0.5));
      }
    });
    ctx.globalAlpha = opacity;
    stroke(ctx, path, [["rgb(0 0 0 / 55%)", 2.4], ["#fff3b0", 1.1]], scale);
    ctx.globalAlpha = 1;
  };

  const stroke = (ctx, path, strokes, scale) => {
    ctx.lineCap = "round";
    for (const [colour, width] of strokes) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = width * scale;
      ctx.stroke(path);
    }
  };

  const write = (ctx, words, x, y, align, baseline, scale) => {
    ctx.font = `600 ${13 * scale}px system-ui, sans-serif`;
    ctx.textAlign = align;
    ctx.textBaseline = baseline;
    ctx.lineJoin = "round";
    ctx.lineWidth = 3 * scale;
    ctx.strokeStyle = "rgb(0 0 0 / 75%)";
    ctx.fillStyle = "#ffffff";
    ctx.strokeText(words, x, y);
    ctx.fillText(words, x, y);
  };

  const crosshair = (ctx, tile, [x, y], scale) => {
    const gap = 9 * scale;
    const path = new Path2D();
    for (const [x1, y1, x2, y2] of [
      [tile.left, y, x - gap, y],
      [x + gap, y, tile.left + tile.width, y],
      [x, tile.top, x, y - gap],
      [x, y + gap, x, tile.top + tile.height],
    ]) {
      path.moveTo(x1, y1);
      path.lineTo(x2, y2);
    }
    stroke(ctx, path, [["rgb(0 0 0 / 45%)", 2.6], ["#6ccdbd", 1.1]], scale);
  };

  const letters = (ctx, tile, scale) => {
    const { left, top, width, height } = tile;
    const pad = 7 * scale;
    const [first, second] = [LETTERS[tile.axes[0]], LETTERS[tile.axes[1]]];
    write(ctx, first[1], left + pad, top + height / 2, "left", "middle", scale);
    write(ctx, first[0], left + width - pad, top + height / 2, "right", "middle", scale);
    write(ctx, second[1], left + width / 2, top + pad, "center", "top", scale);
    write(ctx, second[0], left + width / 2, top + height - pad, "center", "bottom", scale);
  };

  const scaleBar = (ctx, tile, scale) => {
    const length = [50, 20, 10, 5, 2].find((mm) => mm * tile.perMM < tile.width * 0.35) ?? 1;
    const x = tile.left + 10 * scale;
    const y = tile.top + tile.height - 10 * scale;
    ctx.fillStyle = "#ffffff";
    ctx.fillRect(x, y - 2 * scale, length * tile.perMM, 2 * scale);
    write(ctx, `${length}\u00a0mm`, x, y - 5 * scale, "left", "bottom", scale);
  };

  const distance = (ctx, [[x1, y1], [x2, y2]], words, scale) => {
    const path = new Path2D();
    path.moveTo(x1, y1);
    path.lineTo(x2, y2);
    for (const [x, y] of [[x1, y1], [x2, y2]]) {
      path.moveTo(x + 3 * scale, y);
      path.arc(x, y, 3 * scale, 0, 2 * Math.PI);
    }
    stroke(ctx, path, [["rgb(0 0 0 / 65%)", 3.6], ["#ffd24d", 1.6]], scale);
    write(ctx, words, Math.max(x1, x2) + 8 * scale, x1 > x2 ? y1 : y2, "left", "middle", scale);
  };

  return { outline, borders, crosshair, letters, scaleBar, distance, write };
})();
