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
      legend: { ...text, labelColor: ink, symbolType: "square" },
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
    actions: { export: true, source: false, compiled: false, editor: false },
    downloadFileName: "ecotone-chart",
    config: look(),
  });

  const draw = async (place) => {
    const spec = document.getElementById(place.dataset.chart);
    if (!spec) return;
    place.dataset.state = "drawing";
    try {
      await vegaEmbed(place, JSON.parse(spec.textContent), options());
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
