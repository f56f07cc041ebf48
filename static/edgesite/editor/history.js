// Undo and redo of whole states. A state is immutable, so a step is two references; nothing can be forgotten in it.

const TOGETHER_MS = 1000; // pressing an arrow key ten times in a row is one step

export function createHistory(limit = 500) {
  let past = [];
  let future = [];
  return {
    // merge: steps with the same non-empty text, soon after each other, become one.
    push(before, after, { label, merge = "", now = 0 }) {
      const last = past.at(-1);
      const joins = merge !== "" && last?.merge === merge && now - last.now < TOGETHER_MS && future.length === 0 && last.after === before;
      if (joins) past = [...past.slice(0, -1), { ...last, after, now }];
      else past = [...past, { before, after, label, merge, now }].slice(-limit);
      future = [];
    },
    undo() {
      const step = past.at(-1);
      if (!step) return null;
      past = past.slice(0, -1);
      future = [...future, step];
      return { state: step.before, label: step.label };
    },
    redo() {
      const step = future.at(-1);
      if (!step) return null;
      future = future.slice(0, -1);
      past = [...past, { ...step, merge: "" }];
      return { state: step.after, label: step.label };
    },
    // Puts another state in the place of each; `change` answers the same one for the same one.
    rewrite(change) {
      const changed = (step) => ({ ...step, before: change(step.before), after: change(step.after) });
      [past, future] = [past.map(changed), future.map(changed)];
    },
    get undoable() { return past.at(-1)?.label ?? ""; },
    get redoable() { return future.at(-1)?.label ?? ""; },
  };
}
