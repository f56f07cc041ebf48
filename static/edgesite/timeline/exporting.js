// The form that exports a stretch of the shown day.

import { ask, day as fetchDay, Refusal } from "./server.js";
import { hms, page, say, ymd } from "./words.js";

const form = document.getElementById("tl-export");
const field = (name) => document.getElementById(name);

// A time that the player gave is exact, since an hour may come twice, and it stays of its day when another one is shown.
const given = (input) => (input.dataset.shown === input.value ? Number(input.dataset.at) : null);

const split = (input) => input.value.split(":").map(Number);

// What a clock of the site shows as Unix seconds: on this day, within the hour that begins with such a label.
function moment(input, day) {
  if (given(input) !== null) return given(input);
  const [hour, minute, second = 0] = split(input);
  const found = day.hours.findLast(([, label]) => Number(label.slice(0, 2)) === hour) ?? day.hours.find(([, label]) => Number(label.slice(0, 2)) > hour);
  return (found ? found[0] : day.begin) + minute * 60 + second;
}

function fill(input, at) {
  input.value = hms(at);
  input.dataset.shown = input.value;
  input.dataset.at = Math.floor(at);
}

// Whether a typed end lies before the beginning and means the next day, as far as an export may reach there.
function crosses(from, to, day) {
  if (!to.value || given(to) !== null) return false;
  const [hour, minute, second = 0] = split(to);
  const [begin, there] = [moment(from, day), day.end + hour * 3600 + minute * 60 + second];
  return moment(to, day) < begin && begin < there && there - begin <= page.longest;
}

// The same time on the day after this one; a next day that has not come yet is like any other.
async function onNextDay(input, day) {
  const [hour, minute, second = 0] = split(input);
  return day.next ? moment(input, await fetchDay(day.next)) : day.end + hour * 3600 + minute * 60 + second;
}

// Beside a time that is not of the shown day its own.
function showDay(input, day) {
  const at = given(input);
  const other = at !== null && (at < day.begin || at >= day.end);
  field(`${input.id}-day`).textContent = other ? ymd(at) : "";
}

// What the form says is hidden: {hide, rois}; null while no region is chosen that stays visible.
function hiding() {
  const hide = field("tl-hide").value;
  if (hide !== "outside") return { hide };
  const rois = [...form.querySelectorAll("[name=roi]:checked")].map((box) => box.value);
  return rois.length ? { hide, rois } : null;
}

function showHiding() {
  const hide = field("tl-hide").value;
  field("tl-shown").hidden = hide !== "outside";
  field("tl-hides").hidden = hide === "nothing";
}

// Answers what is to be called when another day is shown.
export function wireExport(day, place) {
  if (!form) return () => {};
  const [from, to, told] = [field("tl-from"), field("tl-to"), field("tl-export-said")];
  const showDays = () => {
    [from, to].forEach((input) => showDay(input, day()));
    if (crosses(from, to, day())) field("tl-to-day").textContent = say("next_day", { date: ymd(day().end) });
  };
  for (const input of [from, to]) {
    field(`${input.id}-here`).addEventListener("click", () => {
      fill(input, place());
      showDays();
    });
    input.addEventListener("input", showDays);
  }
  field("tl-hide").addEventListener("change", showHiding);
  showHiding();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const shown = day();
    const begin = moment(from, shown);
    const next = crosses(from, to, shown);
    if (!next && moment(to, shown) <= begin) {
      told.textContent = say("export_range");
      return;
    }
    const hidden = hiding();
    if (!hidden) {
      told.textContent = say("export_regions");
      return;
    }
    try {
      const end = next ? await onNextDay(to, shown) : moment(to, shown);
      const extract = await ask(begin, end, "export", hidden);
      told.textContent = say("export_begun");
      location.assign(extract.page);
    } catch (error) {
      told.textContent = error instanceof Refusal ? error.message : say("no_answer");
    }
  });
  return showDays;
}
