// The filters of a page: empty ones stay out of the address, and the controls follow it when one goes back.
(() => {
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches?.("[data-filters]")) return;
    const { parameters } = event.detail;
    for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  });

  // Without htmx's request (the Enter key before it has loaded, say) the same holds for a plain one.
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches?.("[data-filters]")) return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });

  // One fold at a time hangs over the page; a click elsewhere or Escape closes it.
  const close = (except) => {
    for (const fold of document.querySelectorAll("details.drop[open]")) if (fold !== except) fold.open = false;
  };
  document.addEventListener("click", (event) => close(event.target.closest("details.drop")));
  document.addEventListener("keydown", (event) => {
    const fold = event.key === "Escape" && event.target.closest?.("details.drop[open]");
    if (!fold) return;
    fold.open = false;
    fold.querySelector("summary").focus();
  });
})();
