// The files that a person drops or chooses, with their paths within the folder, in an order that does not change.
const chosenFiles = (() => {
  // What operating systems leave in folders.
  const isLitter = (path) => /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini)$/i.test(path);

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

  const within = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      return [{ file, path: entry.fullPath.replace(/^\//, "") }];
    }
    const found = [];
    for (const child of await readAll(entry.createReader())) found.push(...(await within(child)));
    return found;
  };

  const ordered = (found) =>
    found
      .filter(({ file, path }) => file.size > 0 && !isLitter(path))
      .sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));

  return {
    ofInput: (input) => ordered([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }))),

    ofDrop: async (transfer) => {
      const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
      if (!entries.length) return ordered([...transfer.files].map((file) => ({ file, path: file.name })));
      return ordered((await Promise.all(entries.map(within))).flat());
    },
  };
})();
