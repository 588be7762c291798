// The scan: slices that arrive from the one that is looked at outwards.
window.EcotoneScan ??= (() => {
  const MOST_BYTES = 600_000_000;

  class Scan extends EventTarget {
    constructor(facts, urls, digest) {
      super();
      const [nz, ny, nx] = facts.shape;
      Object.assign(this, { ...facts, nz, ny, nx, urls, digest, slices: new Array(nz).fill(null), wanted: 0, loading: false });
    }

    hu(z, y, x) {
      return this.slices[z]?.[y * this.nx + x];
    }

    get loaded() {
      return this.slices.filter(Boolean).length;
    }

    get isWhole() {
      return this.loaded === this.nz;
    }

    // Bring the slices around one, the nearest first.
    async look(z) {
      this.wanted = z;
      if (this.loading) return;
      this.loading = true;
      try {
        for (let slab = this.next(); slab !== null; slab = this.next()) await this.bring(slab);
      } finally {
        this.loading = false;
      }
    }

    next() {
      const count = Math.ceil(this.nz / this.slab);
      const here = Math.floor(this.wanted / this.slab);
      const full = this.loaded * this.ny * this.nx * 2 > MOST_BYTES;
      for (let away = 0; away < (full ? 1 : count); away++) {
        for (const slab of [here + away, here - away]) {
          if (slab >= 0 && slab < count && !this.slices[slab * this.slab]) return slab;
        }
      }
      return null;
    }

    async bring(slab) {
      const first = slab * this.slab;
      const answer = await EcotoneContourWire.ask(`${this.urls.slices}?first=${first}&v=${this.digest}`);
      const values = new Int16Array(await answer.arrayBuffer());
      const length = this.ny * this.nx;
      for (let at = 0; at * length < values.length; at++) this.slices[first + at] = values.subarray(at * length, (at + 1) * length);
      this.dispatchEvent(new CustomEvent("arrived", { detail: first }));
    }
  }

  return Scan;
})();
