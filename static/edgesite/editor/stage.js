// The stage: where on the screen it is, which part of the picture it shows, and the picture itself beneath the shapes.

import { fit, pan, resized, reveal, toScreen, toShare, zoomAt } from "./viewport.js";

export class Stage {
  #size = { width: 0, height: 0 };
  #corner = null; // the stage's place in the window; measured when a pointer comes, not while it moves
  #listeners = [];
  #pending = false;

  // element: the stage; sheet: what is moved and scaled beneath the shapes (the picture or the empty grid).
  constructor(element, sheet) {
    this.element = element;
    this.sheet = sheet;
    this.picture = { width: 1920, height: 1080 };
    this.view = { scale: 1, x: 0, y: 0, fitted: true };
    new ResizeObserver(([entry]) => this.#resize(entry.contentRect)).observe(element);
    this.#resize(element.getBoundingClientRect());
    for (const name of ["scroll", "resize"]) window.addEventListener(name, () => { this.#corner = null; }, { passive: true, capture: true });
  }

  subscribe(listener) { this.#listeners.push(listener); }
  get size() { return this.#size; }
  get middle() { return [this.#size.width / 2, this.#size.height / 2]; }
  get fitScale() { return fit(this.picture, this.#size).scale; }

  #resize({ width, height }) {
    if (!width || !height) return;
    const before = this.#size;
    this.#size = { width, height };
    this.#corner = null;
    this.#set(before.width ? resized(this.view, before, this.#size, this.picture) : fit(this.picture, this.#size));
  }

  setPicture(width, height) {
    if (width === this.picture.width && height === this.picture.height) return;
    this.picture = { width, height };
    this.#set(fit(this.picture, this.#size));
  }

  fit() { this.#set(fit(this.picture, this.#size)); }
  zoom(factor, at = this.middle) { this.#set(zoomAt(this.view, factor, at, this.picture, this.#size)); }
  pan(dx, dy) { this.#set(pan(this.view, dx, dy, this.picture, this.#size)); }
  reveal(share) { this.#set(reveal(this.view, share, this.picture, this.#size)); }

  toScreen = (share) => toScreen(this.view, this.picture, share);
  toShare = (point) => toShare(this.view, this.picture, point);

  // A pointer's place on the stage.
  place(event) {
    this.#corner ??= this.element.getBoundingClientRect();
    return [event.clientX - this.#corner.left, event.clientY - this.#corner.top];
  }

  forgetPlace() { this.#corner = null; }

  #set(view) {
    this.view = view;
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#lay();
      for (const listener of this.#listeners) listener();
    });
  }

  #lay() {
    const { scale, x, y } = this.view;
    const { style } = this.sheet;
    style.width = `${this.picture.width}px`;
    style.height = `${this.picture.height}px`;
    style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    style.setProperty("--grid", `${1 / scale}px`); // a hairline at any zoom
    this.sheet.classList.toggle("ed-coarse", scale * devicePixelRatio > 3);
  }
}
