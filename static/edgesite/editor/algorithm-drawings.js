// A small drawing for each algorithm: region dashed, people filled, what raises the alert in the accent colour.

import { svg } from "./dom.js";

const region = (d = "M10 16h38l10 24H4z") => svg("path", { class: "ag-region", d });
const way = (d) => svg("path", { class: "ag-way", d });
const edge = (d) => svg("path", { class: "ag-edge", d });
const text = (x, y, letter) => svg("text", { class: "ag-text", x, y }, letter);

// Stands with the feet at x, y. kind: "", "ag-hot" (raises the alert) or "ag-ghost" (is not there).
function person(x, y, kind = "") {
  return svg("g", { class: `ag-person ${kind}`, transform: `translate(${x} ${y})` }, svg("circle", { cy: -14, r: 3.2 }), svg("path", { d: "M-4.500 0v-5a4.500 4.500 0 0 1 9 0v5z" }));
}

const arrow = (x, y, dx, dy) => {
  const length = Math.hypot(dx, dy), ux = (dx / length) * 5, uy = (dy / length) * 5, ex = x + dx, ey = y + dy;
  return way(`M${x} ${y}L${ex} ${ey}M${(ex - ux - uy).toFixed(1)} ${(ey - uy + ux).toFixed(1)}L${ex} ${ey}L${(ex - ux + uy).toFixed(1)} ${(ey - uy - ux).toFixed(1)}`);
};

const clock = (x, y) => svg("g", { class: "ag-clock", transform: `translate(${x} ${y})` }, svg("circle", { r: 6 }), svg("path", { d: "M0 -3.500V0L2.500 1.500" }));

const DRAWINGS = {
  intrusion: () => [region("M22 14h34l6 26H14z"), person(7, 32, "ag-ghost"), arrow(14, 28, 14, 0), person(40, 34, "ag-hot")],
  loitering: () => [region(), way("M14 34c4 -8 8 4 12 -2s6 -6 10 0"), person(42, 36, "ag-hot"), clock(55, 9)],
  leave_post: () => [region("M4 16h30l8 24H0z"), person(19, 35, "ag-ghost ag-hot"), arrow(29, 28, 14, 0), person(54, 35), clock(33, 8)],
  occupancy: () => [region(), person(18, 35), person(31, 33), person(44, 36), person(25, 40, "ag-hot"), person(38, 41, "ag-hot")],
  line_crossing: () => [edge("M20 42L40 6"), text(14, 16, "A"), text(50, 34, "B"), person(14, 38, "ag-ghost"), arrow(22, 30, 16, 0), person(50, 26, "ag-hot")],
  procedure: () => [region("M1 6h17v16H1z"), text(9.5, 14.5, "1"), region("M1 26h17v16H1z"), text(9.5, 34.5, "2"), arrow(21, 24, 9, 0), region("M36 10h26v32H34z"), person(49, 37, "ag-hot")],
  attribute: () => [
    region("M6 6h52v36H6z"), svg("circle", { class: "ag-head", cx: 32, cy: 23, r: 8 }), svg("path", { class: "ag-head", d: "M18 42a14 10 0 0 1 28 0" }),
    svg("path", { class: "ag-way", d: "M22.500 20a9.500 9.500 0 0 1 19 0z" }), svg("path", { class: "ag-strike", d: "M22 28L42 8" }),
  ],
};

// For an algorithm that has no drawing of its own: somebody in a region.
const OTHER = () => [region(), person(31, 35, "ag-hot")];

export const drawingOf = (code) => svg("svg", { class: "ag", viewBox: "0 0 64 46", "aria-hidden": "true" }, ...(DRAWINGS[code] ?? OTHER)());
