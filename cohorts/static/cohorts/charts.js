// Draw Vega-Lite specifications that stand in the page as JSON. No code is generated: expressions are
// interpreted (`ast: true`), as the content security policy asks.
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const look = () => {
    const font = getComputedStyle(document.body).fontFamily;
    const ink = colour("--ec-ink");
    const muted = colour("--ec-muted");
    const line = colour("--ec-line");
    const text = { labelColor: muted, titleColor: muted, labelFont: font, titleFont: font, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 };
    return {
      background: "transparent",
      aria: false, // the place of the chart is one image with one name; its parts have none of their own
      mark: { aria: false },
      font,
      view: { stroke: null },
      axis: { ...text, gridColor: line, domainColor: muted, tickColor: muted },
      axisXQuantitative: { tickCount: 6, labelOverlap: "greedy", labelSeparation: 4 },
      legend: { ...text, labelColor: ink, symbolType: "square", symbolOpacity: 1, layout: { top: { anchor: "end" } } },
      title: { color: ink, font, anchor: "start" },
      header: text,
      text: { color: ink, font, fontSize: 12 },
      rule: { color: ink },
    };
  };

  const options = () => ({
    mode: "vega-lite",
    ast: true,
    expr: vega.expressionInterpreter,
    renderer: "svg",
    logLevel: vega.Error,
    actions: false,
    config: look(),
  });

  // Words on as many lines as a name of a group needs.
  const wrapped = (name, letters) =>
    name.split(" ").reduce((lines, word) => {
      const joined = `${lines.at(-1) ?? ""} ${word}`.trim();
      return lines.length && joined.length > letters ? [...lines, word] : [...lines.slice(0, -1), joined];
    }, []);

  // Make a chart fit its card: names of categories explain themselves, legends go below, labels leave room.
  const fit = (spec, width) => {
    const parts = [spec, ...(spec.layer ?? [])];
    const squeezed = width < 400 && parts.some((part) => part.encoding?.y?.type === "nominal");
    for (const part of parts) {
      const { x, y, color } = part.encoding ?? {};
      if (y?.type === "nominal") {
        y.title = null;
        y.axis = { ...y.axis, labelLimit: Math.min(y.axis?.labelLimit ?? 320, Math.round(width * (width < 400 ? 0.6 : 0.45))) };
      }
      if (x?.type === "nominal" && x.axis?.labelAngle === 0 && Array.isArray(x.sort)) {
        const letters = Math.floor((width - 60) / x.sort.length / 6.5);
        const lines = Object.fromEntries(x.sort.map((name) => [name, wrapped(String(name), letters)]));
        if (Object.values(lines).flat().some((line) => line.length > letters)) x.axis.labelAngle = -45;
        else x.axis = { ...x.axis, labelExpr: `${JSON.stringify(lines)}[datum.label]`, labelLimit: 0, titlePadding: 8 };
      }
      if (squeezed && x?.title) x.axis = { ...x.axis, titleAnchor: "end" }; // the plot is narrower than its title
      if (width < 400 && x?.title?.length > 36 && x.title.includes(" (")) x.title = x.title.split(/ (?=\()/); // two lines
      const legend = color?.legend;
      if (legend && (width < 330 || (width < 560 && legend.columns > 3))) legend.columns = legend.orient === "bottom" ? 1 : 2;
      if (legend?.orient === "bottom" && Array.isArray(color.scale?.domain)) {
        const longest = Math.max(...color.scale.domain.map((name) => String(name).length));
        legend.columns = Math.max(1, Math.min(legend.columns ?? Infinity, Math.floor(width / (longest * 6.5 + 34))));
      }
      if (legend?.orient === "right" && width < 480) Object.assign(legend, { orient: "bottom", columns: 2 });
    }
    return spec;
  };

  // The darker colours of the palette, as a dark card needs them.
  const LIGHTER = { "#0072B2": "#4BA3E3", "#666666": "#A6A6A6", "#777777": "#B5B5B5", "#999999": "#C4C4C4", "#AAAAAA": "#D6D6D6", "#BBBBBB": "#6F7F7C" };
  const specOf = (element) => {
    const dark = document.documentElement.dataset.bsTheme === "dark";
    return JSON.parse(dark ? element.textContent.replace(/#[0-9A-F]{6}/g, (shade) => LIGHTER[shade] ?? shade) : element.textContent);
  };

  // What was drawn, by its place: the buttons below a chart take their pictures from it.
  const drawings = new WeakMap();

  const draw = async (place) => {
    const spec = document.getElementById(place.dataset.chart);
    if (!spec || !place.clientWidth) return; // in closed details there is no width to fit
    place.dataset.state = "drawing";
    try {
      drawings.get(place)?.finalize();
      drawings.set(place, await vegaEmbed(place, fit(specOf(spec), place.clientWidth), options()));
      place.querySelector("svg")?.setAttribute("aria-hidden", "true"); // the place has a name, and a table beside it
      place.dataset.state = "ready";
      const buttons = place.closest("figure")?.querySelector("[data-downloads]");
      if (buttons) buttons.hidden = false;
    } catch (error) {
      console.error(error);
      place.dataset.state = "failed";
      place.textContent = place.dataset.failed;
    }
  };

  const save = (name, address) => {
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    if (address.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(address), 1000);
  };

  // Numbers as they are in the chart, or else as the table below it writes them.
  const rowsOf = (table, spec) => {
    const columns = [...table.querySelectorAll("thead th")].map((cell) => cell.dataset.column);
    const values = spec.data?.values;
    if (values?.every((row) => columns.every((name) => name in row))) {
      return [columns, ...values.map((row) => columns.map((name) => row[name] ?? ""))];
    }
    const plain = (text) => (text === "\u2013" ? "" : text.replace(/^\u2212/, "-"));
    const written = [...table.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => plain(cell.textContent.trim())));
    return [columns, ...written];
  };

  // A spreadsheet runs text that begins so as a formula; numbers stay as they are.
  const PLAIN = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const guarded = (value) => (typeof value === "string" && /^'*[=+\-@\t\r＝＋－＠]/.test(value) && !PLAIN.test(value) ? `'${value}` : value);
  const quoted = (value) => (/[",\r\n]/.test(`${value}`) ? `"${`${value}`.replaceAll('"', '""')}"` : `${value}`);

  const download = async (place, format) => {
    const name = `${place.dataset.chart.replace(/^chart-/, "")}.${format}`;
    if (format === "csv") {
      const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
      const rows = rowsOf(place.closest("figure").querySelector("table"), spec);
      const text = rows.map((row) => row.map(guarded).map(quoted).join(",")).join("\n");
      save(name, URL.createObjectURL(new Blob([`${text}\n`], { type: "text/csv" })));
      return;
    }
    // On the page the card shines through; a file needs a ground of its own.
    const view = drawings.get(place).view.background(colour("--ec-card"));
    save(name, await view.toImageURL(format, 2));
    view.background("transparent");
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-download]");
    const place = button?.closest("figure").querySelector("[data-chart]");
    if (place) download(place, button.dataset.download);
  });

  const drawAll = (root) => {
    for (const place of root.querySelectorAll("[data-chart]")) if (!place.dataset.state) draw(place);
  };
  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:load", (event) => drawAll(event.target));
  document.addEventListener("toggle", (event) => event.target.open && drawAll(event.target), true);
  document.addEventListener("ecotone:theme", () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      delete place.dataset.state; // one that is folded away is drawn when it is opened
      draw(place);
    }
  });
})();
