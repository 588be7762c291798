// One plane through a volume as an image: grey values of the CT through a window, labels as colours.
// Right is on the left and anterior is up or on the left, as radiologists look, so both axes of an image run back.
window.EcotoneSlice ??= (() => {
  // Which axes (0 right, 1 anterior, 2 superior) a plane shows across, up, and through.
  const AXES = { axial: [0, 1, 2], coronal: [0, 2, 1], sagittal: [1, 2, 0] };

  const each = (volume, [across, up, through], slice, paint) => {
    const [width, height] = [volume.size[across], volume.size[up]];
    const base = volume.start + slice * volume.step[through];
    let pixel = 0;
    for (let y = height - 1; y >= 0; y--) {
      let at = base + y * volume.step[up] + (width - 1) * volume.step[across];
      for (let x = width - 1; x >= 0; x--, at -= volume.step[across]) paint(pixel++, volume.data[at]);
    }
  };

  const drawn = (volume, axes, slice, paint) => {
    const canvas = document.createElement("canvas");
    canvas.width = volume.size[axes[0]];
    canvas.height = volume.size[axes[1]];
    const ctx = canvas.getContext("2d");
    const image = ctx.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    each(volume, axes, slice, (pixel, value) => (pixels[pixel] = paint(value)));
    ctx.putImageData(image, 0, 0);
    return canvas;
  };

  const grey = (volume, axes, slice, [low, high]) => {
    const scale = 255 / Math.max(1, high - low);
    return drawn(volume, axes, slice, (hu) => {
      const shade = hu <= low ? 0 : hu >= high ? 255 : ((hu - low) * scale) | 0;
      return 0xff000000 | (shade << 16) | (shade << 8) | shade;
    });
  };

  // `colours` maps a label to a colour as a number (alpha, blue, green, red); others stay clear.
  const labels = (volume, axes, slice, colours) => drawn(volume, axes, slice, (label) => colours[label] ?? 0);

  const colour = (hex) => {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
  };

  return { AXES, grey, labels, colour };
})();
