// The tools: each takes places on the slice (in voxels, centres at .5) and changes the drawing.
window.EcotoneContourTools ??= (() => {
  const SOFT_HU = -400;

  // Voxels whose centre lies within a disc; at least the one in its middle.
  const disc = (editor, u, v, value) => {
    const { drawing, scan, at, brush } = editor;
    const slice = drawing.open(at.z);
    const [stepY, stepX] = [scan.spacing[1], scan.spacing[2]];
    const radius = brush / 2;
    const set = (x, y) => {
      if (x < 0 || y < 0 || x >= scan.nx || y >= scan.ny) return;
      if (value && editor.softOnly && !(scan.hu(at.z, y, x) >= SOFT_HU)) return;
      slice[y * scan.nx + x] = value;
    };
    set(Math.floor(u), Math.floor(v));
    for (let y = Math.floor(v - radius / stepY); y <= v + radius / stepY; y++)
      for (let x = Math.floor(u - radius / stepX); x <= u + radius / stepX; x++)
        if (Math.hypot((x + 0.5 - u) * stepX, (y + 0.5 - v) * stepY) <= radius) set(x, y);
  };

  const stroke = (editor, from, to, value) => {
    const { scan, brush } = editor;
    const length = Math.hypot((to[0] - from[0]) * scan.spacing[2], (to[1] - from[1]) * scan.spacing[1]);
    const steps = Math.max(1, Math.ceil(length / Math.max(0.4, brush / 4)));
    for (let step = 1; step <= steps; step++) {
      const share = step / steps;
      disc(editor, from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share, value);
    }
  };

  const circle = (editor) => (context, stage, [x, y]) => {
    context.beginPath();
    context.arc(x, y, (editor.brush / 2) * stage.scale, 0, 2 * Math.PI);
    context.stroke();
  };

  const brush = (editor, value, label) => {
    let last = null;
    return {
      paint: circle(editor),
      down(place) {
        last = place;
        disc(editor, ...place, value);
      },
      move(place) {
        if (last) stroke(editor, last, place, value);
        last = last && place;
      },
      up() {
        last = null;
        editor.drawing.commit(label);
      },
      cancel() {
        last = null;
        editor.drawing.cancel();
      },
    };
  };

  // Voxels whose centre lies within a polygon (even-odd).
  const polygon = (editor, points, value) => {
    const { drawing, scan, at } = editor;
    const slice = drawing.open(at.z);
    for (let y = 0; y < scan.ny; y++) {
      const crossings = [];
      points.forEach(([x1, y1], index) => {
        const [x2, y2] = points[(index + 1) % points.length];
        if (y1 > y + 0.5 !== y2 > y + 0.5) crossings.push(x1 + ((y + 0.5 - y1) / (y2 - y1)) * (x2 - x1));
      });
      crossings.sort((one, other) => one - other);
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
        const first = Math.max(0, Math.ceil(crossings[pair] - 0.5));
        const last = Math.min(scan.nx - 1, Math.floor(crossings[pair + 1] - 0.5));
        if (last >= first) slice.fill(value, y * scan.nx + first, y * scan.nx + last + 1);
      }
    }
  };

  // A line drawn around, or corners clicked one by one; with Shift it is cut out.
  const lasso = (editor) => {
    const gettext = window.gettext ?? ((text) => text);
    let points = [];
    let corners = false;
    let cut = false;
    let dragged = false;
    const tool = {
      paint(context, stage) {
        if (!points.length) return;
        context.beginPath();
        for (const place of corners ? [...points, [editor.at.x + 0.5, editor.at.y + 0.5]] : points) context.lineTo(...stage.toScreen(...place));
        context.stroke();
      },
      down(place, event) {
        cut = event.shiftKey;
        dragged = false;
        const near = corners && points.length > 2 && Math.hypot(place[0] - points[0][0], place[1] - points[0][1]) < 3;
        if (near) return tool.close();
        points.push(place);
      },
      move(place) {
        if (corners || !points.length) return;
        const last = points.at(-1);
        if (Math.hypot(place[0] - last[0], place[1] - last[1]) < 0.4) return;
        dragged = true;
        points.push(place);
      },
      up() {
        if (!corners && dragged && points.length > 2) return tool.close();
        corners = points.length > 0;
        if (points.length === 1) editor.say(gettext("Click the next corners; Enter closes, Escape gives up."));
      },
      close() {
        if (points.length > 2) polygon(editor, points, cut ? 0 : 1);
        points = [];
        corners = false;
        editor.drawing.commit(cut ? gettext("Cut out") : gettext("Outlined"));
      },
      cancel() {
        points = [];
        corners = false;
        editor.drawing.cancel();
      },
    };
    return tool;
  };

  // Fill what lies enclosed around a place.
  const fill = (editor) => {
    const gettext = window.gettext ?? ((text) => text);
    return {
      down([u, v]) {
        const { drawing, scan, at } = editor;
        const slice = drawing.open(at.z);
        const start = Math.floor(v) * scan.nx + Math.floor(u);
        const found = enclosed(slice, start, scan.nx, scan.ny);
        if (!found) {
          drawing.cancel();
          return editor.say(slice[start] ? gettext("This place is filled already.") : gettext("The outline around this place is not closed."), true);
        }
        for (const place of found) slice[place] = 1;
        drawing.commit(gettext("Filled"));
      },
    };
  };

  const enclosed = (slice, start, nx, ny) => {
    if (slice[start]) return null;
    const seen = new Uint8Array(slice.length);
    const found = [start];
    seen[start] = 1;
    for (let next = 0; next < found.length; next++) {
      const place = found[next];
      const x = place % nx;
      const y = Math.floor(place / nx);
      if (x === 0 || y === 0 || x === nx - 1 || y === ny - 1) return null;
      for (const other of [place - 1, place + 1, place - nx, place + nx]) {
        if (seen[other] || slice[other]) continue;
        seen[other] = 1;
        found.push(other);
      }
    }
    return found;
  };

  return (editor) => {
    const gettext = window.gettext ?? ((text) => text);
    return {
      draw: brush(editor, 1, gettext("Drawn")),
      erase: brush(editor, 0, gettext("Erased")),
      lasso: lasso(editor),
      fill: fill(editor),
      start: { down: ([u, v]) => editor.startFrom(Math.floor(u), Math.floor(v)) },
      move: { pans: true },
    };
  };
})();
