// Where a place of one scan lies in another: through the registration of a patient's two scans where there
// is one, else at the same level of the tumour. Positions are millimetres (right, anterior, superior).
window.EcotoneLink ??= (() => {
  const TURNS = 25;

  // A coarse grid of displacements from the first scan to the second, linear in between.
  class Field {
    constructor({ grid, mean_lps_mm: mean, step_mm: step, steps }) {
      const bytes = Uint8Array.from(atob(steps), (letter) => letter.charCodeAt(0));
      this.steps = new Int16Array(bytes.buffer);
      Object.assign(this, { mean, step, shape: grid.shape_zyx, origin: grid.origin_lps_mm });
      // Columns of the direction are unit vectors, so its transpose takes a position to an index.
      this.axes = [0, 1, 2].map((axis) => grid.direction.map((row) => row[axis]));
      this.spacing = [...grid.spacing_zyx_mm].reverse();
    }

    displacement(lps) {
      const away = lps.map((value, axis) => value - this.origin[axis]);
      const index = this.axes.map((axis, at) => axis.reduce((sum, part, i) => sum + part * away[i], 0) / this.spacing[at]);
      const size = [...this.shape].reverse();
      const inside = index.map((value, axis) => Math.max(0, Math.min(size[axis] - 1, value)));
      const low = inside.map((value, axis) => Math.min(Math.floor(value), Math.max(0, size[axis] - 2)));
      const found = [0, 0, 0];
      for (let corner = 0; corner < 8; corner++) {
        let weight = 1;
        const at = low.map((value, axis) => {
          const upper = (corner >> axis) & 1;
          const share = inside[axis] - value;
          weight *= upper ? share : 1 - share;
          return Math.min(size[axis] - 1, value + upper);
        });
        if (!weight) continue;
        const start = 3 * ((at[2] * size[1] + at[1]) * size[0] + at[0]);
        for (let axis = 0; axis < 3; axis++) found[axis] += weight * this.steps[start + axis];
      }
      return found.map((value, axis) => this.mean[axis] + value * this.step);
    }

    forth(mm) {
      const lps = [-mm[0], -mm[1], mm[2]];
      const moved = this.displacement(lps).map((value, axis) => value + lps[axis]);
      return [-moved[0], -moved[1], moved[2]];
    }

    // The place that goes forth to this one, by stepping back until it does.
    back(mm) {
      const goal = [-mm[0], -mm[1], mm[2]];
      let found = [...goal];
      for (let turn = 0; turn < TURNS; turn++) {
        const shift = this.displacement(found);
        found = goal.map((value, axis) => value - shift[axis]);
      }
      return [-found[0], -found[1], found[2]];
    }
  }

  // 0 is the tumour's first voxel along an axis, 1 its last.
  const level = (pane, mm) => {
    const { low, high } = pane.extent;
    return pane.volume.toIndex(mm).map((value, axis) => (value - low[axis]) / Math.max(1, high[axis] - low[axis]));
  };

  const atLevel = (pane, levels) => {
    const { low, high } = pane.extent;
    return pane.volume.toMM(levels.map((value, axis) => low[axis] + value * Math.max(1, high[axis] - low[axis])));
  };

  const map = (from, to, mm) => {
    const field = from.patient === to.patient ? from.field : null;
    if (!field) return atLevel(to, level(from, mm));
    return from.kind === "pre" ? field.forth(mm) : field.back(mm);
  };

  // Where a place of one scan lies in each: in another patient first at its level in the scan of the same time,
  // and from there to that patient's other scan as if it had been chosen there.
  const spread = (panes, from, mm) => {
    const found = new Map([[from, mm]]);
    for (const pane of panes) {
      if (found.has(pane)) continue;
      const own = panes.filter((other) => other.patient === pane.patient);
      const anchor = own.includes(from) ? from : (own.find((other) => other.kind === from.kind) ?? own[0]);
      if (!found.has(anchor)) found.set(anchor, map(from, anchor, mm));
      if (pane !== anchor) found.set(pane, map(anchor, pane, found.get(anchor)));
    }
    return found;
  };

  const load = async (url) => new Field(JSON.parse(new TextDecoder().decode(await EcotoneVolume.unpacked(url))));

  return { load, map, spread, Field };
})();
