// Between browser and server: masks as packed boxes, the scan slab by slab, and unsaved work in the browser's own store.
window.EcotoneContourWire ??= (() => {
  const HEAD = 24;

  const through = async (bytes, stream) => new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());

  // The box that holds the drawing, the first voxel in the highest bit, gzipped.
  const pack = async (drawing) => {
    const box = drawing.box();
    const size = box ? box.size : [0, 0, 0];
    const voxels = size[0] * size[1] * size[2];
    const bytes = new Uint8Array(HEAD + Math.ceil(voxels / 8));
    new Int32Array(bytes.buffer, 0, 6).set([...(box ? box.low : [0, 0, 0]), ...size]);
    let at = 0;
    for (let z = 0; z < size[0]; z++) {
      const slice = drawing.slices[z + box.low[0]];
      for (let y = 0; y < size[1]; y++) {
        const start = (y + box.low[1]) * drawing.nx + box.low[2];
        for (let x = 0; x < size[2]; x++, at++) {
          if (slice && slice[start + x]) bytes[HEAD + (at >> 3)] |= 0x80 >> (at & 7);
        }
      }
    }
    return new Blob([await through(bytes, new CompressionStream("gzip"))]);
  };

  // Put a packed box into a drawing: in place of everything, or added to it.
  const unpack = async (content, drawing, { add = false } = {}) => {
    const bytes = await through(content, new DecompressionStream("gzip"));
    const [z0, y0, x0, sz, sy, sx] = new Int32Array(bytes.slice(0, HEAD).buffer);
    if (!add) for (const z of drawing.drawn()) drawing.replace(z, null);
    let at = 0;
    for (let z = 0; z < sz; z++) {
      const slice = drawing.open(z + z0);
      for (let y = 0; y < sy; y++) {
        const start = (y + y0) * drawing.nx + x0;
        for (let x = 0; x < sx; x++, at++) if (bytes[HEAD + (at >> 3)] & (0x80 >> (at & 7))) slice[start + x] = 1;
      }
    }
  };

  class Refused extends Error {}

  const token = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";

  // Ask the server; a refusal becomes an error with its words.
  const ask = async (url, values = null) => {
    const gettext = window.gettext ?? ((text) => text);
    let body = null;
    if (values) {
      body = new FormData();
      for (const [name, value] of Object.entries(values)) body.append(name, value);
    }
    let answer;
    try {
      answer = await fetch(url, body ? { method: "POST", body, headers: { "X-CSRFToken": token() } } : {});
    } catch {
      throw new Refused(gettext("The server cannot be reached. Your drawing is kept in this browser."));
    }
    if (answer.redirected && new URL(answer.url).pathname === document.documentElement.dataset.loginUrl) {
      throw new Refused(gettext("Your session ended. Log in again in another tab, then repeat this; the drawing stays here."));
    }
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    const error = new Refused([said.message, said.remedy].filter(Boolean).join(" ") || gettext("The server could not do this. Try again; if it happens twice, tell your administrator."));
    error.code = said.code;
    throw error;
  };

  const database = () =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open("ecotone-contours", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("unsaved");
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  const stored = async (mode, act) => {
    const open = await database();
    try {
      return await new Promise((resolve, reject) => {
        const request = act(open.transaction("unsaved", mode).objectStore("unsaved"));
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    } finally {
      open.close();
    }
  };

  return {
    pack,
    unpack,
    ask,
    keep: (key, value) => stored("readwrite", (store) => store.put(value, key)),
    recall: (key) => stored("readonly", (store) => store.get(key)),
    forget: (key) => stored("readwrite", (store) => store.delete(key)),
  };
})();
