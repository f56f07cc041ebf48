// A schedule's page: the week to draw on, its holidays, and the text that both are.

import { byId, setAttribute, setText } from "../editor/dom.js";
import { Grid } from "./grid.js";
import { Holidays } from "./holidays.js";
import { Keyboard } from "./keyboard.js";
import { Panel } from "./panel.js";
import { Plan } from "./plan.js";
import { Pointer } from "./pointer.js";
import { Text } from "./text.js";

function start(root) {
  const area = byId("id_hours");
  const plan = new Plan();
  const grid = new Grid(byId("sk-grid"), plan);
  const show = (text) => setText(byId("sk-readout"), text);
  new Pointer(grid, plan, { show });
  new Keyboard(grid, plan, { show });
  const panel = new Panel(grid, plan);
  const holidays = new Holidays(plan);
  const token = area.form.elements.csrfmiddlewaretoken.value;
  new Text(plan, { area, site: byId("id_site"), siteKey: root.dataset.site, url: root.dataset.preview, token, holidays, grid });
  grid.element.addEventListener("focusin", () => panel.draw());
  grid.element.addEventListener("pointerup", () => panel.draw());
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); // does not save the form
  });
  area.form.addEventListener("submit", (event) => {
    if (!holidays.complete()) event.preventDefault();
  });
  root.hidden = false;
  document.body.classList.add("sk-drawn");
  setAttribute(root, "data-ready", true);
}

const root = byId("schedule");
if (root) start(root);
