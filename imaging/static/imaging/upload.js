// The import page: what was chosen, how far its upload is, pause and cancel, and what the server says at the end.
(() => {
  const gettext = window.gettext ?? ((text) => text);
  const fill = (template, words) => template.replace(/%\((\w+)\)s/g, (_, name) => words[name]);
  const size = (bytes) => {
    const [unit, of] = bytes < 1e9 ? ["MB", 1048576] : ["GB", 1073741824];
    return `${(bytes / of).toLocaleString(document.documentElement.lang, { maximumFractionDigits: bytes < of * 10 ? 1 : 0 })}\u00a0${unit}`;
  };
  const form = document.querySelector("form[data-upload]");
  if (!form || !window.tus?.isSupported) return; // the form then works without any of this
  const part = (name) => form.querySelector(`[data-${name}]`);
  const input = form.querySelector("[name=files]");
  const submit = form.querySelector(".submit-row button:not([type])");
  let chosen = [];
  let upload = null;

  const choose = (files) => {
    chosen = files;
    const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
    const words = { n: files.length.toLocaleString(document.documentElement.lang), size: size(bytes) };
    part("chosen").textContent = files.length === 1 ? `${files[0].file.name}, ${words.size}`
      : files.length ? fill(gettext("%(n)s files, %(size)s"), words) : gettext("Nothing chosen yet");
    complain("");
  };

  const complain = (words) => {
    part("upload-error").textContent = words;
    part("upload-error").hidden = !words;
  };

  const minutes = (seconds) =>
    seconds < 90 ? fill(gettext("about %(n)s s left"), { n: Math.ceil(seconds) }) : fill(gettext("about %(n)s min left"), { n: Math.ceil(seconds / 60) });

  const sentence = (of) => {
    const words = { done: size(of.done), all: size(of.total), whole: of.whole, files: of.files.length };
    const parts = [fill(gettext("%(done)s of %(all)s, %(whole)s of %(files)s files"), words)];
    if (of.paused) parts.push(gettext("paused"));
    else if (of.rate) parts.push(`${size(of.rate)}/s`, minutes((of.total - of.done) / of.rate));
    return parts.join(" · ");
  };

  let saidAt = -Infinity;
  const show = (of) => {
    const percent = of.total ? Math.floor((100 * of.done) / of.total) : 0;
    const bar = part("progress").querySelector(".meter");
    bar.setAttribute("aria-valuenow", percent);
    bar.firstElementChild.style.width = `${percent}%`;
    part("progress-text").textContent = sentence(of);
    part("pause").disabled = of.done === of.total;
    if (performance.now() - saidAt < 10000 && !of.paused) return; // read aloud now and then only
    saidAt = performance.now();
    part("progress-said").textContent = `${percent} %`;
  };

  const working = (is) => {
    part("progress").hidden = !is && !upload;
    submit.disabled = is;
    delete form.dataset.sent;
  };

  const showErrors = (errors) => {
    for (const [name, found] of Object.entries(errors)) {
      const control = form.elements[name];
      const words = found.join(" ");
      const list = document.createElement("ul");
      list.className = "errorlist";
      list.id = `id_${name}_error`;
      list.append(Object.assign(document.createElement("li"), { textContent: words }));
      control.closest(".field").append(list);
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-describedby", list.id);
      control.focus();
    }
    complain(gettext("The files are there. Correct the fields marked below, then press the button again."));
  };

  const clearErrors = () => {
    for (const list of form.querySelectorAll(".field .errorlist")) list.remove();
    for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
    complain("");
  };

  const finish = async () => {
    const known = new FormData(form);
    known.delete("files");
    const answer = await upload.ask(upload.opened.finish, known);
    const said = await answer.json();
    if (answer.ok) return location.assign(said.url);
    if (said.errors) return showErrors(said.errors);
    throw new Error(said.error);
  };

  const broken = gettext("The connection broke, or you were logged out. What was sent is kept; press the button to go on.");
  const gone = gettext("The connection is gone. The upload goes on by itself when it is back.");
  const words = (error) => (error.originalRequest || error instanceof TypeError || error instanceof SyntaxError ? broken : error.message);

  const send = async () => {
    working(true);
    clearErrors();
    try {
      const token = form.elements.csrfmiddlewaretoken.value;
      if (!upload || upload.files !== chosen) {
        upload = new PiecedUpload(chosen, { begin: form.dataset.begin, token, onProgress: show });
      }
      if (!upload.opened) await upload.open();
      part("progress").hidden = false;
      await upload.send();
      part("progress-text").textContent = gettext("Everything is there.");
      await finish();
    } catch (error) {
      const isGone = [404, 410].includes(error.originalResponse?.getStatus());
      if (!upload?.opened || isGone) upload = null; // begun anew with the next press
      complain(navigator.onLine ? words(error) : gone);
      if (!navigator.onLine) addEventListener("online", () => submit.disabled || send(), { once: true });
    }
    working(false);
  };

  part("pause").addEventListener("click", () => {
    if (upload.paused) upload.resume();
    else upload.pause();
    part("pause").textContent = upload.paused ? gettext("Go on") : gettext("Pause");
  });

  part("cancel").addEventListener("click", async () => {
    if (!window.confirm(part("cancel").dataset.question)) return;
    upload.pause();
    await fetch(upload.opened.discard, { method: "POST", headers: { "X-CSRFToken": upload.token } });
    location.reload();
  });

  const folder = part("folder");
  part("folder-choice").hidden = !("webkitdirectory" in folder);
  input.addEventListener("change", () => choose(chosenFiles.ofInput(input)));
  folder.addEventListener("change", () => choose(chosenFiles.ofInput(folder)));
  const area = part("drop");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    area.addEventListener(name, (event) => {
      event.preventDefault();
      area.classList.toggle("is-over", name === "dragenter" || name === "dragover");
    });
  }
  area.addEventListener("drop", async (event) => {
    part("chosen").textContent = gettext("Reading the folder");
    choose(await chosenFiles.ofDrop(event.dataTransfer));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (chosen.length) return send();
    part("chosen").textContent = gettext("Choose a folder, a zip or files first.");
    delete form.dataset.sent;
    input.focus();
  });
  addEventListener("beforeunload", (event) => { if (upload?.running.size) event.preventDefault(); });
  if (input.files.length) choose(chosenFiles.ofInput(input)); // a browser may restore them
})();
