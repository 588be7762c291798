// Keys: single letters while the picture has the focus, Ctrl with a letter anywhere in the editor.
window.EcotoneContourKeys ??= (editor) => {
  const press = (name) => () => editor.root.querySelector(`[data-act="${name}"]`)?.click();
  const tool = (name) => () => editor.choose(name);

  const plain = {
    b: tool("draw"),
    e: tool("erase"),
    l: tool("lasso"),
    f: tool("fill"),
    w: tool("start"),
    m: tool("move"),
    i: press("fill"),
    s: press("smooth"),
    c: press("copy"),
    n: press("copy-on"),
    h: press("hide"),
    1: press("window-0"),
    2: press("window-1"),
    "[": () => editor.resize(-1),
    "]": () => editor.resize(1),
    "+": () => editor.stage.zoom(1.25, editor.place()),
    "=": () => editor.stage.zoom(1.25, editor.place()),
    "-": () => editor.stage.zoom(0.8, editor.place()),
    0: press("fit"),
    "?": press("help"),
    PageUp: () => editor.leaf(1),
    PageDown: () => editor.leaf(-1),
    Delete: press("clear"),
    Escape: () => editor.tool.cancel?.(),
    Enter: () => (editor.mayDraw && editor.tool.close ? editor.tool.close() : editor.stamp()),
    " ": () => editor.stamp(),
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  editor.stage.canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = steps[event.key];
    const act = step ? () => editor.step(step, event.shiftKey ? 10 : 1) : (plain[event.key] ?? plain[event.key.toLowerCase()]);
    if (!act) return;
    event.preventDefault();
    act();
    editor.draw();
  });

  editor.root.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    const act = { z: event.shiftKey ? press("redo") : press("undo"), y: press("redo"), s: press("save") }[event.key.toLowerCase()];
    if (!act || event.target.matches("input[type=text], textarea")) return;
    event.preventDefault();
    act();
  });
};
