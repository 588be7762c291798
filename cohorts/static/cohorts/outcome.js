// The pathology form while it is typed: the bed's composition, rows of stations, keys.
(() => {
  const form = document.getElementById("outcome-form");
  if (!form) return;
  const parts = ["viable_percent", "necrosis_percent", "stroma_percent"];
  const valueOf = (name) => Number.parseFloat(form.elements[name].value);

  const drawBed = () => {
    const values = parts.map(valueOf);
    const known = values.filter((value) => value >= 0);
    const sum = Math.round(known.reduce((total, value) => total + value, 0) * 100) / 100;
    form.querySelectorAll("[data-bed] [data-of]").forEach((bar, place) => { bar.style.flex = `${Math.max(0, values[place] || 0)} 0 0`; });
    const words = form.querySelector("[data-bed-sum]");
    const rest = Math.round(Math.abs(100 - sum) * 100) / 100;
    const isWhole = rest <= 1;
    const said = isWhole ? words.dataset.sum : sum < 100 ? words.dataset.missing : words.dataset.over;
    words.textContent = known.length ? said.replace("{sum}", sum).replace("{rest}", rest) : "";
    words.dataset.state = known.length === parts.length && !isWhole ? "wrong" : "";
    const bed = form.querySelector("[data-bed]");
    bed.style.paddingRight = sum < 100 && known.length ? `${100 - sum}%` : "";
  };

  const grid = form.querySelector("[data-stations]");
  const rows = () => [...grid.querySelectorAll("tbody tr")];
  const cellOf = (row, column) => row.querySelector(`[name="stations-${column}"]`);

  const sumStations = () => {
    const filled = rows().filter((row) => cellOf(row, "station").value);
    const total = (column) => filled.reduce((sum, row) => sum + (Number.parseInt(cellOf(row, column).value, 10) || 0), 0);
    const sums = { examined: total("examined"), positive: total("positive") };
    for (const [column, sum] of Object.entries(sums)) form.elements[`nodes_${column}`].placeholder = filled.length ? sum : "";
    const place = grid.querySelector("[data-station-sums]");
    const words = place.dataset.words.replace("{positive}", sums.positive).replace("{examined}", sums.examined);
    place.textContent = filled.length ? words : "";
  };

  const addStation = () => {
    const row = rows().at(-1).cloneNode(true);
    for (const cell of row.querySelectorAll("select, input")) {
      cell.value = "";
      cell.removeAttribute("id");
    }
    grid.querySelector("tbody").append(row);
    cellOf(row, "station").focus();
  };

  const moveToGroup = (step) => {
    const groups = [...form.querySelectorAll("fieldset:not(.plain)")];
    const here = groups.findIndex((group) => group.contains(document.activeElement));
    const next = groups[Math.min(groups.length - 1, Math.max(0, here + step))];
    next?.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };

  const isLocked = form.querySelector("fieldset.plain").disabled;
  const keys = {
    s: () => form.requestSubmit(),
    n: addStation,
    ArrowDown: () => moveToGroup(1),
    ArrowUp: () => moveToGroup(-1),
  };
  document.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || isLocked || !(event.key === "s" ? event.ctrlKey || event.metaKey : event.altKey)) return;
    event.preventDefault();
    act();
  });

  const add = grid.querySelector("[data-add-station]");
  add.hidden = isLocked;
  add.addEventListener("click", addStation);
  for (const button of document.querySelectorAll("[data-open-dialog]")) {
    button.addEventListener("click", () => document.getElementById(button.dataset.openDialog).showModal());
  }
  form.addEventListener("input", () => { drawBed(); sumStations(); });
  drawBed();
  sumStations();
})();
