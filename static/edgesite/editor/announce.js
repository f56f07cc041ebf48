// What is said to who does not see the change. Two regions take turns, so that the same words twice are heard twice.

import { byId, setText } from "./dom.js";

const regions = [byId("editor-says-1"), byId("editor-says-2")];
let turn = 0;

export function speak(text) {
  if (!text) return;
  setText(regions[turn], "");
  turn = 1 - turn;
  setText(regions[turn], text);
}
