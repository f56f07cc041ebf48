// What part of the picture the stage shows. Pure: {scale, x, y} is the picture's size on screen per picture pixel and
// where its top left corner lies, in CSS pixels of the stage; `picture` and `stage` are {width, height}.

export const MARGIN = 16; // so that a handle on the picture's edge can be taken hold of
const CLOSEST = 16; // screen pixels per picture pixel

export function fitScale(picture, stage) {
  const wide = (stage.width - 2 * MARGIN) / picture.width, high = (stage.height - 2 * MARGIN) / picture.height;
  return Math.max(Math.min(wide, high), 1e-3);
}

export function fit(picture, stage) {
  return kept({ scale: fitScale(picture, stage), x: 0, y: 0, fitted: true }, picture, stage);
}

// Zooms by a factor; what lies under `at` stays there.
export function zoomAt(view, factor, at, picture, stage) {
  const least = fitScale(picture, stage);
  const scale = Math.min(Math.max(view.scale * factor, least), Math.max(CLOSEST, least));
  const grown = scale / view.scale;
  const moved = { scale, x: at[0] - (at[0] - view.x) * grown, y: at[1] - (at[1] - view.y) * grown, fitted: scale <= least };
  return kept(moved, picture, stage);
}

export function pan(view, dx, dy, picture, stage) {
  return kept({ ...view, x: view.x + dx, y: view.y + dy }, picture, stage);
}

// The same part of the picture in a stage of another size.
export function resized(view, before, stage, picture) {
  if (view.fitted) return fit(picture, stage);
  const moved = { ...view, x: view.x + (stage.width - before.width) / 2, y: view.y + (stage.height - before.height) / 2 };
  return zoomAt(moved, 1, [stage.width / 2, stage.height / 2], picture, stage);
}

// Moves as little as possible so that the point (a share) is well inside the stage.
export function reveal(view, point, picture, stage) {
  const [x, y] = toScreen(view, picture, point);
  const room = 2 * MARGIN;
  const dx = Math.max(room - x, 0) + Math.min(stage.width - room - x, 0);
  const dy = Math.max(room - y, 0) + Math.min(stage.height - room - y, 0);
  return dx || dy ? pan(view, dx, dy, picture, stage) : view;
}

// The whole picture is centred; a larger one leaves no more free at a side than that does, so that zooming in and out again
// at any place never has to move what lies there.
function kept(view, picture, stage) {
  const least = fitScale(picture, stage);
  const along = (place, size, room) => {
    const free = (room - size * least) / 2;
    return Math.min(Math.max(place, room - free - size * view.scale), free);
  };
  return { ...view, x: along(view.x, picture.width, stage.width), y: along(view.y, picture.height, stage.height) };
}

export const toScreen = (view, picture, [x, y]) => [view.x + x * picture.width * view.scale, view.y + y * picture.height * view.scale];
export const toShare = (view, picture, [x, y]) => [(x - view.x) / (picture.width * view.scale), (y - view.y) / (picture.height * view.scale)];
