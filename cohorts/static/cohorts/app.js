// Behaviour that every page shares: parts that load late, and what to do when they cannot.
(() => {
  const login = document.documentElement.dataset.loginUrl;
  const gettext = window.gettext ?? ((text) => text);

  // A session that ended answers with the login page: show it as a page, not inside a panel.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = new URL(event.detail.xhr.responseURL || location.href, location.href);
    if (answered.pathname === login) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });

  const sentence = (status) => {
    if (status === 403) return gettext("Your role does not include this part.");
    if (status === 404) return gettext("This part does not exist any more.");
    if (!status) return gettext("The server cannot be reached. Check the connection, then reload the page.");
    return gettext("This part could not be loaded. Reload the page; if it happens again, tell your administrator.");
  };

  const complain = (event) => {
    const place = event.detail.target;
    if (!place || !place.matches("[data-panel]")) return;
    const alert = document.createElement("p");
    alert.className = "alert alert-warning m-0";
    alert.setAttribute("role", "alert");
    alert.textContent = sentence(event.detail.xhr && event.detail.xhr.status);
    place.replaceChildren(alert);
  };
  document.addEventListener("htmx:responseError", complain);
  document.addEventListener("htmx:sendError", complain);

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  });

  // A note opens beside the word that it explains, and inside the window.
  document.addEventListener("toggle", (event) => {
    const note = event.target;
    if (event.newState !== "open" || !note.matches?.(".term-note")) return;
    const button = document.querySelector(`[popovertarget="${note.id}"]`).getBoundingClientRect();
    const below = button.bottom + 6 + note.offsetHeight <= innerHeight;
    note.style.top = `${below ? button.bottom + 6 : Math.max(8, button.top - 6 - note.offsetHeight)}px`;
    note.style.left = `${Math.max(8, Math.min(button.left - 24, innerWidth - note.offsetWidth - 8))}px`;
  }, true);
  document.addEventListener("scroll", (event) => {
    if (event.target === document) document.querySelector(".term-note:popover-open")?.hidePopover();
  });

  const connection = () => { document.querySelector("[data-offline]").hidden = navigator.onLine; };
  addEventListener("online", connection);
  addEventListener("offline", connection);

  // A form that asks first (`data-confirm`), and never sends twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) {
      event.preventDefault();
      return;
    }
    if (form.method === "post" && !form.hasAttribute("hx-post")) {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
