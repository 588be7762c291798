// How a viewer is worked: toolbar, keyboard, wheel and pointer.
window.EcotoneControls ??= (() => {
  const PLANES = { 1: "axial", 2: "coronal", 3: "sagittal", 4: "three", 5: "solid" };
  const LAYERS = { o: "outline", h: "habitats", s: "supervoxels", t: "transitions" };
  const ARROWS = { ArrowUp: [0, 1], ArrowRight: [-1, 0], ArrowDown: [0, -1], ArrowLeft: [1, 0] };
  const STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5 };
  const NEAR = 4; // pixels that a click may slip

  const press = (viewer, button) => {
    const { plane, window: hu, toggle, habitat, zoom } = button.dataset;
    if (plane) viewer.setPlane(plane);
    else if (hu) viewer.setWindow(hu.split(",").map(Number), button);
    else if (toggle) viewer.toggle(toggle);
    else if (habitat) viewer.toggleHabitat(Number(habitat), button);
    else if (zoom) viewer.zoom(Number(zoom));
    else if (button.dataset.measure !== undefined) viewer.measures.toggle();
    else if (button.dataset.whole !== undefined) viewer.toggleWhole(button);
    else if (button.dataset.help !== undefined) viewer.help();
    else if (button.dataset.reset !== undefined) viewer.reset();
  };

  const key = (viewer, pane, event) => {
    const { key: name, shiftKey } = event;
    const letter = name.toLowerCase();
    const tile = pane.tiles()[0];
    const solid = tile.plane === "solid";
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (solid && ARROWS[name]) viewer.turn(ARROWS[name][0] * -0.15, ARROWS[name][1] * 0.15);
    else if (shiftKey && ARROWS[name]) viewer.nudge(pane, tile, ARROWS[name]);
    else if (STEPS[name]) viewer.step(pane, tile, STEPS[name]);
    else if (name === "Home" || name === "End") viewer.toEnd(pane, tile, name === "Home" ? "low" : "high");
    else if (PLANES[name]) viewer.setPlane(PLANES[name]);
    else if (LAYERS[letter]) viewer.toggle(LAYERS[letter]);
    else if (name === "+" || name === "=") viewer.zoom(1.25);
    else if (name === "-") viewer.zoom(0.8);
    else if (name === "0") viewer.reset();
    else if (letter === "l" || letter === "m") viewer.press(`[data-preset=${letter}]`);
    else if (letter === "c") viewer.toggle("crosshair");
    else if (letter === "d") viewer.measures.toggle();
    else if (name === "Escape" && viewer.measures.on) viewer.measures.toggle(false);
    else if (name === "Enter" && !solid) viewer.measures.on ? viewer.measures.point(pane, tile, pane.cross) : viewer.centreOn(pane);
    else if (name === "?") viewer.help();
    else return false;
    return true;
  };

  const tileAt = (pane, event) => {
    const [x, y] = [event.offsetX * pane.ratio, event.offsetY * pane.ratio];
    const tile = pane.tiles().find((one) => x >= one.left && x <= one.left + one.width && y >= one.top && y <= one.top + one.height);
    return tile && { tile, mm: tile.index && pane.volume.toMM(tile.index(x, y)) };
  };

  const pointer = (viewer, pane) => {
    let start = null;
    pane.canvas.addEventListener("pointerdown", (event) => {
      if (event.button || viewer.root.dataset.state !== "ready") return;
      const found = tileAt(pane, event);
      if (!found) return;
      start = { x: event.clientX, y: event.clientY, tile: found.tile, moved: false };
      pane.canvas.setPointerCapture(event.pointerId);
    });
    pane.canvas.addEventListener("pointermove", (event) => {
      if (!start) return viewer.hover(pane, viewer.measures.first ? tileAt(pane, event) : null);
      const [across, down] = [event.clientX - start.x, event.clientY - start.y];
      if (!start.moved && Math.hypot(across, down) < NEAR) return;
      Object.assign(start, { x: event.clientX, y: event.clientY, moved: true });
      if (start.tile.plane === "solid") viewer.turn(across * 0.01, down * 0.01);
      else viewer.pan(pane, start.tile, [across * pane.ratio, down * pane.ratio]);
    });
    pane.canvas.addEventListener("pointerup", (event) => {
      const found = start && !start.moved ? tileAt(pane, event) : null;
      start = null;
      if (!found?.mm) return;
      if (viewer.measures.on) viewer.measures.point(pane, found.tile, found.mm);
      else viewer.point(pane, found.mm);
    });
    pane.canvas.addEventListener("pointercancel", () => (start = null));
  };

  const wheel = (viewer, pane, event) => {
    if (viewer.root.dataset.state !== "ready") return;
    const found = tileAt(pane, event);
    if (!found) return;
    event.preventDefault();
    const up = event.deltaY < 0;
    if (event.ctrlKey || found.tile.plane === "solid") viewer.zoom(up ? 1.15 : 1 / 1.15);
    else viewer.step(pane, found.tile, up ? 1 : -1);
  };

  const listen = (viewer) => {
    const { root } = viewer;
    for (const tools of root.querySelectorAll(".tools")) {
      tools.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button) press(viewer, button);
      });
    }
    viewer.slider.addEventListener("input", () => viewer.slide(Number(viewer.slider.value)));
    for (const slider of root.querySelectorAll("[data-opacity]")) slider.addEventListener("input", () => viewer.fade(slider.dataset.opacity, slider.value / 100));
    for (const field of root.querySelectorAll("[data-hu]")) field.addEventListener("change", () => viewer.customWindow());
    for (const pane of viewer.panes) {
      pointer(viewer, pane);
      pane.canvas.addEventListener("wheel", (event) => wheel(viewer, pane, event), { passive: false });
      pane.canvas.addEventListener("focus", () => viewer.activate(pane));
      pane.canvas.addEventListener("keydown", (event) => {
        if (viewer.root.dataset.state === "ready" && key(viewer, pane, event)) event.preventDefault();
      });
    }
    new ResizeObserver(() => viewer.draw()).observe(root.querySelector(".panes"));
  };

  return { listen };
})();
