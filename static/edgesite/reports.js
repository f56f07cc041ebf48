/* Prints a report, with the table of its days, which is folded on the screen. */

const button = document.getElementById("report-print");
const days = document.querySelector(".reports-days");
let folded = false;

if (button) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

window.addEventListener("beforeprint", () => {
  folded = Boolean(days) && !days.open;
  if (folded) days.open = true;
});

window.addEventListener("afterprint", () => {
  if (folded) days.open = false;
});
