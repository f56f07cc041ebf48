// The week as arithmetic. A range is {from, to} in minutes since Monday 00:00: from lies in the week, to is later by at most
// a day and may lie beyond Sunday. A range belongs to the day on which it begins, as in the document.

export const DAY = 1440;
export const WEEK = 7 * DAY;
export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]; // as the text has them, in every language

export const dayOf = (range) => Math.floor(range.from / DAY);
export const pad = (number) => String(number).padStart(2, "0");
export const clock = (minute) => `${pad(Math.floor(minute / 60))}:${pad(minute % 60)}`;

export function minutesOf(text) {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text.trim()) ?? [];
  const total = Number(hours) * 60 + Number(minutes);
  return Number(minutes) < 60 && total <= DAY ? total : null;
}

// {day, start, end} of the document → range.
export function rangeOf({ day, start, end }) {
  const midnight = DAYS.indexOf(day) * DAY;
  const [first, last] = [minutesOf(start), minutesOf(end)];
  return { from: midnight + first, to: midnight + (last > first ? last : last + DAY) };
}

// What the clock shows at both ends; the end of the day is 24:00.
export function hoursOf({ from, to }) {
  const end = to - Math.floor(from / DAY) * DAY;
  return { start: clock(from % DAY), end: clock(end > DAY ? end - DAY : end) };
}

export const hoursText = (range) => Object.values(hoursOf(range)).join("-");
const ordered = (week) => week.toSorted((a, b) => a.from - b.from || a.to - b.to);

// A stretch of any length as ranges: each at most a day, and a whole day only from midnight.
export function pieces(from, to) {
  const start = ((from % WEEK) + WEEK) % WEEK;
  const length = Math.min(to - from, WEEK);
  const whole = start % DAY === 0 ? DAY : DAY - 1;
  if (length <= whole) return length > 0 ? [{ from: start, to: start + length }] : [];
  const first = DAY - (start % DAY);
  return [{ from: start, to: start + first }, ...pieces(start + first, start + length)];
}

// The week with one more stretch; what begins on the same day and touches it becomes one with it.
export function add(week, from, to) {
  let kept = week;
  for (const piece of pieces(from, to)) {
    let grown = piece;
    for (;;) {
      const near = kept.filter((one) => dayOf(one) === dayOf(grown) && one.from <= grown.to && grown.from <= one.to);
      const joined = near.reduce((all, one) => ({ from: Math.min(all.from, one.from), to: Math.max(all.to, one.to) }), grown);
      if (pieces(joined.from, joined.to).length !== 1) break;
      kept = kept.filter((one) => !near.includes(one));
      const same = joined.from === grown.from && joined.to === grown.to;
      grown = joined;
      if (same) break;
    }
    if (!kept.some((one) => one.from === grown.from && one.to === grown.to)) kept = [...kept, grown];
  }
  return ordered(kept);
}

export const without = (week, range) => week.filter((one) => one !== range);
export const replace = (week, range, from, to) => add(without(week, range), from, to);
export const clearDay = (week, day) => week.filter((one) => dayOf(one) !== day);

// The day's ranges on other days too, in place of what they had.
export function copyDay(week, day, others) {
  const own = week.filter((one) => dayOf(one) === day);
  const kept = week.filter((one) => !others.includes(dayOf(one)));
  const shifted = others.flatMap((other) => own.map(({ from, to }) => ({ from: from + (other - day) * DAY, to: to + (other - day) * DAY })));
  return ordered([...kept, ...shifted]);
}

const everyDay = (days, from, to) => days.map((day) => ({ from: day * DAY + from, to: day * DAY + to }));
export const PRESETS = {
  working: () => everyDay([0, 1, 2, 3, 4], 8 * 60, 18 * 60),
  nights: () => everyDay([0, 1, 2, 3, 4, 5, 6], 22 * 60, 30 * 60),
  always: () => everyDay([0, 1, 2, 3, 4, 5, 6], 0, DAY),
  clear: () => [],
};

// The range that has this minute of the week; the one of its own day before the end of a night.
export function at(week, minute) {
  const inside = week.filter(({ from, to }) => (from <= minute && minute < to) || minute + WEEK < to);
  return inside.find((one) => dayOf(one) === Math.floor(minute / DAY)) ?? inside[0] ?? null;
}

// What is to be drawn in each day's row: {range, from, to, begins, ends}, minutes of that day.
export function bars(week) {
  const rows = DAYS.map(() => []);
  for (const range of week) {
    const day = dayOf(range);
    const midnight = day * DAY;
    rows[day].push({ range, from: range.from - midnight, to: Math.min(range.to - midnight, DAY), begins: true, ends: range.to <= midnight + DAY });
    if (range.to > midnight + DAY) rows[(day + 1) % 7].push({ range, from: 0, to: range.to - midnight - DAY, begins: false, ends: true });
  }
  return rows;
}

const holidayText = ({ kind, like, hours }) => (kind === "like" ? `like ${NAMES[DAYS.indexOf(like)]}` : kind === "hours" ? hours.trim() : "closed");

// The text that the server reads, in its own form, and on which line each holiday stands (index → line, from 1).
export function write(week, holidays) {
  const hours = DAYS.map((_, day) => ordered(week).filter((one) => dayOf(one) === day).map(hoursText).join(", "));
  const lines = [];
  for (let day = 0; day < 7; day++) {
    let last = day;
    while (last < 6 && hours[day] && hours[last + 1] === hours[day]) last++;
    if (hours[day]) lines.push(`${NAMES[day]}${last > day ? `-${NAMES[last]}` : ""} ${hours[day]}`);
    day = last;
  }
  const places = new Map();
  const dated = holidays.map((one, index) => ({ ...one, index })).filter(({ date }) => date).toSorted((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0));
  for (const one of dated) {
    const name = one.name.trim();
    lines.push(`${one.date} ${holidayText(one)}${name ? `  # ${name}` : ""}`);
    places.set(lines.length, one.index);
  }
  return { text: lines.join("\n"), places };
}

// A holiday of the server's answer as the list holds it.
export function holidayOf({ date, name = "", like = "", intervals = [] }) {
  const hours = intervals.map(({ start, end }) => `${start}-${end}`).join(", ");
  return { date, name, kind: like ? "like" : hours ? "hours" : "closed", like: like || "sun", hours };
}
