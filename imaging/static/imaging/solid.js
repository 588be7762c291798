// Tumour and habitats as lit surfaces: smooth surfaces from voxels (surface nets), drawn by WebGL.
window.EcotoneSolid ??= (() => {
  const ROUNDS = 4;
  const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7].map((c) => [c & 1, (c >> 1) & 1, (c >> 2) & 1]);
  const EDGES = CORNERS.flatMap((a, i) => [0, 1, 2].filter((axis) => !a[axis]).map((axis) => [i, i | (1 << axis)]));

  // Vertices (voxel indices) and triangles around the voxels for which `inside` holds, within a box.
  const net = (inside, { low, high }) => {
    const from = low.map((value) => value - 1);
    const size = high.map((value, axis) => value - from[axis] + 2);
    const number = new Int32Array(size[0] * size[1] * size[2]).fill(-1);
    const solid = new Uint8Array((size[0] + 1) * (size[1] + 1) * (size[2] + 1));
    const at = (x, y, z) => (z * (size[1] + 1) + y) * (size[0] + 1) + x;
    for (let z = 0; z <= size[2]; z++)
      for (let y = 0; y <= size[1]; y++)
        for (let x = 0; x <= size[0]; x++) solid[at(x, y, z)] = inside([x + from[0], y + from[1], z + from[2]]) ? 1 : 0;
    const cell = (x, y, z) => (z * size[1] + y) * size[0] + x;
    const vertices = [];
    const triangles = [];
    for (let z = 0; z < size[2]; z++)
      for (let y = 0; y < size[1]; y++)
        for (let x = 0; x < size[0]; x++) {
          const filled = CORNERS.map(([i, j, k]) => solid[at(x + i, y + j, z + k)]);
          const crossed = EDGES.filter(([a, b]) => filled[a] !== filled[b]);
          if (!crossed.length) continue;
          const middle = [0, 1, 2].map((axis) => crossed.reduce((sum, [a, b]) => sum + (CORNERS[a][axis] + CORNERS[b][axis]) / 2, 0) / crossed.length);
          number[cell(x, y, z)] = vertices.length;
          vertices.push([x + from[0] + middle[0], y + from[1] + middle[1], z + from[2] + middle[2]]);
          for (let axis = 0; axis < 3; axis++) {
            const [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
            const here = [x, y, z];
            if (!here[u] || !here[v] || filled[0] === filled[1 << axis]) continue;
            const step = (du, dv) => {
              const near = [...here];
              near[u] -= du;
              near[v] -= dv;
              return number[cell(...near)];
            };
            const [a, b, c, d] = filled[0] ? [step(0, 0), step(1, 0), step(1, 1), step(0, 1)] : [step(0, 0), step(0, 1), step(1, 1), step(1, 0)];
            triangles.push(a, b, c, a, c, d);
          }
        }
    return { vertices, triangles };
  };

  // Each vertex moves to the middle of its neighbours a few times; steps of voxels disappear.
  const smooth = ({ vertices, triangles }) => {
    const near = vertices.map(() => new Set());
    for (let t = 0; t < triangles.length; t += 3)
      for (let i = 0; i < 3; i++) near[triangles[t + i]].add(triangles[t + ((i + 1) % 3)]).add(triangles[t + ((i + 2) % 3)]);
    let places = vertices;
    for (let round = 0; round < ROUNDS; round++)
      places = places.map((place, v) => {
        const sum = [0, 0, 0];
        for (const other of near[v]) for (let axis = 0; axis < 3; axis++) sum[axis] += places[other][axis];
        return place.map((value, axis) => 0.4 * value + (0.6 * sum[axis]) / Math.max(1, near[v].size));
      });
    return { vertices: places, triangles };
  };

  // Positions in millimetres from a centre, and normals, ready for the graphics card.
  const surface = (volume, extent, inside, centre) => {
    const { vertices, triangles } = smooth(net(inside, extent));
    const places = vertices.map((index) => volume.toMM(index).map((value, axis) => value - centre[axis]));
    const normals = places.map(() => [0, 0, 0]);
    for (let t = 0; t < triangles.length; t += 3) {
      const [a, b, c] = [0, 1, 2].map((i) => places[triangles[t + i]]);
      const [p, q] = [b, c].map((point) => point.map((value, axis) => value - a[axis]));
      const face = [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
      for (let i = 0; i < 3; i++) face.forEach((value, axis) => (normals[triangles[t + i]][axis] += value));
    }
    const data = new Float32Array(places.flatMap((place, v) => [...place, ...normals[v]]));
    return { data, index: new Uint32Array(triangles) };
  };

  const VERTEX = `#version 300 es
    in vec3 place; in vec3 normal; uniform mat3 turn; uniform vec2 scale; out vec3 facing;
    void main() { vec3 p = turn * place; facing = turn * normal; gl_Position = vec4(p.xy * scale, -p.z * 0.002, 1.0); }`;
  const FRAGMENT = `#version 300 es
    precision mediump float; in vec3 facing; uniform vec4 colour; out vec4 shade;
    void main() { float light = abs(dot(normalize(facing), normalize(vec3(0.35, 0.45, 0.82)))); shade = vec4(colour.rgb * (0.3 + 0.75 * light), 1.0) * colour.a; }`;

  class Solid {
    constructor() {
      this.canvas = document.createElement("canvas");
      this.gl = this.canvas.getContext("webgl2", { antialias: true, premultipliedAlpha: true });
      this.parts = [];
      if (this.gl) this.prepare();
    }

    prepare() {
      const gl = this.gl;
      this.program = gl.createProgram();
      for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
        const shader = gl.createShader(kind);
        gl.shaderSource(shader, source);
        gl.compileShader(shader);
        gl.attachShader(this.program, shader);
      }
      gl.linkProgram(this.program);
      this.at = Object.fromEntries(["turn", "scale", "colour"].map((name) => [name, gl.getUniformLocation(this.program, name)]));
    }

    add(name, mesh) {
      const gl = this.gl;
      const vao = gl.createVertexArray();
      gl.bindVertexArray(vao);
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, mesh.data, gl.STATIC_DRAW);
      for (const [attribute, offset] of [["place", 0], ["normal", 12]]) {
        const where = gl.getAttribLocation(this.program, attribute);
        gl.enableVertexAttribArray(where);
        gl.vertexAttribPointer(where, 3, gl.FLOAT, false, 24, offset);
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.index, gl.STATIC_DRAW);
      this.parts.push({ name, vao, count: mesh.index.length });
    }

    // `paint(name)` gives the colour of a part as four numbers from 0 to 1, or nothing where it is not shown.
    draw(width, height, perMM, turn, paint) {
      const gl = this.gl;
      Object.assign(this.canvas, { width: Math.max(1, width), height: Math.max(1, height) });
      gl.viewport(0, 0, width, height);
      gl.enable(gl.DEPTH_TEST);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      gl.clearColor(0, 0, 0, 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.useProgram(this.program);
      gl.uniformMatrix3fv(this.at.turn, true, turn.flat());
      gl.uniform2f(this.at.scale, (2 * perMM) / width, (2 * perMM) / height);
      const shown = this.parts.map((part) => ({ ...part, colour: paint(part.name) })).filter((part) => part.colour);
      // What is seen through is drawn last and hides nothing.
      for (const part of shown.sort((a, b) => b.colour[3] - a.colour[3])) {
        gl.depthMask(part.colour[3] === 1);
        gl.uniform4fv(this.at.colour, part.colour);
        gl.bindVertexArray(part.vao);
        gl.drawElements(gl.TRIANGLES, part.count, gl.UNSIGNED_INT, 0);
      }
      gl.depthMask(true);
    }
  }

  return Object.assign(Solid, { surface });
})();
