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
      font,
      view: { stroke: null },
      axis: { ...text, gridColor: line, domainColor: muted, tickColor: muted },
      legend: { ...text, labelColor: ink, symbolType: "square", layout: { top: { anchor: "end" } } },
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
    actions: { export: true, source: false, compiled: false, editor: false },
    downloadFileName: "ecotone-chart",
    config: look(),
  });

  // Make a chart fit its card: names of categories explain themselves, legends go below, labels leave room.
  const fit = (spec, width) => {
    for (const part of [spec, ...(spec.layer ?? [])]) {
      const { x, y, color } = part.encoding ?? {};
      if (y?.type === "nominal") {
        y.title = null;
        y.axis = { ...y.axis, labelLimit: Math.min(y.axis?.labelLimit ?? 320, Math.round(width * 0.45)) };
      }
      if (x?.type === "nominal" && x.axis?.labelAngle === 0 && width < 400) x.axis.labelAngle = -45;
      const legend = color?.legend;
      if (legend && width < 330) legend.columns = 2;
      if (legend?.orient === "right" && width < 480) Object.assign(legend, { orient: "bottom", columns: 2 });
    }
    return spec;
  };

  const draw = async (place) => {
    const spec = document.getElementById(place.dataset.chart);
    if (!spec) return;
    place.dataset.state = "drawing";
    try {
      await vegaEmbed(place, fit(JSON.parse(spec.textContent), place.clientWidth), options());
      place.dataset.state = "ready";
    } catch (error) {
      console.error(error);
      place.dataset.state = "failed";
      place.textContent = "This chart could not be drawn. Its numbers stand in the table below.";
    }
  };

  const drawAll = (root) => {
    for (const place of root.querySelectorAll("[data-chart]")) if (!place.dataset.state) draw(place);
  };
  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:load", (event) => drawAll(event.target));
  document.addEventListener("ecotone:theme", () => {
    for (const place of document.querySelectorAll("[data-chart]")) draw(place);
  });
})();
