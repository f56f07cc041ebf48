// Leaving with unsaved work asks first: in our own words for links of this page, in the browser's for the rest.

import { ask, byId } from "./dom.js";

export function guard({ model, drawing }, save) {
  const dialog = byId("editor-leave");
  let leaving = false;
  const unsaved = () => model.dirty || (drawing.active && drawing.draft.points.length > 0);

  window.addEventListener("beforeunload", (event) => {
    if (leaving || !unsaved()) return;
    event.preventDefault();
  });

  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a[href]");
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0 || link?.target === "_blank";
    if (!link || elsewhere || event.defaultPrevented || link.getAttribute("href").startsWith("#") || !unsaved()) return;
    event.preventDefault();
    const answer = await ask(dialog);
    if (answer === "leave" || (answer === "save" && (await save()))) {
      leaving = true;
      window.location.assign(link.href);
    }
  });
}
