// Mouse, pen and fingers: one draws, two move and zoom, the wheel leafs through the slices.
window.EcotoneContourPointer ??= (editor, stage) => {
  const { canvas } = stage;
  const pointers = new Map();
  let pinch = null;
  let panning = false;

  const apart = () => {
    const [one, other] = [...pointers.values()];
    const middle = { clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 };
    return { middle, distance: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) };
  };

  const place = (event) => {
    const [u, v] = stage.toVoxel(event);
    editor.pointAt(Math.floor(u), Math.floor(v));
    return [u, v];
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) {
      editor.tool.cancel?.();
      pinch = apart();
      return;
    }
    panning = editor.tool.pans || event.button !== 0;
    const at = place(event);
    if (!panning && editor.mayDraw) editor.tool.down?.(at, event);
    editor.draw();
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (before) pointers.set(event.pointerId, event);
    if (pinch && pointers.size === 2) {
      const now = apart();
      stage.pan(now.middle.clientX - pinch.middle.clientX, now.middle.clientY - pinch.middle.clientY);
      stage.zoom(now.distance / Math.max(1, pinch.distance), stage.toVoxel(now.middle));
      pinch = now;
      return;
    }
    if (before && panning) return stage.pan(event.clientX - before.clientX, event.clientY - before.clientY);
    const at = place(event);
    if (before && !pinch && editor.mayDraw) editor.tool.move?.(at, event);
    editor.draw();
  });

  const lift = (event, name) => {
    if (!pointers.delete(event.pointerId)) return;
    if (pinch) {
      if (!pointers.size) pinch = null;
      return;
    }
    if (!panning && editor.mayDraw) editor.tool[name]?.();
    panning = false;
    editor.draw();
  };
  canvas.addEventListener("pointerup", (event) => lift(event, "up"));
  canvas.addEventListener("pointercancel", (event) => lift(event, "cancel"));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) stage.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, stage.toVoxel(event));
    else editor.leaf(event.deltaY < 0 ? 1 : -1);
  }, { passive: false });
};
