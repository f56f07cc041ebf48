// One gesture each: what a pressed pointer does until it is let go. move(p, event), up(p, event), cancel().

import * as commands from "./commands.js";
import { distance, handles, isTwoCorners } from "./geometry.js";
import { anchors, snapTargets } from "./pick.js";
import { snap } from "./snap.js";
import { count, nameOf, say, share } from "./words.js";

export const STILL = 4; // pixels that a click may wander
const SNAP_REACH = 8;

const snaps = (ui, event) => ui.snap && !event.altKey;

// Snaps a pointer's place and shows why.
export function snapped(editor, p, event, targets, around) {
  const { ui, view } = editor;
  if (!snaps(ui, event) && !event.shiftKey) {
    view.drawGuides([]);
    return p;
  }
  const found = snap(p, snaps(ui, event) ? targets : {}, snaps(ui, event) || event.shiftKey ? around : [], SNAP_REACH, event.shiftKey);
  view.drawGuides(found.guides);
  return found.at;
}

// Drags handles of one region; with `insertAt`, a new point on that edge first.
export function dragHandles(editor, start, { key, index, insertAt = null }) {
  const { model, stage, view, speak } = editor;
  const begin = model.state;
  const chosen = begin.selection.points.includes(index) && insertAt === null ? begin.selection.points : [index];
  const prepared = insertAt === null ? commands.select(begin, [key], chosen) : commands.insertPoint(begin, key, index - 1, insertAt);
  const roi = commands.find(prepared, key);
  const grip = stage.toScreen(handles(roi)[index]);
  const targets = snapTargets({ ...editor, state: prepared }, { own: roi, index });
  const around = isTwoCorners(roi) ? [] : anchors(roi, index, stage);
  const put = (p, event) => {
    const wanted = [grip[0] + p[0] - start[0], grip[1] + p[1] - start[1]];
    const at = stage.toShare(chosen.length > 1 ? wanted : snapped(editor, wanted, event, targets, around));
    const old = handles(roi)[index];
    model.preview(() => (chosen.length > 1
      ? commands.moveHandles(prepared, key, chosen, [at[0] - old[0], at[1] - old[1]])
      : commands.placeHandle(prepared, key, index, at)));
  };
  return {
    move: put,
    up() {
      view.drawGuides([]);
      model.keep(insertAt === null ? "point_moved" : "point_added");
      const moved = commands.find(model.state, key);
      const point = moved && handles(moved)[index];
      if (point) speak(say("point_at", { n: index + 1, x: share(point[0]), y: share(point[1]) }));
    },
    cancel() {
      view.drawGuides([]);
      model.drop();
    },
  };
}

// Moves the selected regions; a point of theirs snaps to a point of the others.
export function dragShapes(editor, start) {
  const { model, stage, view, speak, ui } = editor;
  const begin = model.state;
  const { keys } = begin.selection;
  const own = commands.selected(begin).flatMap((roi) => roi.coordinates).map(stage.toScreen);
  const { points } = snapTargets(editor, { skip: keys });
  const origin = stage.toShare([0, 0]);
  return {
    move(p, event) {
      let shift = [p[0] - start[0], p[1] - start[1]];
      if (event.shiftKey) shift = snap(shift, {}, [[0, 0]], SNAP_REACH, true).at;
      else if (snaps(ui, event)) shift = magnet(own, shift, points);
      const [x, y] = stage.toShare(shift);
      model.preview((state) => commands.moveRois(state, keys, [x - origin[0], y - origin[1]]));
    },
    up() {
      model.keep("moved");
      speak(count("moved", keys.length));
    },
    cancel() {
      view.drawGuides([]);
      model.drop();
    },
  };
}

function magnet(own, [dx, dy], targets) {
  let best = [dx, dy], nearest = SNAP_REACH;
  for (const [x, y] of own) {
    for (const [tx, ty] of targets) {
      const away = Math.hypot(tx - x - dx, ty - y - dy);
      if (away < nearest) [nearest, best] = [away, [tx - x, ty - y]];
    }
  }
  return best;
}

// A rubber band: the regions wholly in it, or else the points of the only selected region.
export function dragMarquee(editor, start, adding) {
  const { model, stage, view, ui } = editor;
  const begin = model.state;
  const inside = ([x, y], a, b) => x >= Math.min(a[0], b[0]) && x <= Math.max(a[0], b[0]) && y >= Math.min(a[1], b[1]) && y <= Math.max(a[1], b[1]);
  const choose = (p) => {
    const whole = begin.rois.filter((roi) => !ui.hidden.has(roi.key) && handles(roi).every((point) => inside(stage.toScreen(point), start, p)));
    const roi = commands.only(begin);
    if (!whole.length && roi) {
      const points = handles(roi).flatMap((point, i) => (inside(stage.toScreen(point), start, p) ? [i] : []));
      return points.length ? [[roi.key], points] : [adding ? begin.selection.keys : [], []];
    }
    const keys = whole.map((one) => one.key);
    return [adding ? [...new Set([...begin.selection.keys, ...keys])] : keys, []];
  };
  return {
    move(p) {
      view.drawMarquee(start, p);
      model.select(...choose(p));
    },
    up() {
      view.drawMarquee(null);
      const { keys, points } = model.state.selection;
      editor.speak(points.length ? count("points_chosen", points.length) : count("chosen", keys.length));
    },
    cancel() {
      view.drawMarquee(null);
      model.select(begin.selection.keys, begin.selection.points);
    },
  };
}

export function dragPan({ stage }, start) {
  let last = start;
  return {
    move(p) {
      stage.pan(p[0] - last[0], p[1] - last[1]);
      last = p;
    },
    up() {},
    cancel() {},
  };
}

// Two fingers: what lies between them stays between them.
export function pinch({ stage }, a, b) {
  let middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], apart = Math.max(distance(a, b), 1);
  return {
    two(p, q) {
      const now = [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2], wide = Math.max(distance(p, q), 1);
      stage.pan(now[0] - middle[0], now[1] - middle[1]);
      stage.zoom(wide / apart, now);
      [middle, apart] = [now, wide];
    },
  };
}

// Drawing: a press places a point, dragging moves on to the next (rectangle, line), a click at the first one closes.
export function draw(editor, start, event, reach) {
  const { drawing, stage } = editor;
  const place = (p, how) => stage.toShare(snapDraft(editor, p, how));
  const { type, points } = drawing.draft;
  const drawn = points.map(stage.toScreen);
  if (type === "polygon" && points.length >= 3 && (distance(start, drawn[0]) <= reach || distance(start, drawn.at(-1)) <= STILL)) {
    drawing.finish();
    return { move() {}, up() {}, cancel() {} };
  }
  drawing.add(place(start, event));
  return {
    move(p, how) { if (drawing.active) drawing.hover(place(p, how)); },
    up(p, how) {
      if (drawing.started && distance(p, start) > STILL * 2) drawing.add(place(p, how));
    },
    cancel() { if (drawing.started) drawing.back(); },
  };
}

export function snapDraft(editor, p, event) {
  const { drawing, stage } = editor;
  const { type, points } = drawing.draft;
  const drawn = points.map(stage.toScreen);
  const targets = snapTargets(editor);
  const around = type === "rectangle" || !drawn.length ? [] : [drawn.at(-1), ...(drawn.length > 2 ? [drawn[0]] : [])];
  return snapped(editor, p, event, { points: [...targets.points, ...drawn.slice(0, 1)], segments: targets.segments }, around);
}

