// Behaviour that every page shares: parts that load late, and what to do when they cannot.
(() => {
  const login = document.documentElement.dataset.loginUrl;

  // A session that ended answers with the login page: show it as a page, not inside a panel.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = new URL(event.detail.xhr.responseURL || location.href, location.href);
    if (answered.pathname === login) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });

  const sentence = (status) => {
    if (status === 403) return "Your role does not include this part.";
    if (status === 404) return "This part does not exist any more.";
    if (!status) return "The server cannot be reached. Check the connection, then reload the page.";
    return "This part could not be loaded. Reload the page; if it happens again, tell your administrator.";
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
