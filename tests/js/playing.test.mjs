// What is shown step by step plays, stops, goes one step on, and begins again.

import assert from "node:assert/strict";
import test from "node:test";

import { letPlay, stopPlaying } from "./common.mjs";

const WORDS = { play: "Play", stop: "Stop", step: "One step", again: "Back" };

// A clock that goes on when it is told to.
const running = new Set();
globalThis.setInterval = (call) => {
  const timer = { call };
  running.add(timer);
  return timer;
};
globalThis.clearInterval = (timer) => running.delete(timer);

function wait(paces) {
  for (let i = 0; i < paces; i++) for (const timer of [...running]) timer.call();
}

/** A view of three steps with its buttons, in a browser that wants motion or not. */
function played({ calm = false } = {}) {
  running.clear();
  globalThis.matchMedia = () => ({ matches: calm });
  const buttons = { ".play": {}, ".step": {}, ".again": {} };
  const view = { root: { querySelector: (name) => buttons[name] }, at: 0, length: 3, timer: 0 };
  const drawn = [];
  letPlay(view, WORDS, 100, () => drawn.push(view.at));
  const press = (name) => buttons[`.${name}`].onclick();
  const says = (name) => buttons[`.${name}`].textContent;
  return { view, drawn, press, says };
}

test("it is shown as it stands, at rest, and the buttons have their names", () => {
  const { drawn, says } = played();
  wait(5);
  assert.deepEqual(drawn, [0]);
  assert.deepEqual(["play", "step", "again"].map(says), ["Play", "One step", "Back"]);
});

test("Play shows one step after another, and stops at the last", () => {
  const { view, drawn, press, says } = played();
  press("play");
  assert.equal(says("play"), "Stop");
  wait(2);
  assert.deepEqual(drawn, [0, 0, 1, 2]);
  wait(5);
  assert.deepEqual(drawn, [0, 0, 1, 2, 3]);
  assert.equal(view.timer, 0);
  assert.equal(says("play"), "Play");
});

test("Stop stops it where it is, and Play goes on from there", () => {
  const { view, press, says } = played();
  press("play");
  wait(1);
  press("play");
  wait(5);
  assert.equal(view.at, 1);
  assert.equal(says("play"), "Play");
  press("play");
  wait(1);
  assert.equal(view.at, 2);
});

test("at the end, Play begins again", () => {
  const { view, press } = played();
  press("play");
  wait(5);
  press("play");
  assert.equal(view.at, 0);
  wait(1);
  assert.equal(view.at, 1);
});

test("one step stops it and goes one further, but not beyond the end", () => {
  const { view, press, says } = played();
  press("play");
  press("step");
  assert.equal(says("play"), "Play");
  wait(5);
  assert.equal(view.at, 1);
  for (let i = 0; i < 5; i++) press("step");
  assert.equal(view.at, 3);
});

test("back is the beginning, at rest", () => {
  const { view, press, says } = played();
  press("play");
  wait(2);
  press("again");
  wait(5);
  assert.equal(view.at, 0);
  assert.equal(says("play"), "Play");
});

test("who asks for less motion gets the end at once", () => {
  const { view, drawn, press, says } = played({ calm: true });
  press("play");
  assert.deepEqual(drawn, [0, 3]);
  assert.equal(view.timer, 0);
  assert.equal(says("play"), "Play");
});

test("what the page stops stays where it is", () => {
  const { view, press } = played();
  press("play");
  wait(1);
  stopPlaying(view);
  wait(5);
  assert.equal(view.at, 1);
});
