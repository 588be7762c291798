// What is drawn: one byte a voxel on the slices that hold something, with undo and redo as runs of voxels.
window.EcotoneDrawing ??= (() => {
  const MOST_STEPS = 100;
  const MOST_COUNTED = 40_000_000;

  // Positions at which a slice changes between outside and inside; an empty slice has none.
  const runsOf = (slice) => {
    const found = [];
    let now = 0;
    if (slice) {
      for (let at = 0; at < slice.length; at++) {
        if (slice[at] !== now) {
          found.push(at);
          now = slice[at];
        }
      }
      if (now) found.push(slice.length);
    }
    return Uint32Array.from(found);
  };

  const sliceOf = (runs, length) => {
    if (!runs.length) return null;
    const slice = new Uint8Array(length);
    for (let at = 0; at < runs.length; at += 2) slice.fill(1, runs[at], runs[at + 1]);
    return slice;
  };

  const same = (one, other) => one.length === other.length && one.every((value, at) => value === other[at]);

  class Drawing extends EventTarget {
    constructor([nz, ny, nx]) {
      super();
      Object.assign(this, { nz, ny, nx, slices: new Array(nz).fill(null), undone: [], done: [] });
      this.before = new Map();
    }

    has(z, y, x) {
      return this.slices[z]?.[y * this.nx + x] === 1;
    }

    // A slice to write on; what it held is kept for undo until `commit`.
    open(z) {
      if (!this.before.has(z)) this.before.set(z, runsOf(this.slices[z]));
      this.slices[z] ??= new Uint8Array(this.ny * this.nx);
      return this.slices[z];
    }

    replace(z, slice) {
      if (!this.before.has(z)) this.before.set(z, runsOf(this.slices[z]));
      this.slices[z] = slice;
    }

    commit(label) {
      const steps = [];
      for (const [z, before] of this.before) {
        const after = runsOf(this.slices[z]);
        if (!after.length) this.slices[z] = null;
        if (!same(before, after)) steps.push({ z, before, after });
      }
      this.before.clear();
      if (!steps.length) return false;
      this.done.push({ label, steps });
      if (this.done.length > MOST_STEPS) this.done.shift();
      this.undone = [];
      this.tell(steps.map((step) => step.z));
      return true;
    }

    // Take back what was drawn since the last commit.
    cancel() {
      for (const [z, before] of this.before) this.slices[z] = sliceOf(before, this.ny * this.nx);
      this.before.clear();
    }

    undo() {
      return this.move(this.done, this.undone, "before");
    }

    redo() {
      return this.move(this.undone, this.done, "after");
    }

    move(from, to, side) {
      const act = from.pop();
      if (!act) return null;
      for (const step of act.steps) this.slices[step.z] = sliceOf(step[side], this.ny * this.nx);
      to.push(act);
      this.tell(act.steps.map((step) => step.z));
      return act;
    }

    tell(changed) {
      this.dispatchEvent(new CustomEvent("change", { detail: changed }));
    }

    get isEmpty() {
      return this.slices.every((slice) => slice === null);
    }

    drawn() {
      return this.slices.flatMap((slice, z) => (slice ? [z] : []));
    }

    // First and last voxel along z, y and x.
    box() {
      const zs = this.drawn();
      if (!zs.length) return null;
      const low = [zs[0], this.ny, this.nx];
      const high = [zs.at(-1), -1, -1];
      for (const z of zs) {
        const runs = runsOf(this.slices[z]);
        for (let at = 0; at < runs.length; at += 2) {
          const first = runs[at];
          const last = runs[at + 1] - 1;
          const [top, bottom] = [Math.floor(first / this.nx), Math.floor(last / this.nx)];
          const whole = top !== bottom;
          low[1] = Math.min(low[1], top);
          high[1] = Math.max(high[1], bottom);
          low[2] = Math.min(low[2], whole ? 0 : first % this.nx);
          high[2] = Math.max(high[2], whole ? this.nx - 1 : last % this.nx);
        }
      }
      return { low, high, size: low.map((value, axis) => high[axis] - value + 1) };
    }

    // How many parts there are; voxels that touch by a face, edge or corner hang together.
    components() {
      const box = this.box();
      if (!box) return 0;
      const [sz, sy, sx] = box.size;
      if (sz * sy * sx > MOST_COUNTED) return null;
      const left = new Uint8Array(sz * sy * sx);
      for (let z = 0; z < sz; z++) {
        const slice = this.slices[z + box.low[0]];
        if (!slice) continue;
        for (let y = 0; y < sy; y++) {
          const start = (y + box.low[1]) * this.nx + box.low[2];
          left.set(slice.subarray(start, start + sx), (z * sy + y) * sx);
        }
      }
      return count(left, [sz, sy, sx]);
    }

    // The drawing as runs of each slice, for the browser's own store.
    kept() {
      return new Map(this.drawn().map((z) => [z, runsOf(this.slices[z])]));
    }

    restore(kept, label) {
      for (let z = 0; z < this.nz; z++) {
        if (this.slices[z] || kept.has(z)) this.replace(z, sliceOf(kept.get(z) ?? [], this.ny * this.nx));
      }
      this.commit(label);
    }
  }

  const count = (left, [sz, sy, sx]) => {
    let parts = 0;
    const stack = [];
    for (let start = 0; start < left.length; start++) {
      if (!left[start]) continue;
      parts += 1;
      left[start] = 0;
      stack.push(start);
      while (stack.length) {
        const at = stack.pop();
        const x = at % sx;
        const y = Math.floor(at / sx) % sy;
        const z = Math.floor(at / (sx * sy));
        for (let c = Math.max(0, z - 1); c <= Math.min(sz - 1, z + 1); c++)
          for (let b = Math.max(0, y - 1); b <= Math.min(sy - 1, y + 1); b++)
            for (let a = Math.max(0, x - 1); a <= Math.min(sx - 1, x + 1); a++) {
              const next = (c * sy + b) * sx + a;
              if (!left[next]) continue;
              left[next] = 0;
              stack.push(next);
            }
      }
    }
    return parts;
  };

  return Drawing;
})();
