// Unsaved work is kept in this browser, told before it is left, compared before it is saved, and saved as a version.
window.EcotoneContourSaving ??= (() => {
  const gettext = window.gettext ?? ((text) => text);

  const keep = async (editor) => {
    const { drawing, page, base } = editor;
    try {
      await EcotoneContourWire.keep(page.key, { runs: drawing.kept(), base: base ?? page.base, at: Date.now() });
      editor.part("kept").textContent = `${gettext("Kept in this browser at")} ${new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" })}`;
    } catch {
      editor.part("kept").textContent = gettext("This browser cannot keep unsaved work; save often.");
    }
  };

  // Show that an earlier drawing was not saved, and let the person choose.
  const offer = async (editor) => {
    const found = await EcotoneContourWire.recall(editor.page.key).catch(() => null);
    if (!found || editor.isLocked) return;
    const bar = editor.part("draft");
    bar.querySelector("time").textContent = new Date(found.at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    bar.hidden = false;
    bar.querySelector("[data-restore]").addEventListener("click", () => {
      editor.drawing.restore(found.runs, gettext("Restored"));
      editor.base = found.base;
      bar.hidden = true;
      const box = editor.drawing.box();
      if (box) editor.goTo(Math.round((box.low[0] + box.high[0]) / 2));
    });
    bar.querySelector("[data-discard]").addEventListener("click", async () => {
      await EcotoneContourWire.forget(editor.page.key);
      bar.hidden = true;
    });
  };

  const open = (editor) => {
    if (editor.isLocked || editor.busy) return;
    if (editor.drawing.isEmpty) return editor.say(gettext("Nothing is drawn yet, so there is nothing to save."), true);
    const dialog = editor.part("save");
    dialog.querySelector("[data-trouble]").hidden = true;
    dialog.showModal();
    compare(editor);
  };

  // What saving would change, before it does.
  const compare = async (editor, { again = false } = {}) => {
    const place = editor.part("difference");
    if (!editor.page.base && !again) return;
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await EcotoneContourWire.ask(editor.page.urls.compare, { mask: await EcotoneContourWire.pack(editor.drawing), version: 0 });
      place.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
      editor.newest = Number(answer.headers.get("X-Newest"));
    } catch (error) {
      place.textContent = error.message;
    } finally {
      place.removeAttribute("aria-busy");
    }
  };

  const send = async (editor, form) => {
    const button = form.querySelector("[data-send]");
    button.disabled = true;
    try {
      const values = { mask: await EcotoneContourWire.pack(editor.drawing), name: form.elements.name.value, reason: form.elements.reason.value, base: editor.base ?? editor.page.base };
      if (editor.page.segmentation) values.drawn_from = editor.page.segmentation;
      const saved = await (await EcotoneContourWire.ask(editor.page.urls.save, values)).json();
      clearTimeout(editor.keeping);
      editor.dirty = false;
      await EcotoneContourWire.forget(editor.page.key).catch(() => null);
      location.assign(saved.url);
    } catch (error) {
      button.disabled = false;
      await refuse(editor, error);
    }
  };

  const refuse = async (editor, error) => {
    const trouble = editor.part("trouble");
    trouble.hidden = false;
    trouble.textContent = error.message;
    if (error.code !== "mask_changed") return;
    // Somebody was quicker: show what differs, and let saving on top be a choice.
    await compare(editor, { again: true });
    editor.base = editor.newest;
    editor.part("send").textContent = gettext("Save on top of the newer version");
  };

  const listen = (editor) => {
    editor.part("save").querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      send(editor, event.target);
    });
    window.addEventListener("beforeunload", (event) => {
      if (editor.dirty) event.preventDefault();
    });
  };

  return { keep, offer, open, listen };
})();
