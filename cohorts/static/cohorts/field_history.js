// The history of one field opens in a dialog over the page; without this script its link leads to a page.
(() => {
  const gettext = window.gettext ?? ((text) => text);
  let dialog;

  const build = () => {
    dialog = document.createElement("dialog");
    dialog.className = "dialog-ec";
    dialog.setAttribute("aria-labelledby", "field-history-title");
    const title = document.createElement("h2");
    title.id = "field-history-title";
    const body = document.createElement("div");
    const form = document.createElement("form");
    form.method = "dialog";
    const close = document.createElement("button");
    close.className = "btn btn-quiet mt-3";
    close.textContent = gettext("Close");
    form.append(close);
    dialog.append(title, body, form);
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
  };

  const open = async (link) => {
    const answer = await fetch(link.href, { headers: { "X-Requested-With": "dialog" } });
    if (!answer.ok || answer.redirected) {
      location.assign(link.href); // the page itself says what is wrong
      return;
    }
    if (!dialog) build();
    dialog.querySelector("h2").textContent = link.textContent.trim();
    dialog.querySelector("div").innerHTML = await answer.text(); // from our own server, values escaped there
    dialog.showModal();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.field-history");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link).catch(() => location.assign(link.href));
  });
})();
