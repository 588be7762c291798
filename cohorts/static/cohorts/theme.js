// Light or dark before the first paint: as the account says, or as the device does.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = root.dataset.theme;
    root.dataset.bsTheme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    document.dispatchEvent(new Event("ecotone:theme"));
  };
  apply();
  dark.addEventListener("change", apply);

  // The buttons of the menu come back from the server once the choice is kept.
  document.addEventListener("htmx:load", (event) => {
    const now = event.target.dataset?.themeNow;
    if (!now || now === root.dataset.theme) return;
    root.dataset.theme = now;
    apply();
    event.target.querySelector("[aria-pressed=true]")?.focus();
  });
})();
