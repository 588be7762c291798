// Sentences with values in them: say("Slice %(at)s of %(of)s", { at: 3, of: 52 }).
window.EcotoneSay ??= (template, values) => template.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);
