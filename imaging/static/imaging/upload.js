// Choosing files by drag and drop (a zip, files, or a whole folder), and the progress of an upload.
(() => {
  const megabytes = (bytes) => `${(bytes / 1048576).toFixed(bytes < 10485760 ? 1 : 0)}\u00a0MB`;

  const readAll = (reader) =>
    new Promise((resolve, reject) => {
      const found = [];
      const next = () =>
        reader.readEntries((entries) => {
          if (!entries.length) return resolve(found);
          found.push(...entries);
          next();
        }, reject);
      next();
    });

  const filesOf = async (entry) => {
    if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
    const files = [];
    for (const child of await readAll(entry.createReader())) files.push(...(await filesOf(child)));
    return files;
  };

  const dropped = async (transfer) => {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    if (!entries.length) return [...transfer.files];
    return (await Promise.all(entries.map(filesOf))).flat();
  };

  const setUpDrop = (form) => {
    const area = form.querySelector("[data-drop]");
    const input = area.querySelector("input[type=file]");
    const chosen = area.querySelector("[data-chosen]");
    const tell = () => {
      const files = [...input.files];
      const size = files.reduce((sum, file) => sum + file.size, 0);
      const what = files.length === 1 ? files[0].name : `${files.length} files`;
      chosen.textContent = files.length ? `${what}, ${megabytes(size)}` : "Nothing chosen yet";
    };
    input.addEventListener("change", tell);
    for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
      area.addEventListener(name, (event) => {
        event.preventDefault();
        area.classList.toggle("is-over", name === "dragenter" || name === "dragover");
      });
    }
    area.addEventListener("drop", async (event) => {
      chosen.textContent = "Reading the folder";
      const holder = new DataTransfer();
      for (const file of await dropped(event.dataTransfer)) holder.items.add(file);
      input.files = holder.files;
      tell();
    });
  };

  const setUpProgress = (form) => {
    const box = form.querySelector("[data-progress]");
    const bar = box.querySelector(".meter");
    const text = box.querySelector("[data-progress-text]");
    const button = form.querySelector("button");
    const show = (done, total) => {
      const percent = total ? Math.round((100 * done) / total) : 0;
      bar.setAttribute("aria-valuenow", percent);
      bar.firstElementChild.style.width = `${percent}%`;
      text.textContent = percent < 100 ? `${megabytes(done)} of ${megabytes(total)} sent` : "Sent. The import starts.";
    };
    const fail = (words) => {
      text.textContent = words;
      button.disabled = false;
      delete form.dataset.sent;
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const input = form.querySelector("input[type=file]");
      if (!input.files.length) {
        form.querySelector("[data-chosen]").textContent = "Choose a zip, a folder or files first.";
        delete form.dataset.sent;
        return input.focus();
      }
      const request = new XMLHttpRequest();
      request.open("POST", form.action || location.href);
      request.upload.addEventListener("progress", (at) => show(at.loaded, at.total));
      request.addEventListener("load", () => {
        const answered = request.responseURL;
        if (request.status < 400 && answered && answered !== location.href) return location.assign(answered);
        if (request.status >= 400) return fail("The server refused the upload. Check its size, then try again.");
        const page = new DOMParser().parseFromString(request.responseText, "text/html");
        document.querySelector("main").replaceWith(page.querySelector("main"));
        setUp();
        window.scrollTo(0, 0);
      });
      request.addEventListener("error", () => fail("The connection broke. Nothing was imported; try again."));
      box.hidden = false;
      button.disabled = true;
      request.send(new FormData(form));
    });
  };

  const setUp = () => {
    for (const form of document.querySelectorAll("form[data-upload]")) {
      setUpDrop(form);
      setUpProgress(form);
    }
  };
  setUp();
})();
