// Follow the system's light or dark preference before the first paint.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light";
    document.dispatchEvent(new Event("ecotone:theme"));
  };
  apply();
  dark.addEventListener("change", apply);
})();
