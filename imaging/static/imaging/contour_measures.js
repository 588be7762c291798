// Volume, mean HU, separate parts and drawn slices, as they change.
window.EcotoneContourMeasures ??= (() => {
  const MINUS = "\u2212";
  const number = (value, digits = 0) => value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", MINUS);

  return class Measures {
    static number = number;

    constructor(editor) {
      this.editor = editor;
      this.slices = new Map();
    }

    // Voxels and sum of HU of each slice; a slice whose HU are not there yet is measured when they arrive.
    take(zs) {
      const { drawing, scan } = this.editor;
      for (const z of zs) {
        const slice = drawing.slices[z];
        const values = scan.slices[z];
        let [voxels, sum] = [0, 0];
        if (slice) {
          for (let at = 0; at < slice.length; at++) {
            if (!slice[at]) continue;
            voxels += 1;
            sum += values ? values[at] : 0;
          }
        }
        this.slices.set(z, { voxels, sum, known: Boolean(values) });
      }
      clearTimeout(this.telling);
      this.telling = setTimeout(() => this.tell(), 120);
    }

    tell() {
      const { editor } = this;
      const { drawing, scan } = editor;
      const found = [...this.slices.values()].filter((one) => one.voxels);
      const voxels = found.reduce((sum, one) => sum + one.voxels, 0);
      const hu = found.reduce((sum, one) => sum + one.sum, 0);
      const [sz, sy, sx] = scan.spacing;
      const isKnown = found.every((one) => one.known);
      editor.part("volume").textContent = `${number((voxels * sz * sy * sx) / 1000, 2)}\u00a0mL`;
      editor.part("mean").textContent = voxels && isKnown ? `${number(Math.round(hu / voxels))}\u00a0HU` : "–";
      editor.part("drawn").textContent = number(found.length);
      const parts = drawing.components();
      editor.part("parts").textContent = parts === null ? "–" : number(parts);
      editor.part("parts").closest("div").classList.toggle("is-many", parts > 1);
      for (const [name, list] of [["undo", drawing.done], ["redo", drawing.undone]]) editor.root.querySelector(`[data-act="${name}"]`).disabled = !list.length;
    }
  };
})();
