// What the buttons do, by the name in `data-act`.
window.EcotoneContourActs ??= (editor) => {
  const gettext = window.gettext ?? ((text) => text);
  const up = () => (editor.scan.directions.z.flip ? -1 : 1);
  return {
    undo: () => editor.mayDraw && editor.say(`${gettext("Undone")}: ${editor.drawing.undo()?.label ?? "–"}`),
    redo: () => editor.mayDraw && editor.say(`${gettext("Done again")}: ${editor.drawing.redo()?.label ?? "–"}`),
    fill: () => editor.onServer("fill", gettext("Filling between the drawn slices"), gettext("The slices between are filled.")),
    smooth: () => editor.onServer("smooth", gettext("Smoothing"), gettext("Smoothed; the volume stayed."), { width_mm: editor.part("width").value }),
    copy: () => editor.copy(editor.at.z, editor.at.z - up()),
    "copy-on": () => editor.copy(editor.at.z + up(), editor.at.z),
    clear: () => {
      if (!editor.mayDraw) return;
      editor.drawing.replace(editor.at.z, null);
      editor.drawing.commit(gettext("Slice cleared"));
    },
    hide: (button) => {
      editor.shows = !editor.shows;
      button.setAttribute("aria-pressed", editor.shows);
      editor.draw();
    },
    fit: () => editor.stage.show(0, editor.scan.nx / 2, editor.scan.ny / 2),
    "zoom-in": () => editor.stage.zoom(1.4, editor.place()),
    "zoom-out": () => editor.stage.zoom(1 / 1.4, editor.place()),
    help: () => editor.part("help").showModal(),
    close: (button) => button.closest("dialog").close(),
    save: () => EcotoneContourSaving.open(editor),
  };
};
