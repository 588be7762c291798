// A scan, a mask or a map of labels: fetched with progress, unpacked, and read in right-anterior-superior order.
window.EcotoneVolume ??= (() => {
  const HEADER_BYTES = 352;
  const ARRAYS = { 2: Uint8Array, 4: Int16Array, 16: Float32Array };

  const multiply = (matrix, vector) => matrix.map((row) => row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2]);

  const invert = (m) => {
    const minor = (r, c) => {
      const [r1, r2] = [(r + 1) % 3, (r + 2) % 3];
      const [c1, c2] = [(c + 1) % 3, (c + 2) % 3];
      return m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1];
    };
    const size = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
    return [0, 1, 2].map((r) => [0, 1, 2].map((c) => minor(c, r) / size));
  };

  // The bytes of a gzipped file; `onBytes` hears how many have come and how many there are.
  const unpacked = async (url, onBytes = () => {}) => {
    const response = await fetch(url, { credentials: "same-origin" });
    if (!response.ok || response.redirected) throw new Error(`${response.status} ${new URL(url, location.href).pathname}`);
    const total = Number(response.headers.get("Content-Length"));
    let received = 0;
    const counted = new TransformStream({
      transform(chunk, controller) {
        received += chunk.byteLength;
        onBytes(received, total);
        controller.enqueue(chunk);
      },
    });
    const stream = response.body.pipeThrough(counted).pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  };

  class Volume {
    constructor(buffer) {
      const view = new DataView(buffer);
      const size = [1, 2, 3].map((at) => view.getInt16(40 + 2 * at, true));
      const Kind = ARRAYS[view.getInt16(70, true)];
      this.data = new Kind(buffer.slice(HEADER_BYTES));
      const rows = [0, 1, 2].map((row) => [0, 1, 2, 3].map((column) => view.getFloat32(280 + 16 * row + 4 * column, true)));
      this.orient(size, rows);
    }

    // Each axis of the file goes to the direction of the body that it follows most; its sign may turn.
    orient(size, rows) {
      const free = new Set([0, 1, 2]);
      const strides = [1, size[0], size[0] * size[1]];
      this.size = [];
      this.step = [];
      this.start = 0;
      const matrix = [[], [], []];
      const origin = rows.map((row) => row[3]);
      for (let towards = 0; towards < 3; towards++) {
        const axis = [...free].sort((a, b) => Math.abs(rows[towards][b]) - Math.abs(rows[towards][a]))[0];
        free.delete(axis);
        const sign = rows[towards][axis] < 0 ? -1 : 1;
        this.size[towards] = size[axis];
        this.step[towards] = sign * strides[axis];
        if (sign < 0) this.start += (size[axis] - 1) * strides[axis];
        for (let row = 0; row < 3; row++) {
          matrix[row][towards] = sign * rows[row][axis];
          if (sign < 0) origin[row] += rows[row][axis] * (size[axis] - 1);
        }
      }
      Object.assign(this, { matrix, origin, inverse: invert(matrix) });
      this.spacing = [0, 1, 2].map((axis) => Math.hypot(...matrix.map((row) => row[axis])));
    }

    // Value at whole indices (right, anterior, superior); 0 beyond the borders.
    at([i, j, k]) {
      const [nx, ny, nz] = this.size;
      if (i < 0 || j < 0 || k < 0 || i >= nx || j >= ny || k >= nz) return 0;
      return this.data[this.start + i * this.step[0] + j * this.step[1] + k * this.step[2]];
    }

    holds(index) {
      return index.every((value, axis) => value > -0.5 && value < this.size[axis] - 0.5);
    }

    toMM(index) {
      return multiply(this.matrix, index).map((value, axis) => value + this.origin[axis]);
    }

    toIndex(mm) {
      return multiply(this.inverse, mm.map((value, axis) => value - this.origin[axis]));
    }

    // The box of voxels above zero, and the slice of the third axis that has most of them.
    extent() {
      const low = [...this.size];
      const high = [-1, -1, -1];
      const areas = new Array(this.size[2]).fill(0);
      for (let k = 0; k < this.size[2]; k++)
        for (let j = 0; j < this.size[1]; j++) {
          let at = this.start + j * this.step[1] + k * this.step[2];
          for (let i = 0; i < this.size[0]; i++, at += this.step[0]) {
            if (!this.data[at]) continue;
            areas[k] += 1;
            if (i < low[0]) low[0] = i;
            if (i > high[0]) high[0] = i;
            if (j < low[1]) low[1] = j;
            if (j > high[1]) high[1] = j;
            if (k < low[2]) low[2] = k;
            high[2] = k;
          }
        }
      const largest = areas.indexOf(Math.max(...areas));
      return { low, high, middle: [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, largest] };
    }

    static async load(url, onBytes) {
      return new Volume(await unpacked(url, onBytes));
    }
  }

  return Object.assign(Volume, { unpacked });
})();
